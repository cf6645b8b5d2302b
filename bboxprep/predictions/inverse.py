"""The inverse map from a prepared image to the frame of its source's labels.

Predictions are mapped by the inverse of the recorded affine and clipped to the source image, since the margin of a
letterbox is not in the source. A prediction inside the margin is dropped and counted. The predictions on all outputs of
one source image (tiles, copies) become one list; `suppression` merges them where that is asked.

Polygons, keypoints and masks are mapped exactly. A box on an image that was not rotated by a right angle is a rotated
rectangle in the source. It becomes the box around the part of that rectangle inside the source, which is the larger the
nearer the angle is to 45 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.oriented import smallest_rectangle
from bboxprep.geometry.shapes import Boxes, clip_boxes, clip_ring, hull, map_boxes, ring_area, ring_around
from bboxprep.images.header import MOST_PIXELS
from bboxprep.model.rle import Rle
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import Run
from bboxprep.recipe.combining import COMBINING

MAX_COORDINATE = 1e9  # of a prediction, px or fraction
_EDGE_SLACK = 0.5  # px that a corner may lie outside of the source before its box counts as cut
_BLOCK = 1 << 20  # pixels of a mask that are mapped together


class Unmapped(msgspec.Struct, frozen=True):
    """The result: the number of predictions `read`, the number `written` to `dest` for `images` images of the source,
    and `findings` on all others. `ids` says in a few words what the category ids were taken for, "" where
    there are none.
    """

    dest: Path
    read: int
    written: int
    images: int
    findings: tuple[Finding, ...]
    ids: str = ""


class FlipNames(msgspec.Struct, frozen=True):
    """The classes and keypoints of a mirrored image in its source, where left and right are exchanged.

    `labels` (C,) are the source label of each label, `keypoints` the order of the keypoints of each class.
    """

    labels: Sequence[int] = ()
    keypoints: Sequence[Sequence[int]] = ()

    @classmethod
    def of(cls, run: Run) -> FlipNames:
        """The names in the record of `run`."""
        return cls(run.record.flip.labels, run.record.flip.keypoints)

    def label(self, label: int) -> int:
        """The source label of `label`."""
        return self.labels[label] if label < len(self.labels) else label

    def order(self, label: int, count: int) -> list[int]:
        """For each of `count` keypoints in the source, its number in the output, of an object of class `label`."""
        known = self.keypoints[label] if label < len(self.keypoints) else ()
        return [known[row] if row < len(known) and known[row] < count else row for row in range(count)]


class InverseMap(msgspec.Struct, frozen=True):
    """The map from one prepared image, of size `prepared`, to the frame of its source's labels, of size `source`."""

    affine: Affine
    prepared: Size
    source: Size

    def boxes(self, boxes: Boxes) -> Boxes:
        """Boxes (N, 4) px in the source, clipped to it; a box outside of it has no area.

        Where the map does not keep the axes: the boxes around the clipped rotated rectangles.
        """
        if not self.affine.keeps_axes:
            return np.array([self._box_around(box) for box in boxes]).reshape(-1, 4)
        return clip_boxes(map_boxes(self.affine, boxes), self.source)

    def _box_around(self, box: Boxes) -> Boxes:
        x0, y0, x1, y1 = box.tolist()
        ring = self.ring(ring_around((x0, y0, x1, y1)))
        return hull(ring) if len(ring) else np.zeros(4)

    def ring(self, ring: Points) -> Points:
        """A closed ring (P, 2) px in the source, clipped to it; empty (0, 2) where it lies outside."""
        cut = clip_ring(self.affine(ring), self.source)
        return cut if len(cut) >= 3 and ring_area(cut) > 0 else np.zeros((0, 2))

    def corners(self, corners: Points) -> Points:
        """The four corners (4, 2) px of an oriented box in the source; empty (0, 2) where it lies outside.

        Of a box that the edge of the source cuts, the corners of the smallest rectangle around what is left.
        """
        mapped = self.affine(corners)
        if ((mapped >= -_EDGE_SLACK) & (mapped <= np.array(self.source) + _EDGE_SLACK)).all():
            return mapped
        left = self.ring(corners)
        return smallest_rectangle(left) if len(left) else left

    def points(self, points: Points) -> Points:
        """Points (..., 2) px in the source, not clipped."""
        return self.affine(points)

    def mask(self, mask: Rle) -> Rle:
        """A mask of the prepared image resampled on the pixel grid of the source ("nearest" at pixel centres).

        Raises ValueError where one of the images has more than `MOST_PIXELS`.
        """
        if max(self.source.pixels, self.prepared.pixels) > MOST_PIXELS:
            raise ValueError(f"a mask of an image of more than {MOST_PIXELS:,} pixels")
        drawn, whole = mask.mask(), np.zeros((self.source.height, self.source.width), dtype=np.bool_)
        step = max(1, _BLOCK // self.source.width)
        for top in range(0, self.source.height, step):
            block = whole[top : top + step]
            columns, rows = np.meshgrid(np.arange(block.shape[1]) + 0.5, np.arange(top, top + len(block)) + 0.5)
            there = np.floor((~self.affine)(np.stack((columns, rows), axis=-1)))
            inside = np.asarray(((there >= 0) & (there < np.array(self.prepared))).all(axis=-1))
            at = np.where(inside[..., None], there, 0).astype(np.int64)
            block[:] = drawn[at[..., 1], at[..., 0]] & inside
        return Rle.from_mask(whole, compressed=mask.compressed)


def inverse_map(image: ImageRow) -> InverseMap:
    """The inverse map of `image`. Raises `UsageError` where the record lacks it, and where it is made of several."""
    steps = image.recipe.get("steps") if image.recipe else None
    if isinstance(steps, list) and any(isinstance(step, dict) and step.keys() & COMBINING for step in steps):
        raise UsageError(f"{image.output or image.source}: is made of several images")
    if image.frame_size is None or image.output_size is None:
        raise UsageError(f"{image.output or image.source}: the record does not hold its sizes")
    return InverseMap(image.to_source, image.output_size, image.frame_size)


class OutputNames:
    """Finds prepared images by name: their path below the output, or the end of it, each with or without suffix."""

    def __init__(self, run: Run, split: str | None) -> None:
        self._found: dict[str, list[ImageRow]] = {}
        for image in run.images:
            if image.output and split in (None, image.split):
                for name in _spellings(image.output):
                    self._found.setdefault(name, []).append(image)

    def find(self, name: str) -> ImageRow | str:
        """The image with the `name`, or the reason why there is none."""
        wanted = name.replace("\\", "/").removeprefix("./")
        found = self._found.get(wanted, [])
        if len(found) == 1:
            return found[0]
        if not found:
            return f"the output has no image {name!r}"
        examples = " and ".join(str(image.output) for image in found[:2])
        return f"{name!r} may be {examples}; name more of its path, or its split (`split`)"


def _spellings(output: str) -> Sequence[str]:
    parts = output.split("/")
    ends = ["/".join(parts[start:]) for start in range(len(parts))]
    stems = [end.rpartition(".")[0] for end in ends]
    number = (
        [str(int(stems[-1]))] if stems[-1].isascii() and stems[-1].isdigit() else []
    )  # some tools write 000139 as 139
    return list(dict.fromkeys([*ends, *stems, *number]))
