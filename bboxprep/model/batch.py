"""Samples that go through the steps of a run together, as columns, with all their objects in one `Instances`.

What is asked of every image is asked of a batch at once: numpy takes about as long for the few objects of one image as
for those of a hundred, and a value that all images share is stored once. A reader makes a batch of columns; a `Sample`
is the view of one row, made when somebody asks for it. An image that is done by itself is a batch of one, so that there
is one way for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise
from operator import eq
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Plan
from bboxprep.io.paths import relative_path, text_below
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import EMPTY_SAMPLE, BaseImage, Frame, Key, Sample, redraws

Value = TypeVar("Value")

_FIELDS = tuple([one.name for one in fields(Sample) if one.name != "instances"])
_NOTHING = EMPTY_SAMPLE.instances
_NO_SIZE = Size(0, 0)


@dataclass(frozen=True)
class FromText(Sequence[Value], Generic[Value]):
    """Values that are made of `texts` when they are asked for: value i is ``make(texts[i])``, and its text is that."""

    texts: Sequence[str]
    make: Callable[[str], Value]

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, row: int) -> Value: ...
    @overload
    def __getitem__(self, row: slice) -> FromText[Value]: ...
    def __getitem__(self, row: int | slice) -> Value | FromText[Value]:
        return FromText(self.texts[row], self.make) if isinstance(row, slice) else self.make(self.texts[row])


@dataclass(frozen=True, eq=False)
class Batch(Sequence[Sample]):
    """I samples, and their N objects in their order: those of sample i are the rows ``starts[i]`` to ``starts[i + 1]``
    of `instances`; `starts` is int64 (I + 1,).

    The fields that differ are columns of I values each; the others are stored once. A sample keeps the number of
    keypoints K that its objects have by themselves, where others in the batch have more (`points`).
    """

    _alike: Sample
    _columns: Mapping[str, Sequence[Any]]
    instances: Instances
    starts: NDArray[np.int64]
    _fewer: NDArray[np.int64] | None = None  # K of each sample, where they differ
    _made: dict[int, Sample] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Batch:
        """The batch of `samples`; that itself if they are one."""
        if isinstance(samples, Batch):
            return samples
        samples = tuple(samples)
        if not samples:
            return cls(EMPTY_SAMPLE, {}, _NOTHING, np.zeros(1, dtype=np.int64))
        rows, columns = [sample.__dict__ for sample in samples], dict[str, Sequence[Any]]()
        for name in _FIELDS:
            values = [row[name] for row in rows]
            first = values[0]
            if not all(value is first for value in values):
                columns[name] = values
        starts = starts_of([len(sample.instances) for sample in samples])
        instances = Instances.concat([sample.instances for sample in samples])
        fewer = _differing([sample.instances.visibility.shape[1] for sample in samples])
        alike = samples[0].replace_fast(instances=_NOTHING)
        return cls(alike, columns, instances, starts, fewer, dict(enumerate(samples)))

    @classmethod
    def of_columns(cls, count: int, alike: Sample, **columns: Sequence[Any]) -> Batch:
        """The batch of `count` samples without objects, whose fields are those of `alike` and these `columns`."""
        return cls(alike, columns, _NOTHING, np.zeros(count + 1, dtype=np.int64))

    @classmethod
    def concat(cls, batches: Sequence[Batch]) -> Batch:
        """All samples of `batches`, one after the other."""
        if len(batches) == 1:
            return batches[0]
        if not batches:
            return cls.of(())
        first, columns = batches[0]._alike, dict[str, Sequence[Any]]()
        for name in _FIELDS:
            if any(name in one._columns or one._alike.__dict__[name] is not first.__dict__[name] for one in batches):
                columns[name] = _joined([one.values(name) for one in batches])
        starts = starts_of(np.concatenate([one.counts for one in batches]))
        fewer = _differing(np.concatenate([one.points for one in batches]).tolist())
        return cls(first, columns, Instances.concat([one.instances for one in batches]), starts, fewer)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, row: int) -> Sample: ...
    @overload
    def __getitem__(self, row: slice) -> Batch: ...
    def __getitem__(self, row: int | slice) -> Sample | Batch:
        if isinstance(row, slice):
            return self.select(range(*row.indices(len(self))))
        row = range(len(self))[row]  # raises IndexError
        made = self._made.get(row)
        return self._sample(row, self.objects_of(row)) if made is None else made

    def __iter__(self) -> Iterator[Sample]:
        if len(self._made) < len(self):
            parts = self.instances.split_by_counts(self.counts.tolist())
            own = map(Instances.with_first_keypoints, parts, self.points.tolist())
            return map(self._sample, range(len(self)), own)
        return iter([self._made[row] for row in range(len(self))])

    def _sample(self, row: int, instances: Instances) -> Sample:
        fields = {name: column[row] for name, column in self._columns.items()}
        return self._made.setdefault(row, self._alike.replace_fast(**fields, instances=instances))

    def objects_of(self, row: int) -> Instances:
        """The objects of the sample at `row`."""
        own = self.instances.part(int(self.starts[row]), int(self.starts[row + 1]))
        return own.with_first_keypoints(int(self.points[row]))

    def values(self, name: str) -> Sequence[Any]:
        """The values of the field `name` of a sample, one for each."""
        return self._columns[name] if name in self._columns else [getattr(self._alike, name)] * len(self)

    def any(self, name: str) -> bool:
        """Whether the field `name` of any sample has a value that is true."""
        return any(self._columns[name]) if name in self._columns else len(self) > 0 and bool(getattr(self._alike, name))

    def texts(self, name: str) -> Sequence[str]:
        """The values of the field `name` as text."""
        return texts_of(self.values(name))

    def replace(self, **values: Any) -> Batch:
        """This batch with some fields of all samples changed to these values, the same for all."""
        columns = {name: column for name, column in self._columns.items() if name not in values}
        return self._with(_alike=self._alike.replace_fast(**values), _columns=columns)

    def with_columns(self, **columns: Sequence[Any]) -> Batch:
        """This batch with some fields changed, to I values each."""
        return self._with(_columns={**self._columns, **columns})

    def with_objects(self, instances: Instances, starts: NDArray[np.int64] | None = None) -> Batch:
        """This batch with other objects, which begin at `starts`, int64 (I + 1,); by default as many of each sample as
        before.
        """
        return self._with(instances=instances, starts=self.starts if starts is None else starts)

    def _with(self, **changes: Any) -> Batch:
        return replace(self, _made={}, **changes)

    def with_findings(self, added: Mapping[int, Sequence[Finding]]) -> Batch:
        """This batch with findings `added` after those that a sample has, by its row."""
        if not added:
            return self
        findings = list(self.values("findings"))
        for row, more in added.items():
            findings[row] = (*findings[row], *more)
        return self.with_columns(findings=findings)

    def map_findings(self, change: Callable[[Finding], Finding]) -> Batch:
        """This batch with each finding changed."""
        if not self.any("findings"):
            return self
        return self.with_columns(findings=[tuple(map(change, own)) for own in self.values("findings")])

    def finding(self, row: int, code: str, words: str) -> Finding:
        """A finding about the sample at `row`."""
        return Finding(code, words, self.relative_paths[row], split=self.values("split")[row])

    def keep(self, rows: NDArray[np.bool_]) -> Batch:
        """This batch without the objects that are not at `rows` (N,)."""
        return self.with_objects(self.instances.select(rows), starts_of(self.totals(rows)))

    def select(self, rows: Sequence[int]) -> Batch:
        """The batch of the samples at `rows`; this one if that is all of them in their order."""
        if len(rows) == len(self) and all(map(eq, rows, range(len(self)))):
            return self
        columns = {name: _at(column, rows) for name, column in self._columns.items()}
        fewer = None if self._fewer is None else self._fewer[list(rows)]
        if isinstance(rows, range) and rows.step == 1:
            starts = self.starts[rows.start : max(rows.stop, rows.start) + 1]
            instances, starts = self.instances.part(int(starts[0]), int(starts[-1])), starts - starts[0]
        else:
            parts = list(map(self.objects_of, rows))
            instances, starts = Instances.concat(parts), starts_of(list(map(len, parts)))
        return self._with(_columns=columns, instances=instances, starts=starts, _fewer=fewer)

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples."""
        return self.texts("name")

    @property
    def files(self) -> Sequence[str]:
        """The paths of the image files as text."""
        return self.texts("path")

    @property
    def headers(self) -> Sequence[Header | None]:
        """The headers of the image files."""
        return self.values("header")

    @property
    def keys(self) -> list[Key]:
        """The keys of the samples."""
        return list(zip(self.values("split"), self.names, strict=True))

    @cached_property
    def relative_paths(self) -> Sequence[str]:
        """The `Sample.relative_path` of each."""
        if "root" in self._columns:
            return list(map(relative_path, self.values("path"), self._columns["root"]))
        return self.paths_below(self._alike.root)

    def paths_below(self, root: Path) -> Sequence[str]:
        """The `io.paths.relative_path` of each image file below `root`."""
        paths = self.values("path")
        if isinstance(paths, FromText):
            return [text_below(text, root) for text in paths.texts]
        return [relative_path(path, root) for path in paths]

    @cached_property
    def planes(self) -> list[Size]:
        """The `Sample.size` of each; 0 x 0 of one without a header, which has none."""
        return list(map(_plane, *map(self.values, ("plan", "base_image", "header", "frame"))))

    @cached_property
    def touched(self) -> list[bool]:
        """Whether a step changes the pixels of each image."""
        fields = zip(*map(self.values, ("plan", "rendering", "base_image", "parts")), strict=True)
        return [bool(plan and not plan.is_identity) or redraws(*drawn) for plan, *drawn in fields]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The number of objects of each sample: int64 (I,)."""
        return np.diff(self.starts)

    @property
    def points(self) -> NDArray[np.int64]:
        """K of the objects of each sample by themselves: int64 (I,)."""
        return np.full(len(self), self.instances.visibility.shape[1]) if self._fewer is None else self._fewer

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The number of each object's sample: int64 (N,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """Width and height of the plane that the objects of each sample lie in: float64 (I, 2), px."""
        return np.array(self.planes, dtype=np.float64).reshape(-1, 2)

    def totals(self, values: NDArray[np.int64 | np.bool_]) -> NDArray[np.int64]:
        """The sum of `values` (N,) over the objects of each sample: int64 (I,)."""
        return np.diff(np.concatenate(([0], np.cumsum(values, dtype=np.int64)))[self.starts])

    def split(self, values: list[Value]) -> list[list[Value]]:
        """The part of each sample of `values`, which are N."""
        return [values[start:end] for start, end in pairwise(self.starts.tolist())]


def starts_of(counts: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the objects of each of I samples begin that have `counts` objects each, and the end: int64 (I + 1,)."""
    starts = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def _differing(points: Sequence[int]) -> NDArray[np.int64] | None:
    """`points` (I,); None where all are the same."""
    return None if len(set(points)) < 2 else np.array(points, dtype=np.int64)


def texts_of(values: Sequence[Any]) -> Sequence[str]:
    """Each of `values` as text, of which none is made where it is known."""
    return values.texts if isinstance(values, FromText) else list(map(str, values))


def _plane(plan: Plan | None, base: BaseImage | None, header: Header | None, frame: Frame) -> Size:
    if plan:
        return plan.size
    if base:
        return base.size
    if header is None:
        return _NO_SIZE
    return header.size if frame is Frame.STORED else header.displayed


def _at(column: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    if isinstance(rows, range) and rows.step == 1:
        return column[rows.start : max(rows.stop, rows.start)]
    if isinstance(column, FromText):
        return FromText([column.texts[row] for row in rows], column.make)
    return [column[row] for row in rows]


def _joined(columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """All values of `columns`, one after the other."""
    made = [one for one in columns if isinstance(one, FromText)]
    if len(made) == len(columns) and all(one.make == made[0].make for one in made):
        return FromText([text for one in made for text in one.texts], made[0].make)
    return [value for one in columns for value in one]
