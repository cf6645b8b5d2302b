"""The columns of `Instances`, declared once. Code that lists, counts, copies, hashes or stores them reads this table.

To add a column that does not move with the image: a member of `Column`, a row of `COLUMNS`, a key of `ColumnValues`
and a field of `Instances`; then the formats that hold it. `model.column_json` derives its JSON form from its dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import chain
from math import isnan
from typing import Any, TypedDict

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bboxprep.model.polygons import Polygons
from bboxprep.model.rle import Rle

NO_TRACK = -1
"""The track id of an object without a track, as in MOTChallenge; real tracks are numbered from 0 or 1."""

_FEW = 256  # objects of one image
_POINTS = -1  # in a shape: K, the most keypoints of any class


class Column(StrEnum):
    """The kinds of information an object can have, as formats declare what they carry."""

    BOXES = "boxes"
    POLYGONS = "polygons"
    MASKS = "masks"
    ORIENTED = "oriented boxes"
    KEYPOINTS = "keypoints"
    CROWD = "crowd regions"
    AREAS = "areas"
    SCORES = "scores"
    IDS = "ids"
    ATTRIBUTES = "attributes"
    TRACKS = "track ids"

    __hash__ = str.__hash__  # the hash of an enumeration is Python code; columns are looked up for every image


class ColumnValues(TypedDict, total=False):
    """The keyword arguments of `Instances.of` besides boxes and labels: N values each. None means not given."""

    crowd: ArrayLike | None
    polygons: Sequence[Sequence[ArrayLike]] | None
    masks: Sequence[Rle | None] | None
    oriented: ArrayLike | None
    keypoints: ArrayLike | None
    visibility: ArrayLike | None
    areas: ArrayLike | None
    scores: ArrayLike | None
    ids: ArrayLike | None
    attributes: Sequence[Mapping[str, Any]] | None
    tracks: ArrayLike | None


@dataclass(frozen=True)
class Field:
    """One field of `Instances`: an array (N, *`shape`) of `dtype`, or, where `dtype` is None, `Polygons` if it
    `is_ragged`, else a tuple of N values.

    `none` is the value of an object that lacks the field: 0 where the `shape` has K. `is_geometric`: a plan moves the
    values. For a tuple, `hashed` turns all values into bytes where any object has one.
    """

    name: str
    dtype: type[np.generic] | None
    none: Any
    shape: tuple[int, ...] = ()
    is_geometric: bool = False
    is_ragged: bool = False
    hashed: Callable[[tuple[Any, ...]], bytes] = lambda values: repr(values).encode("utf-8", "surrogatepass")

    @cached_property
    def axes(self) -> int:
        """The number of axes of its array; 0 for a tuple."""
        return 0 if self.dtype is None else 1 + len(self.shape)

    @cached_property
    def is_shared(self) -> bool:
        """Whether images with few objects share one read-only array of `none`."""
        return self.axes > 0 and _POINTS not in self.shape

    @cached_property
    def default(self) -> Callable[[int, int], Any]:
        """The function ``default(count, points)``: the values of `count` objects that lack the field, with room for
        `points` keypoints each. Cached, as `count` is: both are called for every column of every image.
        """
        none, shared, shape, dtype = self.none, self._shared, self.shape, self.dtype
        if self.is_ragged:
            return lambda count, _: Polygons.none(count)
        if isinstance(none, dict):
            return lambda count, _: ({**none},) * count
        if dtype is None:
            return lambda count, _: (none,) * count
        if shared is not None:
            return lambda count, _: shared[:count] if count <= _FEW else _filled(count, none, np.dtype(dtype), shape)
        return lambda count, points: np.zeros((count, *[points if side == _POINTS else side for side in shape]), dtype)

    def select(self, values: Any, rows: NDArray[np.int64]) -> Any:
        """The `values` at the numbers `rows` (M,)."""
        if self.is_ragged:
            return values.select(rows)
        if self.dtype is None:
            return tuple([values[row] for row in rows.tolist()])
        return values[: len(rows)] if self.is_shared and values.base is self._shared else values[rows]

    def concat(self, parts: Sequence[Any]) -> Any:
        """The values of all `parts`, one after the other."""
        if self.is_ragged:
            return Polygons.concat(parts)
        if self.dtype is None:
            return tuple(chain.from_iterable(parts))
        column = np.concatenate(parts)
        column.setflags(write=False)
        return column

    def has(self, values: Any) -> NDArray[np.bool_]:
        """Whether each object has a value in `values`: bool (N,). NaN in the first place says that it has none."""
        if self.is_ragged:
            return np.asarray(values.counts > 0)
        if self.dtype is None:
            return np.array([value != self.none for value in values], dtype=np.bool_)
        if _is_nan(self.none):
            first = values[(slice(None), *[0] * len(self.shape))]
            return np.asarray(first == first)
        return np.asarray((values != self.none).any(axis=tuple(range(1, self.axes))))

    @cached_property
    def count(self) -> Callable[[Any], int]:
        """The function ``count(values)``: the number of objects that have a value."""
        none, shared = self.none, self._shared
        if self.dtype is None:
            return lambda values: len(values) - int(values.count(none))
        if not self.is_shared:
            return lambda values: int(np.count_nonzero(self.has(values))) if values.size else 0
        if self.shape:
            return lambda values: 0 if values.base is shared else int(np.count_nonzero(self.has(values)))
        if _is_nan(none):
            return lambda values: 0 if values.base is shared else int(np.count_nonzero(values == values))
        return lambda values: 0 if values.base is shared else int(np.count_nonzero(values != none))

    @cached_property
    def to_bytes(self) -> Callable[[Any], bytes]:
        """The function ``to_bytes(values)``: bytes for a hash. For N objects, different values give different bytes."""
        none, hashed = self.none, self.hashed
        if self.is_ragged:
            return Polygons.to_bytes
        if self.dtype is not None:
            return np.ndarray.tobytes
        return lambda values: hashed(values) if values.count(none) < len(values) else b""

    @cached_property
    def copied(self) -> Callable[[Any], Any]:
        """The function ``copied(values)``: a copy of `values` in the form in which the field stores them.

        Raises ValueError, TypeError or OverflowError.
        """
        dtype = self.dtype
        if self.is_ragged:
            return Polygons.of
        if self.shape and self.is_shared:
            return lambda values: np.array(values, dtype=dtype).reshape(-1, *self.shape)
        return tuple if dtype is None else lambda values: np.array(values, dtype=dtype)

    @cached_property
    def _shared(self) -> NDArray[Any] | None:
        return _shared(self.none, np.dtype(self.dtype), self.shape) if self.is_shared else None


class ColumnSpec(msgspec.Struct, frozen=True):
    """A column and its `fields`. The last field decides whether an object has the column.

    `key` is the name of an object's value in JSON (`model.column_json`). Every object has the `required` columns.
    """

    column: Column
    key: str
    fields: tuple[Field, ...]
    is_required: bool = False

    @property
    def is_geometric(self) -> bool:
        """Whether a plan moves its values."""
        return any(field.is_geometric for field in self.fields)

    @property
    def count(self) -> tuple[str, Callable[[Any], int]]:
        """The name of the deciding field, and the function that counts the objects with a value in it."""
        deciding = self.fields[-1]
        return deciding.name, len if self.is_required else deciding.count

    def has(self, values: Any) -> NDArray[np.bool_]:
        """Whether each object has the column, by the `values` of its last field: bool (N,)."""
        return np.ones(len(values), dtype=np.bool_) if self.is_required else self.fields[-1].has(values)


def default_column(count: int, none: float, dtype: type[Any] = np.float64) -> NDArray[Any]:
    """A read-only column (N,) that holds `none` throughout; images of few objects share it."""
    if count > _FEW:
        return _filled(count, none, np.dtype(dtype))
    return _shared(none, np.dtype(dtype))[:count]


def _filled(count: int, none: float, dtype: np.dtype[Any], shape: tuple[int, ...] = ()) -> NDArray[Any]:
    column = np.full((count, *shape), none, dtype=dtype)
    column.setflags(write=False)
    return column


@lru_cache
def _shared(none: float, dtype: np.dtype[Any], shape: tuple[int, ...] = ()) -> NDArray[Any]:
    return _filled(_FEW, none, dtype, shape)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and isnan(value)


_COLUMNS = (
    ColumnSpec(Column.BOXES, "box", (Field("boxes", np.float64, 0.0, (4,), is_geometric=True),), is_required=True),
    ColumnSpec(Column.CROWD, "crowd", (Field("crowd", np.bool_, False),)),
    ColumnSpec(Column.POLYGONS, "polygons", (Field("polygons", None, (), is_geometric=True, is_ragged=True),)),
    ColumnSpec(Column.MASKS, "mask", (Field("masks", None, None, is_geometric=True),)),
    ColumnSpec(Column.ORIENTED, "oriented", (Field("oriented", np.float64, np.nan, (4, 2), is_geometric=True),)),
    ColumnSpec(
        Column.KEYPOINTS,
        "keypoints",
        (
            Field("keypoints", np.float64, 0.0, (_POINTS, 2), is_geometric=True),
            Field("visibility", np.uint8, 0, (_POINTS,)),
        ),
    ),
    ColumnSpec(Column.AREAS, "area", (Field("areas", np.float64, np.nan, is_geometric=True),)),
    ColumnSpec(Column.SCORES, "score", (Field("scores", np.float64, np.nan),)),
    ColumnSpec(Column.IDS, "id", (Field("ids", np.int64, 0),)),
    ColumnSpec(Column.ATTRIBUTES, "attributes", (Field("attributes", None, {}),)),
    ColumnSpec(Column.TRACKS, "track", (Field("tracks", np.int64, NO_TRACK),)),
)

COLUMNS: Mapping[Column, ColumnSpec] = {spec.column: spec for spec in _COLUMNS}
"""The table of columns, in the order in which JSON states them."""

LABELS = Field("labels", np.int64, 0)
"""The class of an object. It is no `Column`: no format may lack it."""

FIELDS = tuple(chain(COLUMNS[Column.BOXES].fields, [LABELS], *[spec.fields for spec in _COLUMNS[1:]]))
"""All fields of `Instances`: boxes, labels, then those of the table in its order."""
