"""Moves the expected gray image inside boxes as the record says, by the matrices of `arithmetic` and OpenCV.

What a turn or a shear brings from outside of a box is its content reflected, and is not compared: how it is reflected
is no matter of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bboxprep.geometry.affine import Size
from bboxprep.images.gray_levels import Gray
from bboxprep.images.opencv import opencv
from bboxprep.verification.arithmetic import after_step
from bboxprep.verification.region import Box, Matrix
from bboxprep.verification.tone_model import Mask

_WHERE = frozenset({"inside", "boxes", "still"})  # options that say where a step acts


def moved_in_boxes(
    gray: Gray, name: str, options: Mapping[str, Any], boxes: list[Box], still: list[Box]
) -> tuple[Gray, Mask]:
    """`gray` (H, W) with the content of each of `boxes` (4,) px moved by the step `name`, and that of those that are
    `still` as it is, the smaller ones on top; and where that is known (H, W).
    """
    places = [(np.rint(box).astype(int), True) for box in boxes] + [(np.rint(box).astype(int), False) for box in still]
    moved, known = gray.copy(), np.ones(gray.shape, dtype=np.bool_)
    step = {name: {key: value for key, value in options.items() if key not in _WHERE}}
    for (x0, y0, x1, y1), moves in sorted(places, key=lambda place: -_area(place[0])):
        part, content = np.s_[y0:y1, x0:x1], gray[y0:y1, x0:x1]
        if content.size:
            moved[part], known[part] = _moved(content, step) if moves else (content, True)
    return moved, known


def _area(box: Box) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _moved(content: Gray, step: Mapping[str, Any]) -> tuple[Gray, Mask]:
    """`content` (H, W) of a box after `step`, and where that is known."""
    height, width = content.shape
    after = after_step(step, Size(width, height))
    if isinstance(after, str):
        return content, np.zeros(content.shape, dtype=np.bool_)
    matrix, size = after
    matrix = np.diag([width / size.width, height / size.height, 1.0]) @ matrix
    cv2, by_centres = opencv(), _by_centres(matrix)
    options = {"dsize": (width, height), "borderMode": cv2.BORDER_REFLECT}
    whole = np.full(content.shape, 255, dtype=np.uint8)
    seen = cv2.warpAffine(whole, by_centres, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(cv2.warpAffine(content, by_centres, flags=cv2.INTER_CUBIC, **options)), np.asarray(seen == 255)


def _by_centres(matrix: Matrix) -> Matrix:
    """`matrix` for OpenCV, which counts from the centres of pixels: (2, 3)."""
    rows = matrix[:2].copy()
    rows[:, 2] += matrix[:2, :2].sum(axis=1) / 2.0 - 0.5
    return rows
