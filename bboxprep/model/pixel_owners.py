"""Draws the objects of an image into one picture, in which a pixel belongs to one object: for formats of such masks.

**What lies above.** Where objects overlap, the one with fewer pixels lies above; of equal ones the later. A format may
put some objects below others by their level. So a large object never hides a small one. An object of which no pixel is
left keeps one all the same: programs refuse a picture that lacks an object of its labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.filling import filled
from bboxprep.geometry.shapes import ring_around
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample

NOBODY = -1

Level = TypeVar("Level", bound=np.generic)
_Part = tuple[NDArray[np.bool_], tuple[int, int]]  # the pixels of an object, and the corner x, y of the picture of them


class PixelOwners(msgspec.Struct, frozen=True, eq=False):
    """The row of the object that each pixel belongs to, `NOBODY` for none: int32 (H, W).

    `areas` are the pixels of each of the N objects, those that others hide too; `visible` those that are its own: int64
    (N,). `saved` are the rows of the objects that others hide wholly, and which keep one pixel.
    """

    owners: NDArray[np.int32]
    areas: NDArray[np.int64]
    visible: NDArray[np.int64]
    saved: tuple[int, ...]

    @property
    def hidden(self) -> NDArray[np.int64]:
        """The number of pixels of each object that belong to others: int64 (N,)."""
        return self.areas - self.visible


def draw_objects(instances: Instances, size: Size, levels: Sequence[int] | None = None) -> PixelOwners:
    """The pixels of `instances`, which lie in an image of `size`: by their polygons, else by their masks, oriented
    boxes or boxes; at least the pixel in the middle of the box. Those of a lower one of the `levels` (N) lie below.
    """
    areas = [int(np.count_nonzero(object_pixels(instances, row, size)[0])) for row in range(len(instances))]
    heights = levels or [0] * len(instances)
    owners = np.full((size.height, size.width), NOBODY, dtype=np.int32)
    for row in sorted(range(len(instances)), key=lambda row: (heights[row], -areas[row], row)):
        pixels, corner = object_pixels(instances, row, size)
        window_of(owners, pixels, corner)[pixels] = row
    visible = np.bincount(owners[owners != NOBODY], minlength=len(instances))
    lost = np.flatnonzero(visible == 0).tolist()
    saved = [row for row in lost if _save(owners, visible, row, object_pixels(instances, row, size))]
    return PixelOwners(owners, np.array(areas, dtype=np.int64), visible, tuple(saved))


def drawing_findings(sample: Sample, drawn: PixelOwners) -> Iterator[Finding]:
    """Notes about outlines that are drawn in whole pixels, and about pixels that objects hide."""
    outlined = sum(mask is None for mask in sample.instances.masks)
    if outlined:
        words = f"{outlined} of {len(sample.instances)} objects have no mask; what they have is drawn in whole pixels"
        yield Finding("value-rounded", words, sample.relative_path, split=sample.split)
    if hidden := int(drawn.hidden.sum()):
        count = int(np.count_nonzero(drawn.hidden))
        words = f"objects overlap: {hidden:,} pixels of {count} of them lie under others"
        words += f"; {len(drawn.saved)} would have none left and keep one" if drawn.saved else ""
        yield Finding("column-dropped", words, sample.relative_path, split=sample.split)


def object_pixels(instances: Instances, row: int, size: Size) -> _Part:
    """The pixels of the object at `row`, which lies in an image of `size`, at least one: by its polygons, else by its
    mask, oriented box or box. Bool (H, W), of the part of the image around them, and the pixel (x, y) of its corner.
    """
    box, rings, mask = instances.boxes[row], instances.polygons[row], instances.masks[row]
    if not rings and mask is not None and mask.area:
        x0, y0, x1, y1 = mask.bounds.astype(np.int64).tolist()
        return mask.mask()[y0:y1, x0:x1], (x0, y0)
    if not rings:
        turned = bool(np.isfinite(instances.oriented[row]).all())
        x0, y0, x1, y1 = box.tolist()
        rings = (instances.oriented[row] if turned else ring_around((x0, y0, x1, y1)),)
    pixels, corner = filled(rings, size)
    if pixels.any():
        return pixels, corner
    x, y = ((box[:2] + box[2:]) / 2.0).tolist()
    return np.ones((1, 1), dtype=np.bool_), (min(floor(x), size.width - 1), min(floor(y), size.height - 1))


def pixels_of_all(instances: Instances, size: Size) -> NDArray[np.bool_]:
    """The pixels of an image of `size` that belong to any of `instances`, as `object_pixels` has it: bool (H, W)."""
    drawn = np.zeros((size.height, size.width), dtype=np.bool_)
    for row in range(len(instances)):
        pixels, corner = object_pixels(instances, row, size)
        window_of(drawn, pixels, corner)[pixels] = True
    return drawn


def window_of(image: NDArray[Level], pixels: NDArray[np.bool_], corner: tuple[int, int]) -> NDArray[Level]:
    """The part of `image` (H, W) that `pixels` (h, w) from `corner` (x, y) on lie over, a view (h, w)."""
    (x, y), (height, width) = corner, pixels.shape
    return image[y : y + height, x : x + width]


def _save(owners: NDArray[np.int32], visible: NDArray[np.int64], row: int, part: _Part) -> bool:
    """Give the object at `row` one of its pixels, of the object that has the most; False where all have one alone."""
    window = window_of(owners, *part)
    rows, columns = np.nonzero(part[0])
    above = window[rows, columns]
    best = int(np.argmax(visible[above]))
    if visible[above[best]] < 2:
        return False
    visible[above[best]] -= 1
    visible[row] = 1
    window[rows[best], columns[best]] = row
    return True
