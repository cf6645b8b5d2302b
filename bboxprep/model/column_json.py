"""The JSON form of each column: values that JSON can hold, checked by msgspec when they are read.

A column with one number for each object takes its form from its dtype, so a new one needs no code here. NaN is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, chain, islice, pairwise
from math import isnan, nan
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.columns import COLUMNS, Column, ColumnSpec
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.validation import FARTHEST

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Side = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
Row = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
_Near = Annotated[float, msgspec.Meta(ge=-FARTHEST, le=FARTHEST)]
_Number = Annotated[float, msgspec.Meta(ge=-1e18, le=1e18)]
_Ring = Annotated[tuple[_Near, ...], msgspec.Meta(min_length=6)]
_Corners = tuple[_Near, _Near, _Near, _Near, _Near, _Near, _Near, _Near]
_Points = Annotated[tuple[_Near, ...], msgspec.Meta(max_length=3 * MOST_KEYPOINTS)]


class PlainMask(msgspec.Struct, frozen=True):
    """A mask in COCO's form: height and width, then the compressed text or the list of runs."""

    size: tuple[Side, Side]
    counts: str | tuple[Row, ...]


class PlainForm(msgspec.Struct, frozen=True):
    """The JSON form of a column: the key, the type of a value, and its `default` for an object that has none.

    ``pack(instances)`` returns one JSON value for each object; ``unpack(values)`` returns the arguments of
    `Instances.of` and raises ValueError where the values are not valid.
    """

    key: str
    type: Any
    default: Any
    pack: Callable[[Instances], Sequence[Any]]
    unpack: Callable[[Sequence[Any]], dict[str, Any]]


def _scalar_form(spec: ColumnSpec) -> PlainForm:
    """The form of a column with one number for each object."""
    field = spec.fields[-1]
    has_nan = field.dtype is np.float64
    kinds: dict[Any, Any] = {np.float64: _Number | None, np.int64: Int64, np.bool_: bool}

    def pack(instances: Instances) -> Sequence[Any]:
        values: list[Any] = getattr(instances, field.name).tolist()
        return [None if isnan(value) else value for value in values] if has_nan else values

    def unpack(values: Sequence[Any]) -> dict[str, Any]:
        return {field.name: [nan if value is None else value for value in values] if has_nan else values}

    return PlainForm(spec.key, kinds[field.dtype], None if has_nan else field.none, pack, unpack)


def _pack_polygons(instances: Instances) -> Sequence[Any]:
    """Each ring as a flat list x, y, x, y …; rings of fewer than three points are left out."""
    polygons = instances.polygons
    if polygons.texts is not None:
        return [msgspec.Raw(text) if text else () for text in polygons.texts]
    numbers: list[float] = polygons.own_points.ravel().tolist()
    ends = accumulate((2 * polygons.lengths).tolist(), initial=0)
    flat = iter([numbers[start:end] for start, end in pairwise(ends)])
    return [tuple([one for one in islice(flat, count) if len(one) > 4]) for count in polygons.counts.tolist()]


def _pack_masks(instances: Instances) -> Sequence[PlainMask | None]:
    return [None if mask is None else _pack_mask(mask) for mask in instances.masks]


def _pack_mask(mask: Rle) -> PlainMask:
    return PlainMask((mask.size.height, mask.size.width), mask.text().decode("ascii") if mask.compressed else mask.runs)


def _unpack_mask(mask: PlainMask) -> Rle:
    size = Size(mask.size[1], mask.size[0])
    if isinstance(mask.counts, str):
        return Rle.from_text(size, mask.counts.encode("ascii"))
    return Rle(size, mask.counts, compressed=False)


def _pack_oriented(instances: Instances) -> Sequence[list[float] | None]:
    """The corners as a flat list x, y, x, y …; None where there are none."""
    corners = instances.oriented.reshape(-1, 8).tolist()
    return [own if has else None for own, has in zip(corners, instances.has(Column.ORIENTED).tolist(), strict=True)]


def _unpack_oriented(values: Sequence[tuple[float, ...] | None]) -> dict[str, Any]:
    """Corners float64 (N, 4, 2) px."""
    rows = [(nan,) * 8 if flat is None else flat for flat in values]
    return {"oriented": np.array(rows, dtype=np.float64).reshape(-1, 4, 2)}


def _pack_keypoints(instances: Instances) -> Sequence[tuple[float, ...]]:
    """A flat list x, y, visibility of each keypoint (COCO) up to the last one that is labelled; () where none is. So it
    does not depend on how many keypoints other objects have.
    """
    seen = instances.visibility > 0
    counts = (seen * np.arange(1, seen.shape[1] + 1)).max(axis=1, initial=0).tolist()
    triples = np.concatenate((instances.keypoints, instances.visibility[:, :, None]), axis=2).tolist()
    return [
        tuple(chain.from_iterable(own[:count])) if count else () for own, count in zip(triples, counts, strict=True)
    ]


def _unpack_keypoints(values: Sequence[tuple[float, ...]]) -> dict[str, Any]:
    """Keypoints float64 (N, K, 2) px and visibility uint8 (N, K)."""
    if any(len(flat) % 3 or not {0.0, 1.0, 2.0}.issuperset(flat[2::3]) for flat in values):
        raise ValueError("keypoints: want x, y and 0, 1 or 2 for each point")
    most = max([len(flat) // 3 for flat in values], default=0)
    places: NDArray[np.float64] = np.zeros((len(values), most, 2))
    visibility = np.zeros((len(values), most), dtype=np.uint8)
    for row, flat in enumerate(values):
        if flat:
            triples = np.array(flat, dtype=np.float64).reshape(-1, 3)
            places[row, : len(triples)], visibility[row, : len(triples)] = triples[:, :2], triples[:, 2]
    return {"keypoints": places, "visibility": visibility}


_STRUCTURED = {
    Column.POLYGONS: PlainForm(
        COLUMNS[Column.POLYGONS].key, tuple[_Ring, ...], (), _pack_polygons, lambda values: {"polygons": values}
    ),
    Column.MASKS: PlainForm(
        COLUMNS[Column.MASKS].key,
        PlainMask | None,
        None,
        _pack_masks,
        lambda values: {"masks": [mask and _unpack_mask(mask) for mask in values]},
    ),
    Column.ORIENTED: PlainForm(COLUMNS[Column.ORIENTED].key, _Corners | None, None, _pack_oriented, _unpack_oriented),
    Column.KEYPOINTS: PlainForm(COLUMNS[Column.KEYPOINTS].key, _Points, (), _pack_keypoints, _unpack_keypoints),
    Column.ATTRIBUTES: PlainForm(
        COLUMNS[Column.ATTRIBUTES].key,
        dict[str, Any],
        {},
        lambda instances: [dict(mapping) for mapping in instances.attributes],
        lambda values: {"attributes": values},
    ),
}

PLAIN_FORMS: Mapping[Column, PlainForm] = {
    column: _STRUCTURED.get(column) or _scalar_form(spec) for column, spec in COLUMNS.items() if not spec.is_required
}
"""The form of every column but the boxes, in the order of `COLUMNS`."""
