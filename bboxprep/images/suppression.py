"""Non-maximum suppression, by OpenCV: of overlapping boxes those with the highest scores.

Upright boxes overlap as rectangles of float64, turned ones as ``cv2.RotatedRect`` of float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Points
from bboxprep.geometry.oriented import rbox_of
from bboxprep.geometry.shapes import Boxes
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
    turned = [_rotated(one) for one in corners]
    return _flags(opencv().dnn.NMSBoxesRotated(turned, _positive(scores), 0.0, most), len(turned))


def _rotated(corners: Points) -> tuple[tuple[float, float], tuple[float, float], float]:
    x, y, width, height, angle = rbox_of(corners)
    return (x, y), (width, height), float(np.degrees(angle))


def _positive(scores: NDArray[np.float64]) -> list[float]:
    found: list[float] = np.maximum(scores, _LEAST_SCORE).tolist()
    return found


def _flags(rows: object, count: int) -> NDArray[np.bool_]:
    flags = np.zeros(count, dtype=np.bool_)
    flags[np.asarray(rows, dtype=np.int64).ravel()] = True
    return flags
