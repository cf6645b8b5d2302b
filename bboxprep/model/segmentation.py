"""Masks of all objects of one picture in one indexed picture, as the VOC devkit draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.shapes import Boxes, box_areas, hull
from bboxprep.model.rle import Rle

VOID = 255  # the border around objects that belongs to nobody
BORDER = 5.0  # px; as wide as the devkit draws it, on each side of an object
LEAST_OVERLAP = 0.5  # of a mask's hull and its object's box, as intersection over union


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The picture at `path`, in which the object of row r has the pixels whose value is ``numbers[r]``.

    It lies in the plane of the labels; 0 is the background, `VOID` nobody's.
    """

    path: Path
    numbers: tuple[int, ...]


def cut_out(indices: NDArray[np.uint8], numbers: Sequence[int], boxes: Boxes) -> tuple[list[Rle | None], int]:
    """The mask of each object in `indices` (H, W), None where it has none; and how many lie elsewhere than the boxes.

    A mask must fill at least `LEAST_OVERLAP` of what it and the box (N, 4) cover, where the border of nobody's pixels
    that the devkit draws counts as the object's.
    """
    slack = BORDER if (indices == VOID).any() else 0.0
    found = np.unique(indices)
    masks: list[Rle | None] = [None] * len(numbers)
    astray = 0
    for row, number in enumerate(numbers):
        if number not in found or number in {0, VOID}:
            continue
        mask = indices == number
        if _overlap(boxes[row], _around(mask), slack) >= LEAST_OVERLAP:
            masks[row] = Rle.from_mask(mask)
        else:
            astray += 1
    return masks, astray


def beyond(indices: NDArray[np.uint8], last: int) -> list[int]:
    """The values in `indices` (H, W) that stand for no object of a picture that has `last` of them."""
    return [value for value in np.unique(indices).tolist() if last < value != VOID]


def _around(mask: NDArray[np.bool_]) -> Boxes:
    rows, columns = np.nonzero(mask)
    low, high = hull(np.stack((columns, rows), axis=1).astype(np.float64)).reshape(2, 2)
    return np.concatenate((low, high + 1.0))


def _overlap(box: Boxes, mask: Boxes, slack: float) -> float:
    """Intersection over union of two boxes (4,), the second one's edges moved towards the first by `slack` at most."""
    if not np.isfinite(box).all():
        return 0.0
    grown = np.clip(box, mask - slack, mask + slack)
    both = np.concatenate((np.maximum(box[:2], grown[:2]), np.minimum(box[2:], grown[2:])))
    common, one, other = box_areas(np.stack((both, box, grown))) * (both[2:] > both[:2]).all()
    return float(common / (one + other - common)) if common else 0.0
