"""The account of a run: every image and object that came in went out, or was dropped for a stated reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from bboxprep.errors import InternalError
from bboxprep.findings import Finding, Severity
from bboxprep.model.class_mapping import objects_by_class
from bboxprep.model.columns import Column
from bboxprep.model.sample import Sample
from bboxprep.model.splits import order
from bboxprep.pipeline.output.run_record import ClassCount, RecordedFinding, Report, SplitCount
from bboxprep.pipeline.resume.image_result import ImageResult

UNREADABLE = "(unreadable)"  # the class of an object whose record could not be read


@dataclass
class Account:
    """Counts by split, and by split and class; and all findings, in the order of the samples."""

    images_in: Counter[str] = field(default_factory=Counter)
    images_out: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)  # image files by how they came about
    source_count: Counter[str] = field(default_factory=Counter)
    objects_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    objects_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    objects_due: Counter[tuple[str, str]] = field(default_factory=Counter)  # in all images that are made of them
    swapped: Counter[tuple[str, str]] = field(default_factory=Counter)  # gained from another class by a flip
    dropped: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # split, class, code
    columns: Counter[str] = field(default_factory=Counter)  # how many objects of the source have each column
    findings: list[Finding] = field(default_factory=list)

    def note(self, findings: Iterable[Finding]) -> None:
        """Add findings, with the objects that they drop."""
        for finding in findings:
            self.findings.append(finding)
            if finding.objects:
                self.dropped[finding.split, finding.category or UNREADABLE, finding.code] += finding.objects

    def note_outside_samples(self, findings: Iterable[Finding]) -> None:
        """Add findings about the dataset as a whole, whose objects no sample has listed."""
        for finding in findings:
            self.note((finding,))
            if finding.objects:
                self.source_count[finding.split] += finding.objects
                self.objects_in[finding.split, finding.category or UNREADABLE] += finding.objects
                self.objects_due[finding.split, finding.category or UNREADABLE] += finding.objects

    def add(self, result: ImageResult) -> None:
        """Add an image of the source and its result."""
        split = result.split
        if result.first:
            self.image_in(split, result.source_count, result.came, result.columns)
        for name, count in result.due.items():
            self.objects_due[split, name] += count
        self.note(result.findings)
        if result.written:
            self.images_out[split] += 1
            for name, count in result.went.items():
                self.objects_out[split, name] += count
            for name, count in result.swapped.items():
                self.swapped[split, name] += count
        if result.made:
            self.made[result.made] += 1

    def image_in(self, split: str, listed: int, came: Mapping[str, int], columns: Mapping[str, int]) -> None:
        """Add an image of the source: how many objects it lists, how many of each class were read, and how many have
        each column.
        """
        self.images_in[split] += 1
        self.source_count[split] += listed
        for name, count in came.items():
            self.objects_in[split, name] += count
        for column, count in columns.items():
            self.columns[column] += count

    def check(self) -> None:
        """Raise `InternalError` unless all objects that were due went out or were dropped, for each class of each
        split; a flip may have exchanged classes.
        """
        for split in sorted(self.images_in.keys() | self.source_count.keys()):
            counted = sum(count for (where, _), count in self.objects_in.items() if where == split)
            _balance(f"objects of split {split!r}, listed and read", self.source_count[split], counted)
        lost: Counter[tuple[str, str]] = Counter()
        for (split, name, _), count in self.dropped.items():
            lost[split, name] += count
        for split, name in sorted(self.objects_due.keys() | self.objects_out.keys() | lost.keys()):
            out = self.objects_out[split, name] + lost[split, name]
            came = self.objects_due[split, name] + self.swapped[split, name]
            _balance(f"objects of class {name!r} in split {split!r}", came, out)

    @property
    def faults(self) -> int:
        """How many findings say that something was skipped or is wrong."""
        return sum(finding.severity is Severity.FAULT for finding in self.findings)

    def report(self, names: Sequence[str]) -> Report:
        """The whole account, as records keep it; `names` are the classes of the output."""
        made, findings = dict(sorted(self.made.items())), tuple(map(RecordedFinding.of, self.findings))
        return Report(tuple(self.rows()), made, tuple(self.class_rows(names)), findings)

    def rows(self) -> list[SplitCount]:
        """One row a split, in the order people think of splits in."""
        return [
            SplitCount(
                split=split,
                images_in=self.images_in[split],
                images_out=self.images_out[split],
                objects_in=sum(n for (where, _), n in self.objects_in.items() if where == split),
                objects_due=sum(n for (where, _), n in self.objects_due.items() if where == split),
                objects_out=sum(n for (where, _), n in self.objects_out.items() if where == split),
                dropped=_by_code((code, n) for (where, _, code), n in self.dropped.items() if where == split),
            )
            for split in sorted({*self.images_in, *self.source_count}, key=order)
        ]

    def class_rows(self, names: Sequence[str]) -> list[ClassCount]:
        """One row a class over all splits, in the order of `names`."""
        came, went, swapped = map(_over_splits, (self.objects_in, self.objects_out, self.swapped))
        lost: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for (_, category, code), count in self.dropped.items():
            lost[category].append((code, count))
        return [
            ClassCount(
                name=name,
                objects_in=came[name],
                objects_out=went[name],
                dropped=_by_code(lost.get(name, ())),
                swapped=swapped[name],
            )
            for name in dict.fromkeys([*names, *came])
        ]


class Came(TypedDict):
    """What an image of the source holds: objects by class, and how many have each column."""

    came: dict[str, int]
    columns: dict[str, int]


_COLUMN_NAMES = {column: str(column) for column in Column}  # of an image's columns, asked for as often as there are any


def came_of(sample: Sample, names: Sequence[str]) -> Came:
    """What the untransformed `sample` holds; its labels are rows of `names`."""
    came = objects_by_class(sample, names)
    held = sample.instances.column_counts
    columns = {**held, Column.MASKS: len(sample.instances)} if sample.segmentation else held  # masks still to be read
    return {
        "came": {name or UNREADABLE: count for name, count in came.items()},
        "columns": {_COLUMN_NAMES[column]: count for column, count in columns.items()},
    }


def due_of(samples: Iterable[Sample], names: Sequence[str]) -> dict[str, int]:
    """How many objects of each class the untransformed `samples` hold, which one image shows."""
    due: Counter[str] = Counter()
    for sample in samples:
        due.update(came_of(sample, names)["came"])
    return dict(due)


def went_of(classes: Sequence[str], came_as: Sequence[str], written: int) -> tuple[dict[str, int], dict[str, int]]:
    """How many objects of each class a written image has, and how many more than in its source.

    `classes` are those of its objects, `came_as` the classes of the same objects in the source, which a flip may have
    exchanged. Raises `InternalError` unless the writer wrote them all.
    """
    _balance("objects of an image, handed to the writer and written", len(classes), written)
    went = Counter(classes)
    if came_as is classes:
        return dict(went), {}
    gained = Counter(went)
    gained.subtract(came_as)
    return dict(went), {name: count for name, count in gained.items() if count}


def _over_splits(counts: Counter[tuple[str, str]]) -> Counter[str]:
    """The counts by class alone."""
    totals: Counter[str] = Counter()
    for (_, category), count in counts.items():
        totals[category] += count
    return totals


def _balance(what: str, left: int, right: int) -> None:
    if left != right:
        raise InternalError(
            f"the account does not balance: {what}: {left} in, {right} accounted for; please report this"
        )


def _by_code(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for code, count in counts:
        totals[code] += count
    return dict(sorted(totals.items()))
