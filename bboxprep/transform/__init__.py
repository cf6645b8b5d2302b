"""Applies plans to annotations and pixels: mapping, clipping, occlusion, combinations, rendering."""
