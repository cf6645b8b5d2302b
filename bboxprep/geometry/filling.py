"""The pixels that closed rings fill: those whose centres lie inside."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import Boxes, hull


def filled(rings: Iterable[Points], size: Size) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """The pixels of an image of `size` whose centres lie in any of the `rings`, (P, 2) px each: bool (H, W), of the
    part of the image around them, and the pixel (x, y) of its upper left corner. H or W is 0 where no ring meets the
    image.

    What a ring goes around twice is outside, as a hole that a seam joins to its rim. A centre on an edge is inside on
    the left and the upper side alone, so that rings side by side share no pixel.
    """
    parts = [ring for ring in rings if len(ring)]
    left, top, right, bottom = pixels_around(hull(np.concatenate(parts)), size) if parts else (0, 0, 0, 0)
    pixels = np.zeros((max(0, bottom - top), max(0, right - left)), dtype=np.bool_)
    for ring in parts if pixels.size else ():
        pixels |= _inside(ring - np.array([left, top]), pixels.shape[0], pixels.shape[1])
    return pixels, (left, top)


def pixels_around(box: Boxes, size: Size) -> tuple[int, int, int, int]:
    """The pixels that a `box` (4,) px meets in an image of `size`: first column and row, and those past the last."""
    x0, y0, x1, y1 = box.tolist()
    return max(0, floor(x0)), max(0, floor(y0)), min(size.width, ceil(x1)), min(size.height, ceil(y1))


def _inside(ring: Points, height: int, width: int) -> NDArray[np.bool_]:
    """Which pixels (`height`, `width`) have their centres in a `ring` (P, 2)."""
    following = np.roll(ring, -1, axis=0)
    first = np.clip(np.ceil(np.minimum(ring[:, 1], following[:, 1]) - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(ring[:, 1], following[:, 1]) - 0.5), 0, height).astype(np.int64)
    sides = np.repeat(np.arange(len(ring)), last - first)  # a side for each row of centres that it crosses
    rows = np.arange(len(sides)) - np.repeat(np.cumsum(last - first) - (last - first), last - first) + first[sides]
    (x0, y0), (x1, y1) = ring[sides].T, following[sides].T
    crossings = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
    columns = np.clip(np.ceil(crossings - 0.5), 0, width).astype(np.int64)
    turns = np.zeros((height, width + 1), dtype=np.int64)
    np.add.at(turns, (rows, columns), 1)
    return np.asarray(np.cumsum(turns[:, :width], axis=1) % 2 == 1)
