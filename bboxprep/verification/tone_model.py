"""Stretched and equalised histograms, and streaks, worked out for gray images a second time.

What is margin has no part in a histogram, and keeps its levels.
"""

from __future__ import annotations

from math import ceil, cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.gray_levels import Gray
from bboxprep.images.opencv import opencv

Mask = NDArray[np.bool_]  # (H, W)


def table_applied(gray: Gray, levels: NDArray[np.float64]) -> Gray:
    """`gray` (H, W) with each level i replaced by ``levels[i]``, held within 0 and 255."""
    rounded: Gray = np.rint(np.clip(levels, 0.0, 255.0)).astype(np.uint8)
    return rounded[gray]


def stretched(gray: Gray, low: float, high: float, seen: Mask | None) -> Gray:
    """`gray` (H, W) with the levels between two percentiles of what is `seen` stretched to 0 to 255."""
    shown = _shown(gray, seen)
    if not shown.size:
        return gray
    first, last = np.percentile(shown, (low, high))
    if last <= first:
        return gray
    return _kept(gray, seen, table_applied(gray, (np.arange(256) - first) * 255.0 / (last - first)))


def equalized(gray: Gray, seen: Mask | None) -> Gray:
    """`gray` (H, W) with the histogram of what is `seen` equalised."""
    changed = gray.copy()
    if seen is None:
        return np.asarray(opencv().equalizeHist(gray))
    if seen.any():
        changed[seen] = opencv().equalizeHist(gray[seen]).reshape(-1)
    return changed


def equalized_in_tiles(gray: Gray, clip: float, tiles: int, seen: Mask | None) -> Gray:
    """`gray` (H, W) after CLAHE of the rectangle around what is `seen`."""
    where = np.argwhere(np.ones(gray.shape, dtype=np.bool_) if seen is None else seen)
    if not len(where):
        return gray
    (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0) + 1
    part, changed = np.ascontiguousarray(gray[top:bottom, left:right]), gray.copy()
    grid = (min(tiles, *part.shape),) * 2
    changed[top:bottom, left:right] = opencv().createCLAHE(clip, grid).apply(part)
    return _kept(gray, seen, changed)


def streaked(gray: Gray, length: float, angle: float) -> Gray:
    """The mean of `gray` (H, W) at places along a line of `length` px, at `angle` degrees from the x axis."""
    cv2, points = opencv(), ceil(2.0 * length)
    total = np.zeros(gray.shape, dtype=np.float32)
    for place in np.linspace(-(length - 1.0) / 2.0, (length - 1.0) / 2.0, points).tolist():
        shift = np.array([[1.0, 0.0, place * cos(radians(angle))], [0.0, 1.0, place * sin(radians(angle))]])
        moved = cv2.warpAffine(gray, shift, gray.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        total += moved
    return np.asarray(np.rint(total / points).astype(np.uint8))


def _shown(gray: Gray, seen: Mask | None) -> Gray:
    return gray if seen is None else gray[seen]


def _kept(gray: Gray, seen: Mask | None, changed: Gray) -> Gray:
    return changed if seen is None else np.where(seen, changed, gray)
