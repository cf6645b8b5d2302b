"""Annotation records as COCO defines them, read many at a time.

Nearly all records of nearly all files are so. Any that is not in any respect (a number spelt as text, a box of no
number, a field of its own) makes this reader answer None, and `records`, which knows what such a record means and what
is to be said of it, reads the image's records one by one. What both can read, both read alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.coco.decoding import Key
from bboxprep.formats.coco.shapes import LARGEST, read_shape
from bboxprep.model.instances import Instances, Rings
from bboxprep.model.validation import FARTHEST

_ID = 2**63


class _Record(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int
    segmentation: list[list[float]] | dict[str, Any] = []


_decode = msgspec.json.Decoder(list[_Record]).decode


def read_plain(joined: bytes, rows: Mapping[Key, int], stands: NDArray[np.bool_], points: int) -> Instances | None:
    """The objects of the records `joined` by commas, or None where any is not plain.

    `rows` gives the row of the class table that an id means, `stands` (N,) says which ids stand; `points` is how many
    keypoints there is room for.
    """
    try:
        records = _decode(b"[%b]" % joined)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    count = len(records)
    labels = [rows.get(record.category_id, -1) for record in records]
    crowd = [record.iscrowd for record in records]
    edges = chain.from_iterable([record.bbox for record in records])
    boxes = np.fromiter(edges, dtype=np.float64, count=4 * count).reshape(-1, 4)
    numbers = np.array([record.area for record in records], dtype=np.float64)
    sound = bool((boxes[:, 2:] >= 0).all() and (np.abs(numbers) < LARGEST).all())
    with np.errstate(over="ignore"):
        boxes[:, 2:] += boxes[:, :2]
    polygons = _polygons([[] if isinstance(one.segmentation, dict) else one.segmentation for one in records])
    masks = [_mask(record.segmentation) for record in records]
    if (
        not (sound and count == len(stands) and (np.abs(boxes) < FARTHEST).all())
        or -1 in labels
        or polygons is None
        or _ODD in masks
        or not {0, 1}.issuperset(crowd)
    ):
        return None
    ids = [record.id if -_ID <= record.id < _ID else 0 for record in records]
    return Instances(
        boxes=boxes,
        labels=np.array(labels, dtype=np.int64),
        crowd=np.array(crowd, dtype=np.bool_),
        polygons=polygons,
        masks=tuple(masks),
        keypoints=np.zeros((count, points, 2)),
        visibility=np.zeros((count, points), dtype=np.uint8),
        areas=numbers,
        scores=np.full(count, np.nan),
        ids=np.where(stands, np.array(ids, dtype=np.int64), 0),
        attributes=({},) * count,
    )


def _polygons(shapes: Sequence[Sequence[Sequence[float]]]) -> tuple[Rings, ...] | None:
    """The rings of each object, all in one block of memory; None where anything is odd about one."""
    lengths = [len(ring) for rings in shapes for ring in rings]
    if any(length < 6 or length % 2 for length in lengths):
        return None
    flat = chain.from_iterable(chain.from_iterable(shapes))
    points = np.fromiter(flat, dtype=np.float64, count=sum(lengths)).reshape(-1, 2)
    if not (np.abs(points) < FARTHEST).all():
        return None
    ends = [end // 2 for end in accumulate(lengths)]
    split = iter([points[start:end] for start, end in zip([0, *ends], ends, strict=False)])
    return tuple([tuple([next(split) for _ in rings]) for rings in shapes])


_ODD = object()


def _mask(value: Sequence[Sequence[float]] | dict[str, Any]) -> Any:
    """The mask, None where there is none, `_ODD` where anything is odd about it."""
    if not isinstance(value, dict):
        return None
    shape, problem = read_shape(value)
    return _ODD if problem else shape.mask
