"""Segments of an image and their pixels in a picture of ids: objects with masks, for the formats that have such.

**The box** of a segment is the stated one. Where none is stated, or pixels lie outside of it, the box is that around
its pixels. A box with decimals that its segment fills is no more than a box: a writer drew it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.formats.object_records import Box
from bboxprep.io.png import read_png
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle

MOST_PIXELS = 1 << 28
"""Of a picture of ids."""

_SLACK = 1.0  # px; by how much pixels may lie outside of the stated box: tools round it
_FEW = 5  # ids in a message

Ids = NDArray[np.int32]  # (H, W)


class Segment(msgspec.Struct, frozen=True):
    """The record of a segment, which stands at `where`: its id, the row of its class, and its box if one is stated."""

    id: int
    label: int
    box: Box | None
    where: str
    crowd: bool = False
    attributes: Mapping[str, Any] = {}
    track: int = NO_TRACK


class Segments(msgspec.Struct, frozen=True):
    """The objects of an image, and findings about it, which lack path and split."""

    objects: Instances
    findings: tuple[Finding, ...]


def gray_values(data: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The values (H, W) of the PNG `data`, gray or with a palette. Raises ValueError."""
    pixels = read_png(data, MOST_PIXELS)
    if pixels.shape[2] != 1:
        raise ValueError("a PNG of colors, want one with a palette or in gray, whose values are numbers")
    return pixels[..., 0]


def segment_objects(listed: Sequence[Segment], ids: Ids | None, named: Collection[int | None], where: str) -> Segments:
    """The objects of the segments `listed`, whose pixels have their `ids`, None where these are not known. Other ids
    than those `named` belong to no segment; findings about all of them are about `where`.
    """
    there = set() if ids is None else set(np.unique(ids).tolist())
    masks = {one.id: Rle.from_mask(ids == one.id) for one in listed if ids is not None and one.id in there}
    boxes = [_box(one, masks.get(one.id)) for one in listed]
    kept = [(one, box) for one, box in zip(listed, boxes, strict=True) if box is not None]
    findings = [
        Finding("record-unreadable", "states no box, and has no pixel in the PNG; dropped", "", one.where, 1)
        for one, box in zip(listed, boxes, strict=True)
        if box is None
    ]
    if ids is not None:
        findings += _misfits(kept, masks, sorted(there - {0} - {*named}), where)
    objects = Instances.of(
        np.array([box for _, box in kept], dtype=np.float64).reshape(-1, 4),
        [one.label for one, _ in kept],
        crowd=[one.crowd for one, _ in kept],
        masks=[None if _is_filled(box, masks.get(one.id)) else masks.get(one.id) for one, box in kept],
        attributes=[one.attributes for one, _ in kept],
        tracks=[one.track for one, _ in kept],
    )
    return Segments(objects, tuple(findings))


def _box(one: Segment, mask: Rle | None) -> Box | None:
    """The box of a segment; None where it has neither a box nor a mask."""
    if mask is None:
        return one.box
    x0, y0, x1, y1 = mask.bounds.tolist()
    return one.box if one.box is not None and not _reaches_out(one.box, mask) else (x0, y0, x1, y1)


def _is_filled(box: Box, mask: Rle | None) -> bool:
    """Whether `mask` has just the pixels that a `box` with decimals fills."""
    if mask is None or all(map(float.is_integer, box)):
        return False
    x0, y0, x1, y1 = np.ceil(np.array(box) - 0.5).tolist()
    return np.array_equal(mask.bounds, (x0, y0, x1, y1)) and mask.area == (x1 - x0) * (y1 - y0)


def _reaches_out(box: Box, mask: Rle) -> bool:
    """Whether pixels of `mask` lie outside of `box`."""
    around = mask.bounds
    return bool((around[:2] < np.array(box[:2]) - _SLACK).any() or (around[2:] > np.array(box[2:]) + _SLACK).any())


def _misfits(
    kept: Sequence[tuple[Segment, Box]], masks: Mapping[int, Rle], others: Sequence[int], where: str
) -> Iterator[Finding]:
    """Findings about segments without pixels, those whose pixels contradict their boxes, and pixels of `others`."""
    bare = [one.id for one, _ in kept if one.id not in masks]
    if bare:
        words = f"segments have no pixel in the PNG ({_some(bare)}); their boxes are kept"
        yield Finding("mask-misfit", words, where=where)
    moved = [one for one, box in kept if one.box is not None and one.box != box]
    if moved:
        some = _some([one.id for one in moved])
        words = f"pixels of segments lie outside of their boxes ({some}); the box around them is taken"
        yield Finding("record-repaired", words, where=moved[0].where)
    if others:
        words = f"the PNG shows segments that are not listed ({_some(others)}); left out"
        yield Finding("mask-misfit", words, where=where)


def _some(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - _FEW} more" if len(ids) > _FEW else ""
    return f"{', '.join(map(str, ids[:_FEW]))}{more}"
