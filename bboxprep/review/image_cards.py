"""Makes the card of one image of a review: its image files and its data for the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import ImageError
from bboxprep.findings import Severity
from bboxprep.images.codecs.codec import encode_jpeg
from bboxprep.io.atomic import write_bytes
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.run_record import RecordedFinding
from bboxprep.review.display import DisplayedSample, displayed, displayed_pixels, reduced
from bboxprep.review.entries import ReviewEntry
from bboxprep.review.js_encoding import without_surrogates
from bboxprep.review.wording import drawn_words

CHUNK = 100  # images per script and per folder of image files
VIEW, THUMB = 1024, 320  # px; the longest side of a full image and of a thumbnail
VIEW_QUALITY, THUMB_QUALITY = 86, 78


class Task(msgspec.Struct, frozen=True):
    """One card to make: its number in the review, its entry, and its samples in the output and in the source."""

    number: int
    entry: ReviewEntry
    after: Sample | None
    before: Sample | None


class Side(msgspec.Struct, frozen=True):
    """One image of a card: the displayed sample, and the path of its file below the site (None: unreadable)."""

    shown: DisplayedSample
    path: str | None

    def row(self) -> dict[str, Any]:
        """The side as plain data."""
        return {"size": list(self.shown.size), "view": self.path, "objects": self.shown.objects}


class Card(msgspec.Struct, frozen=True):
    """One image of the page: its data, its sides and its notes. `path` is that of its image below the source."""

    split: str
    name: str
    orientation: int
    frame: str
    evidence: str
    after: Side | None
    before: Side | None
    notes: tuple[RecordedFinding, ...]
    thumb: bool
    origin: str
    drawn: str = ""
    path: str = ""

    @property
    def side(self) -> Side | None:
        """The output, else the source; None where neither has a header."""
        return self.after or self.before

    def row(self) -> dict[str, Any]:
        """The card as plain data, without the columns of the index."""
        return {
            "before": self.before.row() if self.before else None,
            "after": self.after.row() if self.after else None,
            "frame": self.frame,
            "evidence": self.evidence,
            "origin": self.origin,
            "drawn": self.drawn,
            "notes": [
                {"code": note.code, "severity": note.severity, "message": note.message, "where": note.where}
                for note in self.notes
            ],
        }


class CardBuilder(msgspec.Struct, frozen=True):
    """Makes cards and their image files below `dest`; `after` and `before` map labels to class numbers of the page."""

    dest: Path
    after: Sequence[int]
    before: Sequence[int]

    def __call__(self, task: Task) -> Card:
        """The card of `task`; writes its image files. Raises `TargetError`."""
        notes = list(task.entry.notes)
        after = self._side(task, task.after, self.after, "after", notes)
        before = self._side(task, task.before, self.before, "before", notes)
        row, known = task.entry.row, task.after or task.before
        header = known.header if known else None
        return Card(
            split=without_surrogates(known.split if known else row.split if row else ""),
            name=without_surrogates(str(known.name) if known else row.source if row else ""),
            orientation=row.orientation if row else header.orientation if header else 1,
            frame=str(row.frame if row else known.frame if known else ""),
            evidence=row.evidence if row else known.evidence if known else "",
            after=after,
            before=before,
            notes=tuple(notes),
            thumb=any(side is not None and side.path for side in (after, before)),
            origin=row.source if row else "",
            drawn=without_surrogates(drawn_words(row.recipe, row.copy, row.tile)) if row else "",
            path=without_surrogates(row.source if row else known.relative_path if known else ""),
        )

    def _side(
        self, task: Task, sample: Sample | None, classes: Sequence[int], name: str, notes: list[RecordedFinding]
    ) -> Side | None:
        """One side of the card; an unreadable image is added to `notes`."""
        if sample is None or sample.header is None:
            return None
        shown = displayed(sample, sample.header, classes)
        try:
            pixels = displayed_pixels(sample, sample.header, VIEW)
        except ImageError as error:
            if not any(note.code in ("image-unreadable", "image-refused") for note in notes):
                notes.append(RecordedFinding(str(Severity.FAULT), "image-unreadable", error.problem, where=name))
            return Side(shown, None)
        path = f"{card_path(task.number)}-{name}.jpg"
        write_bytes(self.dest / path, encode_jpeg(pixels, VIEW_QUALITY))
        thumb = self.dest / f"{card_path(task.number)}-thumb.jpg"
        if not thumb.exists():
            write_bytes(thumb, encode_jpeg(reduced(pixels, THUMB), THUMB_QUALITY))
        return Side(shown, path)


def card_path(number: int) -> str:
    """The path of the files of image `number` below the site, without kind and suffix."""
    return f"pictures/{number // CHUNK:04d}/{number % CHUNK:02d}"
