"""The annotated objects of one image, as columns of one length.

Columns are read-only arrays. Shapes are checked (ValueError), values are not: faulty data must be held to be reported
(`model.validation`). `model.columns` declares the columns.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, Self, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bboxprep.geometry.shapes import Boxes
from bboxprep.model.columns import COLUMNS, FIELDS, Column, ColumnValues
from bboxprep.model.instance import Instance
from bboxprep.model.polygons import Polygons
from bboxprep.model.rle import Rle

# Values of the table of columns that are needed for every image, computed once.
_NAMES = tuple([one.name for one in FIELDS])
_AXES = tuple([(one.name, one.axes) for one in FIELDS])
_COPY = {one.name: one.copied for one in FIELDS}
_DEFAULTS = tuple([(one.name, one.default) for one in FIELDS[1:]])
_TO_BYTES = tuple([(one.name, one.to_bytes) for one in FIELDS])
_COUNTS = tuple([(column, *COLUMNS[column].count) for column in Column])


class _Part(NamedTuple):
    """The rows `start` to `end` of the objects `whole`."""

    whole: Instances
    start: int
    end: int

    def objects(self) -> Instances:
        """The objects at these rows."""
        whole, start, end = self
        if end - start == len(whole):
            return whole
        return unchecked(Instances, {name: whole.__dict__[name][start:end] for name in _NAMES})


@dataclass(frozen=True, eq=False, repr=False)
class Instances:
    """N objects of one image; build it with `Instances.of`. Iterating gives each as an `Instance`,
    and so does the index of one; a slice, a list or a mask gives `Instances`.

    ============  =====================  ==========================================================
    boxes         float64 (N, 4)         x0 y0 x1 y1, px
    labels        int64 (N,)             row of `Categories`
    crowd         bool (N,)              a region of many objects (COCO ``iscrowd``)
    polygons      N tuples of rings      `Polygons`: rings float64 (P, 2), px; an object may have several, or none
    masks         N `Rle` or None        on the pixel grid of the sample's frame
    oriented      float64 (N, 4, 2)      corners of the oriented box, px, in drawing order; NaN where there is none
    keypoints     float64 (N, K, 2)      px, continuous (a pixel's centre is at + 1/2); K the most of any class
    visibility    uint8 (N, K)           0 not labelled, 1 labelled and hidden, 2 visible (COCO)
    areas         float64 (N,)           square px as the source states them; NaN where it does not
    scores        float64 (N,)           0 to 1; NaN where there is none
    ids           int64 (N,)             the source's own number; 0 where there is none
    attributes    N mappings             what a format knows and this model does not
    tracks        int64 (N,)             the same number for the same thing in every image of a video; -1 where none
    ============  =====================  ==========================================================
    """

    boxes: Boxes
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    polygons: Polygons
    masks: tuple[Rle | None, ...]
    oriented: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    visibility: NDArray[np.uint8]
    areas: NDArray[np.float64]
    scores: NDArray[np.float64]
    ids: NDArray[np.int64]
    attributes: tuple[Mapping[str, Any], ...]
    tracks: NDArray[np.int64]

    @classmethod
    def of(cls, boxes: ArrayLike = (), labels: ArrayLike | None = None, **columns: Unpack[ColumnValues]) -> Self:
        """Instances of copies of these values. A column that is not given holds its "none" for every object.

        Raises ValueError, TypeError or OverflowError where values do not fit their column.
        """
        made: dict[str, Any] = {"labels": labels, **columns}
        for name, values in made.items():
            if values is not None:
                made[name] = _COPY[name](values)
        return cls.from_arrays(np.array(boxes, dtype=np.float64).reshape(-1, 4), **made)

    @classmethod
    def from_arrays(cls, boxes: Boxes, **columns: Any) -> Self:
        """Instances of these arrays and tuples without a copy; the arrays become read-only. Otherwise as `of`.

        Raises ValueError for a wrong shape.
        """
        count = len(boxes)
        keypoints = columns.get("keypoints")
        points = 0 if keypoints is None else (*keypoints.shape, 0)[1]
        for name, default in _DEFAULTS:
            if columns.get(name) is None:
                columns[name] = default(count, points)
        return cls(boxes=boxes, **columns)

    def __post_init__(self) -> None:
        count, columns = len(self.boxes), self.__dict__
        if not isinstance(columns["polygons"], Polygons):
            columns["polygons"] = Polygons.of(columns["polygons"])
        for name, axes in _AXES:
            column = columns[name]
            if len(column) != count:
                raise ValueError(f"{name}: have {len(column)} rows, want {count}")
            if axes:
                if column.ndim != axes:
                    raise ValueError(f"{name}: have shape {column.shape}, want {axes} axes")
                column.setflags(write=False)
        if columns["oriented"].shape[1:] != (4, 2):
            raise ValueError(f"oriented: have shape {self.oriented.shape}, want (N, 4, 2)")
        if self.boxes.shape != (count, 4) or self.keypoints.shape != (*self.visibility.shape, 2):
            raise ValueError(
                f"boxes {self.boxes.shape}, keypoints {self.keypoints.shape}, visibility {self.visibility.shape}: "
                "want (N, 4), (N, K, 2), (N, K)"
            )

    def __len__(self) -> int:
        return len(self.boxes)

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> Instance: ...
    @overload
    def __getitem__(self, index: slice | list[Any] | NDArray[Any]) -> Instances: ...
    def __getitem__(self, index: Any) -> Instance | Instances:
        rows = np.arange(len(self))[index]
        return self.select(rows) if rows.ndim else next(iter(self.select(rows[None])))

    def __repr__(self) -> str:
        others = [(column, count) for column, count in self.column_counts.items() if column is not Column.BOXES]
        held = ", ".join(f"{column} {count:,}" for column, count in others)
        return f"<Instances: {len(self):,} object{'' if len(self) == 1 else 's'}{held and f' ({held})'}>"

    def __iter__(self) -> Iterator[Instance]:
        yield from self.with_names(())

    def with_names(self, names: Sequence[str]) -> Iterator[Instance]:
        """Each object with the name of its class; `names` are those of the class table."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        areas = np.where(np.isnan(self.areas), sides[:, 0] * sides[:, 1], self.areas)
        for row, label in enumerate(self.labels.tolist()):
            yield Instance(
                box=self.boxes[row],
                label=label,
                crowd=bool(self.crowd[row]),
                polygons=self.polygons[row],
                mask=self.masks[row],
                oriented=self.oriented[row],
                keypoints=self.keypoints[row],
                visibility=self.visibility[row],
                area=float(areas[row]),
                score=float(self.scores[row]),
                id=int(self.ids[row]),
                attributes=self.attributes[row],
                track=int(self.tracks[row]),
                class_name=names[label] if names else "",
            )

    @property
    def xywh(self) -> Boxes:
        """The boxes as x0 y0 width height, float64 (N, 4) px."""
        return np.concatenate([self.boxes[:, :2], self.boxes[:, 2:] - self.boxes[:, :2]], axis=1)

    @property
    def cxcywh(self) -> Boxes:
        """The boxes as x and y of the centre, width, height, float64 (N, 4) px."""
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        return np.concatenate([(low + high) / 2, high - low], axis=1)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Instances):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in _NAMES)

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def select(self, rows: ArrayLike) -> Instances:
        """The objects at `rows`: a boolean mask (N,) or row numbers."""
        wanted = np.asarray(rows)
        index = np.arange(len(self))[wanted] if wanted.size else np.zeros(0, dtype=np.int64)
        own = self.__dict__
        columns = {one.name: one.select(own[one.name], index) for one in FIELDS}
        for name, axes in _AXES:
            if axes:
                columns[name].setflags(write=False)
        return unchecked(Instances, columns)  # rows of checked columns are valid

    @classmethod
    def concat(cls, parts: Sequence[Instances]) -> Instances:
        """All objects of `parts`, one after the other; K is the largest number of keypoints of any part."""
        if not parts:
            return cls.of()
        parts = _joined(parts)
        if len(parts) == 1:
            return parts[0]
        points = max([part.visibility.shape[1] for part in parts])
        wide = [part.pad_keypoints(points).__dict__ for part in parts]
        columns = {one.name: one.concat([own[one.name] for own in wide]) for one in FIELDS}
        return unchecked(Instances, columns)  # columns of checked parts are valid

    def pad_keypoints(self, points: int) -> Instances:
        """These objects with K at least `points`: the added keypoints are not labelled."""
        more = points - self.visibility.shape[1]
        if more <= 0:
            return self
        return replace(
            self,
            keypoints=np.pad(self.keypoints, ((0, 0), (0, more), (0, 0))),
            visibility=np.pad(self.visibility, ((0, 0), (0, more))),
        )

    def with_first_keypoints(self, points: int) -> Instances:
        """These objects with their first `points` keypoints, as views; the others are not labelled."""
        if points >= self.visibility.shape[1]:
            return self
        own = {name: self.__dict__[name] for name in _NAMES}
        own |= {"keypoints": self.keypoints[:, :points], "visibility": self.visibility[:, :points]}
        return unchecked(Instances, own)

    def part(self, start: int, end: int) -> Instances:
        """The objects from row `start` to row `end`, as views; `concat` joins parts that follow each other without a
        copy.
        """
        if end - start == len(self):
            return self
        own = self.__dict__
        cut = {name: own[name][start:end] for name in _NAMES}
        return unchecked(Instances, cut | {"_part": _Part(self, start, end)})

    def split_by_counts(self, counts: Iterable[int]) -> list[Instances]:
        """Consecutive parts of these objects, of `counts` objects each, as views; `counts` sum up to N. `concat`
        joins them without a copy.

        The `column_counts` of the parts are computed together: numpy takes longer for each part than for all.
        """
        columns = [self.__dict__[name] for name in _NAMES]
        ends = np.cumsum([0, *counts])
        held = self._column_counts_between(ends)
        parts = []
        for (start, end), own in zip(pairwise(ends.tolist()), held, strict=True):
            cut = dict(zip(_NAMES, [column[start:end] for column in columns], strict=True))
            cut |= {"column_counts": own, "_part": _Part(self, start, end)}
            parts.append(unchecked(Instances, cut))  # slices of checked columns are valid
        return parts

    def _column_counts_between(self, ends: NDArray[np.int64]) -> list[dict[Column, int]]:
        """The `column_counts` of the parts that lie between `ends` (P + 1,), one for each."""
        parts: list[dict[Column, int]] = [{} for _ in ends[1:]]
        for column in self.column_counts:
            totals = np.concatenate(([0], np.cumsum(self.has(column))))
            for part, count in zip(parts, np.diff(totals[ends]).tolist(), strict=True):
                if count:
                    part[column] = count
        return parts

    @cached_property
    def column_counts(self) -> Mapping[Column, int]:
        """The number of objects that have a value, for each column that any object has."""
        own = self.__dict__
        counts = [(column, count(own[name])) for column, name, count in _COUNTS]
        return {column: count for column, count in counts if count}

    def has(self, column: Column) -> NDArray[np.bool_]:
        """Whether each object has a value in `column`: bool (N,)."""
        spec = COLUMNS[column]
        return spec.has(getattr(self, spec.fields[-1].name))

    @property
    def have_box_alone(self) -> NDArray[np.bool_]:
        """Whether each object has a box and nothing else that has a place, and is no crowd region: bool (N,)."""
        placed = (Column.POLYGONS, Column.MASKS, Column.ORIENTED, Column.KEYPOINTS)
        return np.asarray(~np.any([self.crowd, *map(self.has, placed)], axis=0))

    def hash_parts(self) -> list[bytes]:
        """The bytes of all columns, for a hash: different objects have different bytes."""
        own = self.__dict__
        parts = [to_bytes(own[name]) for name, to_bytes in _TO_BYTES]
        return [array("q", [*self.visibility.shape, *map(len, parts)]).tobytes(), *parts]

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value for name, value in self.__dict__.items() if name != "_part"
        }  # those of other images need not be pickled


def _joined(parts: Sequence[Instances]) -> list[Instances]:
    """`parts`, those joined that follow each other in the objects that they are parts of."""
    joined: list[Instances | _Part] = []
    for one in parts:
        last: Any = joined[-1] if joined else None
        part: _Part | None = one.__dict__.get("_part")
        if part and isinstance(last, _Part) and part.whole is last.whole and part.start == last.end:
            joined[-1] = _Part(part.whole, last.start, part.end)
        else:
            joined.append(part or one)
    return [one.objects() if isinstance(one, _Part) else one for one in joined]


def _same(mine: Any, other: Any) -> bool:
    if isinstance(mine, np.ndarray):
        return bool(np.array_equal(mine, other, equal_nan=mine.dtype.kind == "f"))
    if isinstance(mine, tuple) and isinstance(other, tuple):
        return len(mine) == len(other) and all(_same(a, b) for a, b in zip(mine, other, strict=True))
    return bool(mine == other)


_Frozen = TypeVar("_Frozen")


def unchecked(kind: type[_Frozen], fields: dict[str, Any]) -> _Frozen:
    """An instance of the frozen dataclass `kind` with all its `fields`, made without ``__init__`` and its checks.

    Why: each image needs several changed samples, at 2.2 us each; `dataclasses.replace` takes 18 us.
    """
    made = object.__new__(kind)
    made.__dict__.update(fields)
    return made
