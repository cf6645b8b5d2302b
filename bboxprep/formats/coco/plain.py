"""Annotation records as COCO defines them, read many at a time.

Nearly all records of nearly all files are so. Any that is not in any respect (a number spelt as text, a box of no
number, a field of its own) makes this reader answer None, and `records`, which knows what such a record means and what
is to be said of it, reads the image's records one by one. What both can read, both read alike.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.coco.decoding import Key
from bboxprep.formats.coco.shapes import LARGEST, read_shape
from bboxprep.model.checks import FARTHEST
from bboxprep.model.instances import Instances, Rings
from bboxprep.model.rle import Rle

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
    shapes = [_shape(record.segmentation) for record in records]
    boxes = np.array([record.bbox for record in records], dtype=np.float64).reshape(-1, 4)
    numbers = np.array([record.area for record in records], dtype=np.float64)
    sound = bool((boxes[:, 2:] >= 0).all() and (np.abs(numbers) < LARGEST).all())
    with np.errstate(over="ignore"):
        boxes[:, 2:] += boxes[:, :2]
    if (
        not (sound and (np.abs(boxes) < FARTHEST).all())
        or -1 in labels
        or None in shapes
        or not {0, 1}.issuperset(crowd)
    ):
        return None
    ids = [record.id if -_ID <= record.id < _ID else 0 for record in records]
    known = [shape for shape in shapes if shape is not None]
    return Instances(
        boxes=boxes,
        labels=np.array(labels, dtype=np.int64),
        crowd=np.array(crowd, dtype=np.bool_),
        polygons=tuple([rings for rings, _ in known]),
        masks=tuple([mask for _, mask in known]),
        **_nothing(count, points),
        areas=numbers,
        ids=np.where(stands, np.array(ids, dtype=np.int64), 0),
        attributes=({},) * count,
    )


@lru_cache(maxsize=1024)
def _nothing(count: int, points: int) -> dict[str, NDArray[Any]]:
    """The columns that a plain record has nothing in, for so many objects; shared, and read-only like all columns."""
    return {
        "keypoints": np.zeros((count, points, 2)),
        "visibility": np.zeros((count, points), dtype=np.uint8),
        "scores": np.full(count, np.nan),
    }


def _shape(value: Sequence[Sequence[float]] | dict[str, Any]) -> tuple[Rings, Rle | None] | None:
    """The rings or the mask; None where anything is odd about them."""
    if isinstance(value, dict):
        shape, problem = read_shape(value)
        return None if problem else (shape.rings, shape.mask)
    if any(len(ring) < 6 or len(ring) % 2 for ring in value):
        return None
    if value and not -FARTHEST < min(map(min, value)) <= max(map(max, value)) < FARTHEST:
        return None
    return tuple([np.frombuffer(array("d", ring)).reshape(-1, 2) for ring in value]), None
