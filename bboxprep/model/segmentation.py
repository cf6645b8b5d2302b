"""Instance masks in pictures of their own, which are read when the plane of the labels is known: one picture with the
numbers of the objects, as in ``SegmentationObject`` of the VOC devkit, or one for each object, as in Open Images.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes, overlap
from bboxprep.model.rle import Rle

VOID = 255  # the border around objects, which belongs to no object
BORDER = 5.0  # px; as wide as the devkit draws it, on each side of an object
LEAST_OVERLAP = 0.5  # of the box around an outline and the box of its object, intersection over union


class Segmentation(msgspec.Struct, frozen=True):
    """The indexed image at `path`, in which the object of row r has the pixels whose value is ``numbers[r]``.

    It lies in the plane of the labels; 0 is the background, `VOID` belongs to no object.
    """

    path: Path
    numbers: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of masks that it may have."""
        return sum(map(bool, self.numbers))

    def of_rows(self, rows: Sequence[int]) -> Segmentation:
        """That of objects whose rows here are `rows`, -1 for an object without a mask."""
        return msgspec.structs.replace(self, numbers=tuple(0 if row < 0 else self.numbers[row] for row in rows))


class ObjectPictures(msgspec.Struct, frozen=True):
    """The pictures of objects: that of the object of row r is at ``paths[r]``, None for none. What is not black is the
    object. They cover the image in the plane of the labels, in any size.
    """

    paths: tuple[Path | None, ...]

    @property
    def count(self) -> int:
        """The number of masks that it may have."""
        return sum(path is not None for path in self.paths)

    def of_rows(self, rows: Sequence[int]) -> ObjectPictures:
        """Those of objects whose rows here are `rows`, -1 for an object without a mask."""
        return ObjectPictures(tuple(None if row < 0 else self.paths[row] for row in rows))


def devkit_palette() -> NDArray[np.uint8]:
    """The colours (256, 3) that the VOC devkit gives the numbers 0 to 255."""
    numbers, colours = np.arange(256), np.zeros((256, 3), dtype=np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= ((numbers >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours


def read_masks(indices: NDArray[np.uint8], numbers: Sequence[int], boxes: Boxes) -> tuple[list[Rle | None], int]:
    """The mask of each object in `indices`, uint8 (H, W), None where it has none; and how many were left out.

    A mask is left out where its bounds and the box of its object, a row of `boxes` (N, 4) px, have an overlap of less
    than `LEAST_OVERLAP`. The border of `VOID` pixels that the devkit draws counts as the object's.
    """
    slack = BORDER if (indices == VOID).any() else 0.0
    found = np.unique(indices)
    masks: list[Rle | None] = [None] * len(numbers)
    left_out = 0
    for row, number in enumerate(numbers):
        if number not in found or number in {0, VOID}:
            continue
        mask = Rle.from_mask(indices == number)
        if _overlap(boxes[row], mask.bounds, slack) >= LEAST_OVERLAP:
            masks[row] = mask
        else:
            left_out += 1
    return masks, left_out


def fitted_mask(indices: NDArray[np.uint8], size: Size, box: Boxes) -> Rle | None:
    """The mask of `size` of what is not 0 in `indices`, uint8 (H, W) of any size: each pixel is the one under its
    centre. None where it does not meet the `box` (4,) px of its object.
    """
    mask = Rle.stretched(indices != 0, size)
    return mask if _overlap(box, mask.bounds, 0.0) > 0 else None


def unused_values(indices: NDArray[np.uint8], last: int) -> list[int]:
    """The values in `indices`, uint8 (H, W), that stand for no object of an image that has `last` of them."""
    return [value for value in np.unique(indices).tolist() if last < value != VOID]


def _overlap(box: Boxes, mask: Boxes, slack: float) -> float:
    """The overlap of two boxes (4,), the edges of the second one moved towards the first by `slack` px at most."""
    return overlap(box, np.clip(box, mask - slack, mask + slack)) if np.isfinite(box).all() else 0.0
