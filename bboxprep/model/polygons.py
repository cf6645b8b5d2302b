"""The polygons of many objects as one ragged column: the points of all rings in one array, and where each ring begins.

A part of the column shares its arrays. So the objects of a batch are moved, hashed and written at once, and each image
still has its own. Polygons that were read from JSON are text (`polygon_text`) until somebody asks for their points.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from typing import Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bboxprep.geometry.affine import Points
from bboxprep.model.polygon_text import points_of, ring_lengths

Rings = tuple[Points, ...]  # the closed rings of one object, each (P, 2) x y px; () where it has none
Ends = NDArray[np.int64]


class Polygons(Sequence[Rings]):
    """The rings of N objects; item n is the tuple of the rings of object n, each float64 (P, 2) px, read-only.

    ``rings[objects[n]:objects[n + 1] + 1]`` are where the rings of object n begin and end in `points`: `points` is
    float64 (P, 2), `rings` int64 (R + 1,), `objects` int64 (N + 1,). The arrays may hold more than these objects.
    `texts` are the polygons of each object as JSON, b"" for none, where they are known.
    """

    __slots__ = ("_points", "objects", "rings", "texts")

    def __init__(
        self, points: Points | _Unread, rings: Ends, objects: Ends, texts: Sequence[bytes] | None = None
    ) -> None:
        if isinstance(points, np.ndarray):
            points.setflags(write=False)
        self._points, self.rings, self.objects, self.texts = points, rings, objects, texts

    @classmethod
    def of(cls, polygons: Iterable[Iterable[ArrayLike]]) -> Self:
        """A copy of the rings of each object. Raises ValueError for a ring that is not (P, 2)."""
        nested = [[np.array(ring, dtype=np.float64).reshape(-1, 2) for ring in rings] for rings in polygons]
        flat = list(chain.from_iterable(nested))
        if not flat:
            return cls.none(len(nested))
        return cls.from_lengths(np.concatenate(flat), list(map(len, flat)), list(map(len, nested)))

    @classmethod
    def from_lengths(cls, points: Points, rings: ArrayLike, objects: ArrayLike) -> Self:
        """The objects with these numbers of rings, whose `rings` have these numbers of `points`, without a copy."""
        return cls(points, _ends(rings), _ends(objects))

    @classmethod
    def from_texts(cls, texts: Sequence[bytes]) -> Self | None:
        """The polygons that `texts` state, valid JSON of N objects (b"" for none); None where they are not spelled as
        this program would spell them (`polygon_text`).
        """
        lengths = ring_lengths(texts)
        if lengths is None or not len(lengths.rings):
            return None if lengths is None else cls.none(len(texts))
        return cls._of_texts(texts, *lengths)

    @classmethod
    def _of_texts(cls, texts: Sequence[bytes], rings: ArrayLike, objects: ArrayLike) -> Self:
        ends = _ends(rings)
        return cls(_Unread(texts, int(ends[-1])), ends, _ends(objects), texts)

    @classmethod
    def none(cls, count: int) -> Self:
        """`count` objects without polygons."""
        return cls(_NO_POINTS, _NO_RINGS, _zeros(count + 1))

    @classmethod
    def concat(cls, parts: Sequence[Polygons]) -> Self:
        """All objects of `parts`, one after the other."""
        if not any(part.holds_any for part in parts):
            return cls.none(sum(map(len, parts)))
        lengths = np.concatenate([part.lengths for part in parts])
        counts = np.concatenate([part.counts for part in parts])
        if all(part.texts is not None or not part.holds_any for part in parts):
            texts = list(chain.from_iterable([part.texts or [b""] * len(part) for part in parts]))
            return cls._of_texts(texts, lengths, counts)
        return cls.from_lengths(np.concatenate([part.own_points for part in parts]), lengths, counts)

    def __len__(self) -> int:
        return len(self.objects) - 1

    @overload
    def __getitem__(self, row: int) -> Rings: ...
    @overload
    def __getitem__(self, row: slice) -> Polygons: ...
    def __getitem__(self, row: int | slice) -> Rings | Polygons:
        if isinstance(row, slice):
            start, stop, step = row.indices(len(self))
            if step != 1:
                return self.select(np.arange(start, stop, step))
            if self.rings is _NO_RINGS:
                return _none(max(0, stop - start))
            texts = None if self.texts is None else self.texts[start:stop]
            return Polygons(self._points, self.rings, self.objects[start : max(start, stop) + 1], texts)
        row = range(len(self))[row]  # raises IndexError
        places = self.rings[self.objects[row] : self.objects[row + 1] + 1].tolist()
        return tuple([self.points[start:end] for start, end in pairwise(places)])

    def __iter__(self) -> Iterator[Rings]:
        points, places, first = self.points, self._own_rings.tolist(), 0
        for count in self.counts.tolist():
            yield tuple([points[start:end] for start, end in pairwise(places[first : first + count + 1])])
            first += count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Polygons):
            return NotImplemented
        return (
            np.array_equal(self.counts, other.counts)
            and np.array_equal(self.lengths, other.lengths)
            and np.array_equal(self.own_points, other.own_points, equal_nan=True)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def __repr__(self) -> str:
        return f"Polygons({[[ring.tolist() for ring in rings] for rings in self]})"

    def __reduce__(self) -> tuple[Callable[..., Polygons], tuple[object, ...]]:
        return Polygons.from_lengths, (self.own_points, self.lengths, self.counts)

    @property
    def points(self) -> Points:
        """The points of the rings of these objects, and perhaps of others: float64 (P, 2) px."""
        return self._points.points if isinstance(self._points, _Unread) else self._points

    @property
    def counts(self) -> NDArray[np.int64]:
        """The number of rings of each object: int64 (N,)."""
        return self.objects[1:] - self.objects[:-1]  # np.diff takes five times as long

    @property
    def holds_any(self) -> bool:
        """Whether any object has a ring."""
        return bool(self.objects[-1] > self.objects[0])

    @property
    def own_points(self) -> Points:
        """The points of all rings of these objects: float64 (P, 2) px, a view."""
        own = self._own_rings
        return self.points[own[0] : own[-1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of points of each ring of these objects: int64 (R,)."""
        own = self._own_rings
        return own[1:] - own[:-1]

    def count(self, value: object) -> int:
        """The number of objects whose rings are `value`, which is () for those without polygons."""
        return int(np.count_nonzero(self.counts == 0)) if value == () else super().count(value)

    def reach_out(self, regions: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether a point of each object lies outside of its region of `regions`, (4,) or (N, 4) px: bool (N,)."""
        out = np.zeros(len(self), dtype=np.bool_)
        if self.holds_any:
            owners = np.repeat(np.repeat(np.arange(len(self)), self.counts), self.lengths)
            points, limits = self.own_points, np.broadcast_to(regions, (len(self), 4))[owners]
            out[owners[((points < limits[:, :2]) | (points > limits[:, 2:])).any(axis=1)]] = True
        return out

    def moved(self, change: Callable[[Points], Points]) -> Polygons:
        """The same rings with their points (P, 2) changed by `change`, which is called once for all."""
        if not self.holds_any:
            return self
        own = self._own_rings
        return Polygons(change(self.own_points), own - own[0], self.objects - self.objects[0])

    def select(self, rows: NDArray[np.int64]) -> Polygons:
        """The objects at the numbers `rows` (M,)."""
        if not self.holds_any:
            return Polygons.none(len(rows))
        counts = self.counts[rows]
        rings = _spans(self.objects[:-1][rows], counts)
        starts, lengths = self.rings[rings], self.rings[rings + 1] - self.rings[rings]
        if self.texts is not None:
            return Polygons._of_texts([self.texts[row] for row in rows.tolist()], lengths, counts)
        return Polygons.from_lengths(self.points[_spans(starts, lengths)], lengths, counts)

    def to_bytes(self) -> bytes:
        """Bytes for a hash: different rings of N objects have different bytes."""
        if not self.holds_any:
            return b""
        if self.texts is not None:
            return b"\n".join(self.texts)
        sizes = array("q", [*self.counts.tolist(), *self.lengths.tolist()])
        return sizes.tobytes() + self.own_points.tobytes()

    @property
    def _own_rings(self) -> Ends:
        return self.rings[self.objects[0] : self.objects[-1] + 1]


class _Unread:
    """The points of the rings in `texts`, which are `count`, and are read when they are asked for."""

    def __init__(self, texts: Sequence[bytes], count: int) -> None:
        self._texts, self._count = texts, count

    @cached_property
    def points(self) -> Points:
        """The points: float64 (count, 2) px, read-only."""
        points = points_of(self._texts, self._count)
        points.setflags(write=False)
        return points


def _spans(starts: Ends, lengths: Ends) -> Ends:
    """The numbers from each of `starts` (S,) on, as many as its length: one after the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) + np.repeat(starts - (ends - lengths), lengths))


def _ends(lengths: ArrayLike) -> Ends:
    values = np.asarray(lengths, dtype=np.int64)
    ends = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=ends[1:])
    return ends


@lru_cache
def _none(count: int) -> Polygons:
    return Polygons.none(count)


def _zeros(count: int) -> Ends:
    zeros = np.zeros(count, dtype=np.int64)
    zeros.setflags(write=False)
    return zeros


_NO_POINTS: Points = np.zeros((0, 2))
_NO_RINGS: Ends = _zeros(1)
