"""Geometry in the pixel plane: sizes, affine maps, EXIF turns, plans, boxes and rings. It imports numpy only."""
