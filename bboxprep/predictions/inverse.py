"""The inverse map from a prepared image to the plane that its source's labels were drawn in.

Everything goes through the inverse of the affine that was recorded for its image and is then cut at the edge of the
source image: what a detector drew onto the margin of a letterbox is not in the source. What lies in the margin
altogether is dropped and counted. Images of one source (tiles, copies) become one list; nothing is suppressed in it,
since that is the evaluation's to decide.

Polygons, keypoints and masks come back as they are. A box on an image that was turned by no right angle is a turned
rectangle in its source, and comes back as the box around what of that lies in the source: never too small for it, and
the larger the nearer the angle is to 45 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.shapes import Boxes, clip_boxes, clip_ring, hull, map_boxes, ring_area, ring_around
from bboxprep.images.header import MOST_PIXELS
from bboxprep.model.rle import Rle
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import Run

LARGEST = 1e9  # no coordinate of a prediction, px or fraction, is as large
_BLOCK = 1 << 20  # pixels of a mask that are mapped at once


@dataclass(frozen=True)
class Unmapped:
    """The outcome: `read` predictions, of them `written` to `dest` for `images` images of the source, and
    `findings` on all others."""

    dest: Path
    read: int
    written: int
    images: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class FlipNames:
    """What the names in a mirrored image are in its source, where left and right changed places.

    `ids` (C,) are the category ids of the output, `labels` (C,) the label that each class becomes, `keypoints` for
    each class the order of its points.
    """

    ids: Sequence[int | None] = ()
    labels: Sequence[int] = ()
    keypoints: Sequence[Sequence[int]] = ()

    @classmethod
    def of(cls, run: Run) -> FlipNames:
        """Those that the record of `run` states."""
        flip = run.record.flip
        return cls(flip.category_ids, flip.labels, flip.keypoints)

    def label(self, label: int) -> int:
        """The class of the source that `label` is."""
        return self.labels[label] if label < len(self.labels) else label

    def category(self, number: object) -> object:
        """The category id of the source that the id `number` is."""
        return self.ids[self.label(self.ids.index(number))] if number in self.ids else number

    def order(self, number: object, count: int) -> list[int]:
        """Which of the `count` keypoints of an object of category `number` each one of the source is."""
        known = list(self.keypoints[self.ids.index(number)]) if number in self.ids else []
        return [known[row] if row < len(known) and known[row] < count else row for row in range(count)]


@dataclass(frozen=True, slots=True)
class InverseMap:
    """The way back from one prepared image of size `prepared` to its source's plane of size `source`."""

    affine: Affine
    prepared: Size
    source: Size

    def boxes(self, boxes: Boxes) -> Boxes:
        """Boxes (N, 4) in the source, cut at its edge; one that lay outside has no area.

        Where the axes were turned, those around what of the turned rectangles lies in the source.
        """
        if not self.affine.keeps_axes:
            return np.array([self._box_around(box) for box in boxes]).reshape(-1, 4)
        return clip_boxes(map_boxes(self.affine, boxes), self.source)

    def _box_around(self, box: Boxes) -> Boxes:
        x0, y0, x1, y1 = box.tolist()
        ring = self.ring(ring_around((x0, y0, x1, y1)))
        return hull(ring) if len(ring) else np.zeros(4)

    def ring(self, ring: Points) -> Points:
        """A closed ring (P, 2) in the source, cut at its edge; empty (0, 2) where nothing is left."""
        cut = clip_ring(self.affine(ring), self.source)
        return cut if len(cut) >= 3 and ring_area(cut) > 0 else np.zeros((0, 2))

    def points(self, points: Points) -> Points:
        """Points (..., 2) in the source; none is cut off."""
        return self.affine(points)

    def mask(self, mask: Rle) -> Rle:
        """A mask of the prepared image on the pixel grid of the source: each pixel has the value at its centre.

        Raises ValueError where either image has more than `MOST_PIXELS`.
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
    """The way back of `image`. Raises `UsageError` where the record does not hold it; no mosaic has one."""
    steps = image.recipe.get("steps") if image.recipe else None
    if isinstance(steps, list) and any(isinstance(step, dict) and "mosaic" in step for step in steps):
        raise UsageError(f"{image.output or image.source}: is made of several images")
    if image.frame_size is None or image.output_size is None:
        raise UsageError(f"{image.output or image.source}: the record does not hold its sizes")
    return InverseMap(image.to_source, image.output_size, image.frame_size)


class OutputNames:
    """The prepared images by every name that a prediction may call them: their path below the output, any end of it,
    each also without the suffix."""

    def __init__(self, run: Run, split: str | None) -> None:
        self._found: dict[str, list[ImageRow]] = {}
        for image in run.images:
            if image.output and split in (None, image.split):
                for name in _spellings(image.output):
                    self._found.setdefault(name, []).append(image)

    def find(self, name: str) -> ImageRow | str:
        """The image called `name`, or why it is none."""
        wanted = name.replace("\\", "/").removeprefix("./")
        found = self._found.get(wanted, [])
        if len(found) == 1:
            return found[0]
        if not found:
            return f"the output has no image {name!r}"
        some = " and ".join(str(image.output) for image in found[:2])
        return f"{name!r} may be {some}; name more of its path, or its split (`split`)"


def _spellings(output: str) -> Sequence[str]:
    parts = output.split("/")
    ends = ["/".join(parts[start:]) for start in range(len(parts))]
    stems = [end.rpartition(".")[0] for end in ends]
    number = (
        [str(int(stems[-1]))] if stems[-1].isascii() and stems[-1].isdigit() else []
    )  # some tools write 000139 as 139
    return list(dict.fromkeys([*ends, *stems, *number]))
