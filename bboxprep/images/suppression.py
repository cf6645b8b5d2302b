"""Non-maximum suppression: of overlapping boxes those with the highest scores.

Upright boxes by OpenCV. Its overlap of turned ones is not used: of two boxes side by side on one line, 40 px long and
30 px apart, turned by 1.5 degrees, it says that they overlap by more than half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.shapes import Boxes, clip_to_convex, ring_area
from bboxprep.images.opencv import opencv

_LEAST_SCORE = 1e-30  # OpenCV leaves out what has a score of 0


def best_boxes(boxes: Boxes, scores: NDArray[np.float64], most: float) -> NDArray[np.bool_]:
    """Which of `boxes` (N, 4) x0 y0 x1 y1 px overlap no kept one of a higher of `scores` (N,) by more than `most`, the
    intersection over the union: bool (N,).
    """
    sides = np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), axis=1).tolist()
    return _flags(opencv().dnn.NMSBoxes(sides, _positive(scores), 0.0, most), len(boxes))


def best_turned_boxes(corners: NDArray[np.float64], scores: NDArray[np.float64], most: float) -> NDArray[np.bool_]:
    """As `best_boxes`, of turned boxes with these `corners` (N, 4, 2) px."""
    flags = np.zeros(len(corners), dtype=np.bool_)
    areas, outer = [ring_area(one) for one in corners], np.concatenate((corners.min(axis=1), corners.max(axis=1)), 1)
    for row in np.argsort(-scores, kind="stable"):
        apart = ((outer[row, :2] >= outer[:, 2:]) | (outer[:, :2] >= outer[row, 2:])).any(axis=1)
        near = np.flatnonzero(flags & ~apart)
        shared = [ring_area(clip_to_convex(corners[row], corners[other])) for other in near]
        unions = [areas[row] + areas[other] - part for other, part in zip(near, shared, strict=True)]
        flags[row] = all(part <= most * union for part, union in zip(shared, unions, strict=True))
    return flags


def _positive(scores: NDArray[np.float64]) -> list[float]:
    found: list[float] = np.maximum(scores, _LEAST_SCORE).tolist()
    return found


def _flags(rows: object, count: int) -> NDArray[np.bool_]:
    flags = np.zeros(count, dtype=np.bool_)
    flags[np.asarray(rows, dtype=np.int64).ravel()] = True
    return flags
