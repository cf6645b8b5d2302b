"""Parses many COCO annotation records at once, where each is exactly as COCO defines it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.coco.shapes import LARGEST, read_shape
from bboxprep.io.lenient_json import Key
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Polygons
from bboxprep.model.validation import FARTHEST

_ID = 2**63


class _Record(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int
    segmentation: msgspec.Raw = msgspec.Raw(b"[]")


_decode = msgspec.json.Decoder(list[_Record]).decode


def read_plain(joined: bytes, rows: Mapping[Key, int], stands: NDArray[np.bool_], points: int) -> Instances | None:
    """The objects of the records in `joined`, separated by commas; None if any record is not plain.

    `rows` maps a category id to the row of the class table, `stands` (N,) says which ids are valid; `points` is K, the
    number of keypoints that the result has room for.
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
    texts = [bytes(record.segmentation) for record in records]
    is_mask = [text[:1] == b"{" for text in texts]
    polygons = _polygons(
        [b"" if masked or text == b"[]" else text for text, masked in zip(texts, is_mask, strict=True)]
    )
    masks = [_mask(text) if masked else None for text, masked in zip(texts, is_mask, strict=True)]
    if (
        not (sound and count == len(stands) and (np.abs(boxes) < FARTHEST).all())
        or -1 in labels
        or polygons is None
        or _ODD in masks
        or not {0, 1}.issuperset(crowd)
    ):
        return None
    ids = [record.id if -_ID <= record.id < _ID else 0 for record in records]
    return Instances.from_arrays(
        boxes,
        labels=np.array(labels, dtype=np.int64),
        crowd=np.array(crowd, dtype=np.bool_),
        polygons=polygons,
        masks=tuple(masks),
        keypoints=np.zeros((count, points, 2)),
        visibility=np.zeros((count, points), dtype=np.uint8),
        areas=numbers,
        ids=np.where(stands, np.array(ids, dtype=np.int64), 0),
    )


def _polygons(texts: Sequence[bytes]) -> Polygons | None:
    """The rings of each object, whose JSON is `texts` (b"" for none); None if any needs a repair."""
    if (kept := Polygons.from_texts(texts)) is not None:
        return kept
    try:
        shapes = [_decode_rings(text) if text else [] for text in texts]
    except msgspec.DecodeError:
        return None
    lengths = [len(ring) for rings in shapes for ring in rings]
    if min(lengths, default=6) < 6 or any(length % 2 for length in lengths):
        return None
    flat = chain.from_iterable(chain.from_iterable(shapes))
    points = np.fromiter(flat, dtype=np.float64, count=sum(lengths)).reshape(-1, 2)
    if not (np.abs(points) < FARTHEST).all():
        return None
    return Polygons.from_lengths(points, np.array(lengths, dtype=np.int64) // 2, list(map(len, shapes)))


_decode_rings = msgspec.json.Decoder(list[list[float]]).decode
_ODD = object()


def _mask(text: bytes) -> Any:
    """The mask whose JSON is `text`; `_ODD` if it needs a repair."""
    try:
        shape, problem = read_shape(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _ODD
    return _ODD if problem else shape.mask
