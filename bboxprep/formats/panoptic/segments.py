"""Reads the segments of an image: their records, and their pixels in its PNG.

**The PNG** is one of 8 bits, RGB: the id of a pixel's segment is R + 256 G + 65536 B, 0 for none (panopticapi,
``utils.py``). A palette is refused, for its numbers are none of ids.
``bbox`` states x, y, width and height in px. `formats.segment_pixels` says which box and which mask an object has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats import segment_pixels
from bboxprep.formats.panoptic.document import SegmentsRecord, value_of
from bboxprep.formats.record_values import UnusableRecord, coordinates
from bboxprep.formats.segment_pixels import Ids, Segment, Segments
from bboxprep.geometry.affine import Size
from bboxprep.io import paths, png
from bboxprep.io.lenient_json import Key, decode, excerpt, key, number, whole

MOST_SEGMENTS = 2**24 - 1
"""The largest id: three bytes."""

_MOST_BYTES = 1 << 30  # of a PNG
_KNOWN = frozenset({"id", "category_id", "area", "bbox", "iscrowd", "isthing"})


def png_bytes(path: Path) -> bytes:
    """The bytes of the PNG at `path`. Raises `AnnotationError`."""
    return paths.read_bytes(path, _MOST_BYTES)


def read_ids(data: bytes) -> Ids:
    """The id of the segment of each pixel in the PNG `data`. Raises ValueError."""
    pixels = png.read_png(data, segment_pixels.MOST_PIXELS)
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
    named = [whole(fields.get("id")) for fields in records]
    found = segment_pixels.segment_objects(listed, ids, named, record.where)
    return Segments(found.objects, (*findings, *found.findings))


def _listed(
    record: SegmentsRecord,
    records: Sequence[Mapping[str, Any]],
    rows: Mapping[Key, int],
    left_out: Mapping[Key, str],
    findings: list[Finding],
) -> Iterator[Segment]:
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


def _segment(fields: Mapping[str, Any], rows: Mapping[Key, int], seen: Collection[int], where: str) -> Segment:
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
    return Segment(identity, rows[category], box, where, crowd is True or number(crowd) == 1, others)


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
