"""The annotated objects of one image, as columns of one length.

Columns are read-only arrays. Shapes are strict (a mistake of the caller raises ValueError), values are free: bad data
must be representable to be reported (`model.validation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.rle import Rle

_FEW = 256  # objects of one image

Rings = tuple[Points, ...]  # the closed rings of one object, each (P, 2) x y px; () where it has none

_AXES = {  # of each column's array, 0 where it is a tuple
    "boxes": 2, "labels": 1, "crowd": 1, "polygons": 0, "masks": 0, "keypoints": 3, "visibility": 2,
    "areas": 1, "scores": 1, "ids": 1, "attributes": 0,
}  # fmt: skip


class Column(StrEnum):
    """The kinds of information an object can have, as formats declare what they carry."""

    BOXES = "boxes"
    POLYGONS = "polygons"
    MASKS = "masks"
    KEYPOINTS = "keypoints"
    CROWD = "crowd regions"
    AREAS = "areas"
    SCORES = "scores"
    IDS = "ids"
    ATTRIBUTES = "attributes"

    __hash__ = str.__hash__  # that of an enumeration is written in Python, and columns are looked up for every image


@dataclass(frozen=True, eq=False)
class Instances:
    """N objects of one image; build it with `Instances.of`.

    ============  =====================  ==========================================================
    boxes         float64 (N, 4)         x0 y0 x1 y1, px
    labels        int64 (N,)             row of `Categories`
    crowd         bool (N,)              a region of many objects (COCO ``iscrowd``)
    polygons      N tuples of rings      rings float64 (P, 2), px; an object may have several, or none
    masks         N `Rle` or None        on the pixel grid of the sample's frame
    keypoints     float64 (N, K, 2)      px, continuous (a pixel's centre is at + 1/2); K the most of any class
    visibility    uint8 (N, K)           0 not labelled, 1 labelled and hidden, 2 visible (COCO)
    areas         float64 (N,)           square px as the source states them; NaN where it does not
    scores        float64 (N,)           0 to 1; NaN where there is none
    ids           int64 (N,)             the source's own number; 0 where there is none
    attributes    N mappings             what a format knows and this model does not
    ============  =====================  ==========================================================
    """

    boxes: Boxes
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    polygons: tuple[Rings, ...]
    masks: tuple[Rle | None, ...]
    keypoints: NDArray[np.float64]
    visibility: NDArray[np.uint8]
    areas: NDArray[np.float64]
    scores: NDArray[np.float64]
    ids: NDArray[np.int64]
    attributes: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(
        cls,
        boxes: ArrayLike = (),
        labels: ArrayLike | None = None,
        *,
        crowd: ArrayLike | None = None,
        polygons: Sequence[Sequence[ArrayLike]] | None = None,
        masks: Sequence[Rle | None] | None = None,
        keypoints: ArrayLike | None = None,
        visibility: ArrayLike | None = None,
        areas: ArrayLike | None = None,
        scores: ArrayLike | None = None,
        ids: ArrayLike | None = None,
        attributes: Sequence[Mapping[str, Any]] | None = None,
    ) -> Self:
        """Instances with every column that is not given filled with its "none". Arrays are copied and frozen."""
        array = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        count = len(array)
        points = np.zeros((count, 0, 2)) if keypoints is None else np.array(keypoints, dtype=np.float64)
        seen = np.zeros(points.shape[:2], np.uint8) if visibility is None else np.array(visibility, dtype=np.uint8)
        return cls(
            boxes=array,
            labels=_column(labels, count, 0, np.int64),
            crowd=_column(crowd, count, False, np.bool_),
            polygons=((),) * count if polygons is None else tuple(map(_rings, polygons)),
            masks=(None,) * count if masks is None else tuple(masks),
            keypoints=points,
            visibility=seen,
            areas=_column(areas, count, np.nan, np.float64),
            scores=_column(scores, count, np.nan, np.float64),
            ids=_column(ids, count, 0, np.int64),
            attributes=tuple([{} for _ in range(count)]) if attributes is None else tuple(attributes),
        )

    def __post_init__(self) -> None:
        count, columns = len(self.boxes), self.__dict__
        for name, axes in _AXES.items():
            column = columns[name]
            if len(column) != count:
                raise ValueError(f"{name}: have {len(column)} rows, want {count}")
            if axes:
                if column.ndim != axes:
                    raise ValueError(f"{name}: have shape {column.shape}, want {axes} axes")
                column.setflags(write=False)
        for ring in chain.from_iterable(self.polygons):
            ring.setflags(write=False)
        if self.boxes.shape != (count, 4) or self.keypoints.shape != (*self.visibility.shape, 2):
            raise ValueError(
                f"boxes {self.boxes.shape}, keypoints {self.keypoints.shape}, visibility {self.visibility.shape}: "
                "want (N, 4), (N, K, 2), (N, K)"
            )

    def __len__(self) -> int:
        return len(self.boxes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Instances):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in _AXES)

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def select(self, rows: ArrayLike) -> Instances:
        """The objects at `rows`: a boolean mask (N,) or row numbers."""
        wanted = np.asarray(rows)
        index = np.arange(len(self))[wanted] if wanted.size else np.zeros(0, dtype=np.int64)
        columns: dict[str, Any] = {}
        for name, axes in _AXES.items():
            column = getattr(self, name)
            columns[name] = column[index] if axes else tuple(column[row] for row in index)
        return Instances(**columns)

    @classmethod
    def stacked(cls, parts: Sequence[Instances]) -> Instances:
        """All objects of `parts`, one after the other, with room for the keypoints of any."""
        points = max((part.visibility.shape[1] for part in parts), default=0)
        wide = [part._with_room(points) for part in parts] or [cls.of()]
        columns: dict[str, Any] = {}
        for name, axes in _AXES.items():
            column = [getattr(part, name) for part in wide]
            columns[name] = np.concatenate(column) if axes else tuple(chain.from_iterable(column))
        return Instances(**columns)

    def _with_room(self, points: int) -> Instances:
        more = points - self.visibility.shape[1]
        if not more:
            return self
        return replace(
            self,
            keypoints=np.pad(self.keypoints, ((0, 0), (0, more), (0, 0))),
            visibility=np.pad(self.visibility, ((0, 0), (0, more))),
        )

    def parted(self, counts: Iterable[int]) -> list[Instances]:
        """The first so many objects, the next so many, and so on, sharing memory; `counts` sum up to all."""
        columns = [getattr(self, name) for name in _AXES]
        parts, start = [], 0
        for count in counts:
            end = start + count
            part = object.__new__(Instances)  # every part of sound columns is sound
            part.__dict__.update(zip(_AXES, [column[start:end] for column in columns], strict=True))
            parts.append(part)
            start = end
        return parts

    @cached_property
    def column_counts(self) -> Mapping[Column, int]:
        """How many objects have something in each column that any has something in."""
        counts = {
            Column.BOXES: len(self),
            Column.POLYGONS: len(self.polygons) - self.polygons.count(()),
            Column.MASKS: len(self.masks) - self.masks.count(None),
            Column.KEYPOINTS: np.count_nonzero(self.visibility.any(axis=1)) if self.visibility.size else 0,
            Column.CROWD: np.count_nonzero(self.crowd),
            Column.AREAS: np.count_nonzero(self.areas == self.areas),
            Column.SCORES: np.count_nonzero(self.scores == self.scores),
            Column.IDS: np.count_nonzero(self.ids),
            Column.ATTRIBUTES: len(self.attributes) - self.attributes.count({}),
        }
        return {column: int(count) for column, count in counts.items() if count}

    def has(self, column: Column) -> NDArray[np.bool_]:
        """Which objects (N,) have something in `column`."""
        count = len(self)
        match column:
            case Column.BOXES:
                return np.ones(count, dtype=np.bool_)
            case Column.POLYGONS:
                return np.array([len(rings) > 0 for rings in self.polygons], dtype=np.bool_)
            case Column.MASKS:
                return np.array([mask is not None for mask in self.masks], dtype=np.bool_)
            case Column.KEYPOINTS:
                return np.asarray((self.visibility > 0).any(axis=1), dtype=np.bool_)
            case Column.CROWD:
                return self.crowd
            case Column.AREAS:
                return ~np.isnan(self.areas)
            case Column.SCORES:
                return ~np.isnan(self.scores)
            case Column.IDS:
                return np.asarray(self.ids != 0, dtype=np.bool_)
            case Column.ATTRIBUTES:
                return np.array([len(mapping) > 0 for mapping in self.attributes], dtype=np.bool_)


def default_column(count: int, none: float, dtype: type[Any] = np.float64) -> NDArray[Any]:
    """A read-only column (N,) that holds `none` throughout; images of few objects share it."""
    if count > _FEW:
        return _filled(count, none, np.dtype(dtype))
    return _shared(none, np.dtype(dtype))[:count]


def _filled(count: int, none: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    column = np.full(count, none, dtype=dtype)
    column.setflags(write=False)
    return column


@lru_cache
def _shared(none: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    return _filled(_FEW, none, dtype)


def _column(values: ArrayLike | None, count: int, none: float, dtype: type[Any]) -> NDArray[Any]:
    return default_column(count, none, dtype) if values is None else np.array(values, dtype=dtype)


def _rings(rings: Sequence[ArrayLike]) -> Rings:
    return tuple(np.array(ring, dtype=np.float64).reshape(-1, 2) for ring in rings)


def _same(mine: Any, other: Any) -> bool:
    if isinstance(mine, np.ndarray):
        return bool(np.array_equal(mine, other, equal_nan=mine.dtype.kind == "f"))
    if isinstance(mine, tuple) and isinstance(other, tuple):
        return len(mine) == len(other) and all(_same(a, b) for a, b in zip(mine, other, strict=True))
    return bool(mine == other)
