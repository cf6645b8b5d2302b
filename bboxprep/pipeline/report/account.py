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
    """Counts by split, counts by split and class, and all findings in the order of the samples."""

    images_in: Counter[str] = field(default_factory=Counter)
    images_out: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)  # image files by how they were made (`WriteMethod`)
    source_count: Counter[str] = field(default_factory=Counter)
    objects_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    objects_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    objects_due: Counter[tuple[str, str]] = field(default_factory=Counter)  # expected in all output images
    swapped: Counter[tuple[str, str]] = field(default_factory=Counter)  # gained from another class by a flip
    dropped: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # split, class, code
    columns: Counter[str] = field(default_factory=Counter)  # how many objects of the source have each column
    findings: list[Finding] = field(default_factory=list)

    def note(self, findings: Iterable[Finding]) -> None:
        """Add `findings` and count the objects that they drop."""
        for finding in findings:
            self.findings.append(finding)
            if finding.objects:
                self.dropped[finding.split, finding.category or UNREADABLE, finding.code] += finding.objects

    def note_dataset(self, findings: Iterable[Finding]) -> None:
        """Add findings about the dataset, and count their objects as source objects: no sample lists them."""
        for finding in findings:
            self.note((finding,))
            if finding.objects:
                self.source_count[finding.split] += finding.objects
                self.objects_in[finding.split, finding.category or UNREADABLE] += finding.objects
                self.objects_due[finding.split, finding.category or UNREADABLE] += finding.objects

    def add(self, result: ImageResult) -> None:
        """Add the result of one output image, and its source image with the first of its outputs."""
        split = result.split
        if result.first:
            self.add_source_image(split, result.source_count, result.objects_in, result.columns)
        for name, count in result.objects_due.items():
            self.objects_due[split, name] += count
        self.note(result.findings)
        if result.written:
            self.images_out[split] += 1
            for name, count in result.objects_out.items():
                self.objects_out[split, name] += count
            for name, count in result.swapped.items():
                self.swapped[split, name] += count
        if result.write_method:
            self.made[result.write_method] += 1

    def add_source_image(
        self, split: str, source_count: int, objects_in: Mapping[str, int], columns: Mapping[str, int]
    ) -> None:
        """Add an image of the source: `source_count` objects are listed, `objects_in` were read (by class), `columns`
        of them have each column.
        """
        self.images_in[split] += 1
        self.source_count[split] += source_count
        for name, count in objects_in.items():
            self.objects_in[split, name] += count
        for column, count in columns.items():
            self.columns[column] += count

    def check(self) -> None:
        """Raise `InternalError` unless each object was written or dropped, by split and class; a flip may have
        exchanged classes.
        """
        for split in sorted(self.images_in.keys() | self.source_count.keys()):
            read = sum(count for (where, _), count in self.objects_in.items() if where == split)
            _check_equal(f"objects of split {split!r}, listed and read", self.source_count[split], read)
        dropped: Counter[tuple[str, str]] = Counter()
        for (split, name, _), count in self.dropped.items():
            dropped[split, name] += count
        for split, name in sorted(self.objects_due.keys() | self.objects_out.keys() | dropped.keys()):
            expected = self.objects_due[split, name] + self.swapped[split, name]
            accounted = self.objects_out[split, name] + dropped[split, name]
            _check_equal(f"objects of class {name!r} in split {split!r}", expected, accounted)

    @property
    def faults(self) -> int:
        """The number of findings that are faults."""
        return sum(finding.severity is Severity.FAULT for finding in self.findings)

    def report(self, names: Sequence[str]) -> Report:
        """The account as the run record keeps it; `names` are the classes of the output."""
        made, findings = dict(sorted(self.made.items())), tuple(map(RecordedFinding.of, self.findings))
        return Report(tuple(self.rows()), made, tuple(self.class_rows(names)), findings)

    def rows(self) -> list[SplitCount]:
        """The counts of each split, in the order of `splits.order`."""
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
        """The counts of each class over all splits, in the order of `names`."""
        objects_in, objects_out, swapped = map(_over_splits, (self.objects_in, self.objects_out, self.swapped))
        lost: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for (_, category, code), count in self.dropped.items():
            lost[category].append((code, count))
        return [
            ClassCount(
                name=name,
                objects_in=objects_in[name],
                objects_out=objects_out[name],
                dropped=_by_code(lost.get(name, ())),
                swapped=swapped[name],
            )
            for name in dict.fromkeys([*names, *objects_in])
        ]


class SourceCounts(TypedDict):
    """The number of objects of a source image by class, and by column that they have."""

    objects_in: dict[str, int]
    columns: dict[str, int]


_COLUMN_NAMES = {column: str(column) for column in Column}  # str() of an enum is slow for each image


def count_source_objects(sample: Sample, names: Sequence[str]) -> SourceCounts:
    """The counts of objects of the untransformed `sample`; its labels are rows of `names`."""
    by_class = objects_by_class(sample, names)
    columns = sample.instances.column_counts
    if sample.segmentation:  # masks are not read yet
        columns = {**columns, Column.MASKS: len(sample.instances)}
    return {
        "objects_in": {name or UNREADABLE: count for name, count in by_class.items()},
        "columns": {_COLUMN_NAMES[column]: count for column, count in columns.items()},
    }


def sum_source_objects(samples: Iterable[Sample], names: Sequence[str]) -> dict[str, int]:
    """The number of objects of the untransformed `samples` by class: those of one mosaic."""
    total: Counter[str] = Counter()
    for sample in samples:
        total.update(count_source_objects(sample, names)["objects_in"])
    return dict(total)


def count_written_objects(
    classes: Sequence[str], source_classes: Sequence[str], written: int
) -> tuple[dict[str, int], dict[str, int]]:
    """The number of objects of a written image by class, and how many of them a flip has added to each class.

    `classes` are those of its objects, `source_classes` those of the same objects in the source, before a flip
    exchanged them. Raises `InternalError` unless the writer has `written` all objects.
    """
    _check_equal("objects of an image, handed to the writer and written", len(classes), written)
    by_class = Counter(classes)
    if source_classes is classes:
        return dict(by_class), {}
    gained = Counter(by_class)
    gained.subtract(source_classes)
    return dict(by_class), {name: count for name, count in gained.items() if count}


def _over_splits(counts: Counter[tuple[str, str]]) -> Counter[str]:
    """The counts by class, summed over splits."""
    totals: Counter[str] = Counter()
    for (_, category), count in counts.items():
        totals[category] += count
    return totals


def _check_equal(what: str, left: int, right: int) -> None:
    if left != right:
        raise InternalError(
            f"the account does not balance: {what}: {left} in, {right} accounted for; please report this"
        )


def _by_code(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for code, count in counts:
        totals[code] += count
    return dict(sorted(totals.items()))
