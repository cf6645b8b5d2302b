"""The pixel plane: sizes, affine maps, the eight turns, plans made of them, and shapes that follow. Numpy only."""
