"""Annotations and pixels through a plan: mapped, clipped, hidden, pasted, rendered."""
