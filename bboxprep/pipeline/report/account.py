"""The account of a run: every image and object of the source was written, or dropped for a stated reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from bboxprep.errors import InternalError, NothingLeftError
from bboxprep.findings import Finding, count_faults
from bboxprep.model.batch import Batch
from bboxprep.model.class_mapping import count_classes, objects_by_class
from bboxprep.model.columns import Column
from bboxprep.model.flip_names import FlipMapping
from bboxprep.model.sample import Key
from bboxprep.model.splits import order
from bboxprep.pipeline.output.image_rows import WrittenBatch
from bboxprep.pipeline.output.run_record import ClassCount, RecordedFinding, Report, SplitCount
from bboxprep.pipeline.resume.batch_result import BatchResult, OutputCounts, SourceCounts
from bboxprep.pipeline.resume.journal import journal_key
from bboxprep.pipeline.source.near_duplicates import near_duplicates
from bboxprep.pipeline.source.survey import ImageSummary

UNREADABLE = "(unreadable)"  # the class of an object whose record could not be read


class Account(msgspec.Struct):
    """Counts by split, counts by split and class, and all findings in the order of the samples."""

    images_in: Counter[str] = msgspec.field(default_factory=Counter)
    images_out: Counter[str] = msgspec.field(default_factory=Counter)
    made: Counter[str] = msgspec.field(default_factory=Counter)  # image files by how they were made (`WriteMethod`)
    sizes: Counter[str] = msgspec.field(default_factory=Counter)  # images, where the recipe chooses among sizes
    source_count: Counter[str] = msgspec.field(default_factory=Counter)
    objects_in: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    objects_out: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    objects_due: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # expected in all output images
    swapped: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # gained from another class by a flip
    dropped: Counter[tuple[str, str, str]] = msgspec.field(default_factory=Counter)  # split, class, code
    columns: Counter[str] = msgspec.field(default_factory=Counter)  # how many objects of the source have each column
    findings: list[Finding] = msgspec.field(default_factory=list)
    thumbnails: dict[Key, bytes] = msgspec.field(default_factory=dict)  # of the images that were decoded

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

    def add(self, result: BatchResult) -> None:
        """Add a batch of images and its result."""
        split, output = result.split, result.output
        self.add_source(split, result.source)
        self.note(result.findings)
        self.images_out[split] += output.images
        self.made.update(output.made)
        self.sizes.update(output.sizes)
        for image, thumbnail in zip(result.images, result.thumbnails, strict=False):
            if thumbnail:
                self.thumbnails[split, image.name] = thumbnail
        for totals, counts in (
            (self.objects_due, output.due),
            (self.objects_out, output.written),
            (self.swapped, output.swapped),
        ):
            for name, count in counts.items():
                totals[split, name] += count

    def note_near_duplicates(self, summaries: Sequence[ImageSummary], root: Path) -> None:
        """Add the findings about images that look alike, of the `summaries` of those that were decoded, in the folder
        `root`.
        """
        known = self.thumbnails
        seen = [one.replace_fast(thumbnail=known.get(journal_key(one.key), b"")) for one in summaries if known]
        self.note(near_duplicates(seen, root, self.findings).findings)

    def add_source(self, split: str, counts: SourceCounts) -> None:
        """Add images of the source, which are of `split`."""
        self.images_in[split] += counts.images
        self.source_count[split] += counts.listed
        for name, count in counts.objects.items():
            self.objects_in[split, name] += count
        self.columns.update(counts.columns)

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

    def refuse_emptied(self) -> None:
        """Raise `NothingLeftError` where images were left out as asked, and no image is left."""
        left_out = [finding for finding in self.findings if finding.code == "image-filtered"]
        if left_out and not self.images_out.total():
            have = f"have {self.images_in.total():,} images and leave none, want some left"
            raise NothingLeftError(f"filters: {have}; the first: {left_out[0]}")

    @property
    def faults(self) -> int:
        """The number of faults, as `findings.count_faults` counts them."""
        return count_faults(self.findings)

    def report(self, names: Sequence[str]) -> Report:
        """The account as the run record keeps it; `names` are the classes of the output."""
        made, findings = dict(sorted(self.made.items())), tuple(map(RecordedFinding.of, self.findings))
        return Report(
            tuple(self.rows()), made, dict(sorted(self.sizes.items())), tuple(self.class_rows(names)), findings
        )

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


def count_source_objects(batch: Batch, names: Sequence[str], flips: FlipMapping) -> SourceCounts:
    """The counts of the untransformed samples of `batch`; `names` are the classes of their dataset."""
    columns: Counter[str] = Counter({str(column): count for column, count in batch.instances.column_counts.items()})
    for segmentation in filter(None, batch.values("segmentation")):  # masks still to be read
        columns[str(Column.MASKS)] += segmentation.count
    return SourceCounts(
        images=len(batch),
        listed=sum(batch.values("source_count")),
        objects=count_listed_objects(batch, names, flips),
        columns={column: count for column, count in columns.items() if count},
    )


def count_listed_objects(batch: Batch, names: Sequence[str], flips: FlipMapping) -> dict[str, int]:
    """The number of objects of each class that the untransformed samples of `batch` list, read or not."""
    objects: Counter[str] = Counter()
    for mirrored, alike in _by_mirrored(batch):
        objects.update(objects_by_class(alike, flips.source_names(names, mirrored)))
    return {name or UNREADABLE: count for name, count in objects.items()}


def count_output_objects(
    sources: Batch, written: WrittenBatch, names: Sequence[str], flips: FlipMapping, *, sized: bool = False
) -> OutputCounts:
    """The counts of the images `written`; `names` are the classes of the output. They are counted by size if `sized`.

    `sources` are all samples in the images, some of which have parts. Raises `InternalError` unless the writer wrote
    all objects.
    """
    rows, samples = written.rows, written.samples
    counts = samples.counts.tolist()
    for row in rows:
        _check_equal("objects of an image, handed to the writer and written", counts[row], written.labels[row].count)
    out = samples.select(rows)
    flipped = [out, *[Batch.of(part.sample for part in parts) for parts in samples.values("parts") if parts]]
    return OutputCounts(
        images=len(out),
        made=dict(Counter([image.method for image in written.images if image.method])),
        due=count_listed_objects(sources, names, flips),
        written=count_classes(out, names),
        swapped=count_gained_objects(flipped, names, flips),
        sizes=dict(Counter(map(str, out.planes))) if sized else {},
    )


def count_gained_objects(batches: Sequence[Batch], names: Sequence[str], flips: FlipMapping) -> dict[str, int]:
    """The change in the number of objects of each class of `batches` by a flip that exchanges classes."""
    gained: Counter[str] = Counter()
    for batch in batches:
        for mirrored, alike in _by_mirrored(batch):
            if mirrored:
                gained.update(count_classes(alike, names))
                gained.subtract(count_classes(alike, flips.source_names(names, mirrored)))
    return {name: count for name, count in gained.items() if count}


def _by_mirrored(batch: Batch) -> Iterator[tuple[bool, Batch]]:
    """The samples that are mirrored or are not, each with the others of its kind."""
    flags = batch.values("mirrored")
    for mirrored in (False, True):
        rows = [row for row, flag in enumerate(flags) if flag == mirrored]
        if rows:
            yield mirrored, batch.select(rows)


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
