"""Executes plans on pixels: resampling, padding, turning."""
