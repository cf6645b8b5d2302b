"""Selects the images of a review with their notes, and sorts them by severity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import inf

import msgspec

from bboxprep.findings import Severity, one_a_place
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import RecordedFinding
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.source.survey import checked
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.faults import Fault


class ReviewEntry(msgspec.Struct, frozen=True):
    """One image of a review: the rows of its samples in the output (`after`) and in the source (`before`), and its
    notes.

    `rank` is the position of its worst fault in the list of the verification, from 0; infinite where it has none.
    """

    after: int | None
    before: int | None
    row: ImageRow | None
    notes: tuple[RecordedFinding, ...] = ()
    rank: float = inf

    @property
    def order(self) -> tuple[float, int, int]:
        """The sort key: faults of the verification, then the number of faults of the run, then of all notes."""
        return self.rank, -sum(note.severity == Severity.FAULT for note in self.notes), -len(self.notes)


class RunNotes(msgspec.Struct, frozen=True):
    """The image rows of a run and all its findings."""

    rows: Sequence[ImageRow]
    findings: Sequence[RecordedFinding]


class ReviewSelection(msgspec.Struct, frozen=True):
    """The images in order, all notes, and the notes that belong to no image."""

    entries: tuple[ReviewEntry, ...]
    notes: tuple[RecordedFinding, ...]
    unassigned: tuple[RecordedFinding, ...]


Key = tuple[str, str]  # split and path below the source


def select_entries(
    out: Source, recorded: RunNotes | None, source: Source | None, faults: Sequence[Fault]
) -> ReviewSelection:
    """The images of the output `out`, each with its image in `source`, the worst first.

    Images that the run left out are included. Without `recorded` there is one entry for each image of `out`. `faults`
    are those of a verification, the worst first.
    """
    notes_index = _NoteIndex(
        [RecordedFinding(str(Severity.FAULT), each.code, each.message, each.image, each.where) for each in faults]
    )
    found = list(_paired(out, recorded, source, notes_index) if recorded else _unpaired(out, notes_index))
    return ReviewSelection(
        tuple(sorted(found, key=lambda entry: entry.order)), tuple(notes_index.notes), notes_index.unassigned()
    )


class _NoteIndex:
    """All notes: first those of a verification, by path; then those of a run, by split and path."""

    def __init__(self, faults: Iterable[RecordedFinding]) -> None:
        self.notes = list(faults)
        self.faults = len(self.notes)
        self.of_path: dict[str, list[int]] = defaultdict(list)
        self.of_key: dict[Key, list[int]] = defaultdict(list)
        self.used: set[int] = set()
        for number, note in enumerate(self.notes):
            self.of_path[note.path].append(number)

    def add(self, key: Key, note: RecordedFinding) -> None:
        self.of_key[key].append(len(self.notes))
        self.notes.append(note)

    def entry(self, after: int | None, before: int | None, row: ImageRow | None, path: str, key: Key) -> ReviewEntry:
        """The entry of the image at `path` with the key `key`, with all its notes."""
        numbers = (*self.of_path.get(path, ()), *self.of_key.get(key, ()))
        self.used.update(numbers)
        rank = min((number for number in numbers if number < self.faults), default=inf)
        return ReviewEntry(after, before, row, tuple(self.notes[number] for number in numbers), rank)

    def unassigned(self) -> tuple[RecordedFinding, ...]:
        return tuple(note for number, note in enumerate(self.notes) if number not in self.used)


def _unpaired(out: Source, notes_index: _NoteIndex) -> Iterator[ReviewEntry]:
    """The images of a dataset by itself, with what `inspect` finds in it; what a verification found is not repeated."""
    told, stepless = {(note.code, note.path) for note in notes_index.notes}, Recipe()
    for finding in one_a_place(checked(out.dataset, out.summaries).findings):
        if (finding.code, finding.path) not in told:
            notes_index.add((finding.split, finding.path), RecordedFinding.of(finding))
    for number, sample in enumerate(out.dataset):
        key = (sample.split, sample.relative_path)
        for finding in one_a_place(sample.transform(stepless).findings):
            if (finding.code, finding.path) not in told:
                notes_index.add(key, RecordedFinding.of(finding))
        yield notes_index.entry(number, None, None, sample.relative_path, key)


def _paired(out: Source, recorded: RunNotes, source: Source | None, notes_index: _NoteIndex) -> Iterator[ReviewEntry]:
    after = {sample.relative_path: number for number, sample in enumerate(out.dataset)}
    samples = source.dataset if source else ()
    before = {(sample.split, sample.relative_path): number for number, sample in enumerate(samples)}
    for note in recorded.findings:
        notes_index.add((note.split, note.path), note)
    for row in recorded.rows:
        key, number_out = (row.split, row.source), after.pop(row.output, None) if row.output else None
        yield notes_index.entry(number_out, before.get(key), row, row.output or row.source, key)
    for path, number in after.items():
        yield notes_index.entry(number, None, None, path, ("", path))
