"""The images that a review shows, each with its notes, the worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from bboxprep.findings import Severity
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import RecordedFinding
from bboxprep.pipeline.source.open import Source
from bboxprep.verification.faults import Fault


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """One image of the review: the numbers of its samples in the output and in the source, and what is said of it.

    `rank` is the place of its worst fault among all that a proof found, 0 the first; infinite where there is none.
    """

    after: int | None
    before: int | None
    row: ImageRow | None
    notes: tuple[RecordedFinding, ...] = ()
    rank: float = inf

    @property
    def order(self) -> tuple[float, int, int]:
        """What it is sorted by: the proof, then faults of the run, then how much else was noted."""
        return self.rank, -sum(note.severity == Severity.FAULT for note in self.notes), -len(self.notes)


@dataclass(frozen=True)
class EntryNotes:
    """What a run says of its images: a row each, and the findings of all of them."""

    rows: Sequence[ImageRow]
    findings: Sequence[RecordedFinding]


@dataclass(frozen=True)
class ReviewSelection:
    """The images in their order; all that was said, and what of it is about none of the images."""

    entries: tuple[ReviewEntry, ...]
    notes: tuple[RecordedFinding, ...]
    loose: tuple[RecordedFinding, ...]


Key = tuple[str, str]  # split and path below the source


def select_entries(
    out: Source, recorded: EntryNotes | None, source: Source | None, faults: Sequence[Fault]
) -> ReviewSelection:
    """The images of the output `out` with those of `source` that they come from, the worst first.

    Images that the run left out are there too; without a run each image stands for itself. `faults` are in the order
    of a proof, the worst first.
    """
    board = _Board(
        [RecordedFinding(str(Severity.FAULT), each.code, each.message, each.image, each.where) for each in faults]
    )
    found = list(_paired(out, recorded, source, board) if recorded else _alone(out, board))
    return ReviewSelection(tuple(sorted(found, key=lambda entry: entry.order)), tuple(board.notes), board.loose())


class _Board:
    """All notes: first those of a proof, found by path; then those of a run, found by split and path."""

    def __init__(self, faults: Iterable[RecordedFinding]) -> None:
        self.notes = list(faults)
        self.faults = len(self.notes)
        self.of_path: dict[str, list[int]] = defaultdict(list)
        self.of_key: dict[Key, list[int]] = defaultdict(list)
        self.used: set[int] = set()
        for number, note in enumerate(self.notes):
            self.of_path[note.path].append(number)

    def put(self, key: Key, note: RecordedFinding) -> None:
        self.of_key[key].append(len(self.notes))
        self.notes.append(note)

    def entry(self, after: int | None, before: int | None, row: ImageRow | None, path: str, key: Key) -> ReviewEntry:
        """The entry of the image at `path`, called `key`, with all that is said of it."""
        numbers = (*self.of_path.get(path, ()), *self.of_key.get(key, ()))
        self.used.update(numbers)
        rank = min((number for number in numbers if number < self.faults), default=inf)
        return ReviewEntry(after, before, row, tuple(self.notes[number] for number in numbers), rank)

    def loose(self) -> tuple[RecordedFinding, ...]:
        return tuple(note for number, note in enumerate(self.notes) if number not in self.used)


def _alone(out: Source, board: _Board) -> Iterator[ReviewEntry]:
    for finding in out.dataset.findings:
        board.put((finding.split, finding.path), RecordedFinding.of(finding))
    for number, sample in enumerate(out.dataset):
        key = (sample.split, sample.relative_path)
        for finding in sample.findings:
            board.put(key, RecordedFinding.of(finding))
        yield board.entry(number, None, None, sample.relative_path, key)


def _paired(out: Source, recorded: EntryNotes, source: Source | None, board: _Board) -> Iterator[ReviewEntry]:
    after = {sample.relative_path: number for number, sample in enumerate(out.dataset)}
    samples = source.dataset if source else ()
    before = {(sample.split, sample.relative_path): number for number, sample in enumerate(samples)}
    for note in recorded.findings:
        board.put((note.split, note.path), note)
    for row in recorded.rows:
        key, number_out = (row.split, row.source), after.pop(row.output, None) if row.output else None
        yield board.entry(number_out, before.get(key), row, row.output or row.source, key)
    for path, number in after.items():
        yield board.entry(number, None, None, path, ("", path))
