"""Reads the segments of an image: their records, and their pixels in its PNG.

**The PNG** is one of 8 bits, RGB: the id of a pixel's segment is R + 256 G + 65536 B, 0 for none (panopticapi,
``utils.py``). A palette is refused, for its numbers are none of ids.

**The box** of a segment is the stated one: x, y, width, height in px. Where it states none, or its pixels lie outside
of it, the box is that around its pixels. A box with decimals that its segment fills is no more than a box: a program
drew it, as `writer` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.formats.object_records import Box
from bboxprep.formats.panoptic.document import SegmentsRecord, value_of
from bboxprep.formats.record_values import UnusableRecord, coordinates
from bboxprep.geometry.affine import Size
from bboxprep.io import paths, png
from bboxprep.io.lenient_json import Key, decode, excerpt, key, number, whole
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle

MOST_SEGMENTS = 2**24 - 1
"""The largest id: three bytes."""

_MOST_BYTES = 1 << 30  # of a PNG
_MOST_PIXELS = 1 << 28
_KNOWN = frozenset({"id", "category_id", "area", "bbox", "iscrowd", "isthing"})
_SLACK = 1.0  # px; by how much pixels may lie outside of the stated box: tools round it
_FEW = 5  # ids in a message

Ids = NDArray[np.int32]  # (H, W)


class _Segment(msgspec.Struct, frozen=True):
    """The record of a segment; `box` is the stated one."""

    id: int
    label: int
    box: Box | None
    crowd: bool
    attributes: Mapping[str, Any]
    where: str


class Segments(msgspec.Struct, frozen=True):
    """The objects of an image, and findings about it, which lack path and split."""

    objects: Instances
    findings: tuple[Finding, ...]


def png_bytes(path: Path) -> bytes:
    """The bytes of the PNG at `path`. Raises `AnnotationError`."""
    return paths.read_bytes(path, _MOST_BYTES)


def read_ids(data: bytes) -> Ids:
    """The id of the segment of each pixel in the PNG `data`. Raises ValueError."""
    pixels = png.read_png(data, _MOST_PIXELS)
    if pixels.shape[2] not in (3, 4):
        raise ValueError("a PNG with a palette or in gray, want RGB: R + 256 G + 65536 B is the id of a segment")
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    return np.asarray(red + (green << 8) + (blue << 16))


def read_segments(
    record: SegmentsRecord,
    data: bytes | str,
    rows: Mapping[Key, int],
    left_out: Mapping[Key, str],
    declared: Size | None,
) -> Segments:
    """The segments of `record`, whose PNG has the bytes `data`, or cannot be read for the reason in them. `rows` are
    the labels of classes by their ids, `left_out` the names of those that are not wanted. The image has the size
    `declared`.
    """
    findings: list[Finding] = []
    stated = map(value_of, decode(record.segments, list[msgspec.Raw]))
    records = [fields if isinstance(fields, dict) else {} for fields in stated]
    listed = list(_listed(record, records, rows, left_out, findings))
    ids, problem = _ids(data, declared)
    if problem:
        findings.append(Finding("mask-misfit" if ids is not None else "shape-unreadable", problem, where=record.where))
        ids = None
    masks = {} if ids is None else _masks(ids, listed)
    boxes = [_box(one, masks.get(one.id)) for one in listed]
    for one, box in zip(listed, boxes, strict=True):
        if box is None:
            words = "has no bbox, and no pixel in the PNG; dropped"
            findings.append(Finding("record-unreadable", words, where=one.where, objects=1))
    kept = [(one, box) for one, box in zip(listed, boxes, strict=True) if box is not None]
    if ids is not None:
        findings += _misfits(record, kept, masks)
        findings += _unlisted(record, ids, {whole(fields.get("id")) for fields in records})
    objects = Instances.of(
        np.array([box for _, box in kept], dtype=np.float64).reshape(-1, 4),
        [one.label for one, _ in kept],
        crowd=[one.crowd for one, _ in kept],
        masks=[None if _is_filled(box, masks.get(one.id)) else masks.get(one.id) for one, box in kept],
        attributes=[one.attributes for one, _ in kept],
    )
    return Segments(objects, tuple(findings))


def _listed(
    record: SegmentsRecord,
    records: Sequence[Mapping[str, Any]],
    rows: Mapping[Key, int],
    left_out: Mapping[Key, str],
    findings: list[Finding],
) -> Iterator[_Segment]:
    """The segments in `records` that are wanted; adds to `findings` what is wrong with others."""
    seen: set[int] = set()
    unwanted = Counter[str]()
    for place, fields in enumerate(records):
        where, category = f"{record.where}.segments_info[{place}]", key(fields.get("category_id"))
        if category is not None and category in left_out:
            unwanted[left_out[category]] += 1
            continue
        try:
            one = _segment(fields, rows, seen, where)
        except UnusableRecord as error:
            findings.append(error.finding(where, ""))
            continue
        seen.add(one.id)
        yield one
    for name, count in unwanted.items():
        words = f"{count} of class {name!r}: stuff, left out as asked"
        findings.append(Finding("class-dropped", words, where=record.where, objects=count, category=name))


def _segment(fields: Mapping[str, Any], rows: Mapping[Key, int], seen: Collection[int], where: str) -> _Segment:
    """The segment with these `fields`, whose id must be none of those `seen`. Raises `UnusableRecord`."""
    identity, category = whole(fields.get("id")), key(fields.get("category_id"))
    if identity is None or not 0 < identity <= MOST_SEGMENTS:
        raise UnusableRecord("id", f"have {excerpt(fields.get('id'))}, want a number from 1 to {MOST_SEGMENTS:,}")
    if identity in seen:
        raise UnusableRecord("id", f"have {identity} a second time, whose pixels are those of the first")
    if category is None or category not in rows:
        problem = f"have {excerpt(fields.get('category_id'))}, want the id of a class in categories"
        raise UnusableRecord("category_id", problem, "category-unknown")
    stated, box = fields.get("bbox"), None
    if isinstance(stated, list) and len(stated) == 4:
        x, y, wide, high = coordinates(stated, "bbox")
        box = (x, y, x + wide, y + high)
    elif stated is not None:
        raise UnusableRecord("bbox", f"have {excerpt(stated)}, want x, y, width and height")
    crowd = fields.get("iscrowd")
    others = {name: value for name, value in fields.items() if name not in _KNOWN}
    return _Segment(identity, rows[category], box, crowd is True or number(crowd) == 1, others, where)


def _ids(data: bytes | str, declared: Size | None) -> tuple[Ids | None, str]:
    """The ids in the PNG `data`, and what is wrong with them, "" for nothing."""
    if isinstance(data, str):
        return None, f"{data}; the boxes are kept"
    try:
        ids = read_ids(data)
    except ValueError as error:
        return None, f"the PNG cannot be read: {error}; the boxes are kept"
    have = Size(ids.shape[1], ids.shape[0])
    if declared is not None and {*have} != {*declared}:
        return ids, f"the PNG is {have}, the image {declared}; its masks are left out"
    return ids, ""


def _masks(ids: Ids, listed: Sequence[_Segment]) -> dict[int, Rle]:
    """The mask of each of the segments that has pixels, by its id."""
    there = set(np.unique(ids).tolist())
    return {one.id: Rle.from_mask(ids == one.id) for one in listed if one.id in there}


def _box(one: _Segment, mask: Rle | None) -> Box | None:
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
    record: SegmentsRecord, kept: Sequence[tuple[_Segment, Box]], masks: Mapping[int, Rle]
) -> Iterator[Finding]:
    """Findings about segments without pixels, and those whose pixels contradict their boxes."""
    bare = [one.id for one, _ in kept if one.id not in masks]
    if bare:
        words = f"segments have no pixel in the PNG ({_some(bare)}); their boxes are kept"
        yield Finding("mask-misfit", words, where=record.where)
    moved = [one for one, box in kept if one.box is not None and one.box != box]
    if moved:
        some = _some([one.id for one in moved])
        words = f"pixels of segments lie outside of their bbox ({some}); the box around them is taken"
        yield Finding("record-repaired", words, where=moved[0].where)


def _unlisted(record: SegmentsRecord, ids: Ids, named: Collection[int | None]) -> Iterator[Finding]:
    """A finding where the PNG shows ids that are not among those `named`."""
    others = [number for number in np.unique(ids).tolist() if number and number not in named]
    if others:
        words = f"the PNG shows segments that segments_info does not list ({_some(others)}); left out"
        yield Finding("mask-misfit", words, where=record.where)


def _some(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - _FEW} more" if len(ids) > _FEW else ""
    return f"{', '.join(map(str, ids[:_FEW]))}{more}"
