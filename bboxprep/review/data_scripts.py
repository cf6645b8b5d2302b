"""Writes the data of a site as scripts: cards in chunks, and an index with the columns that the filters need.

A page opened from disk cannot fetch a file, but it can load a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bboxprep.findings import Severity
from bboxprep.io.atomic import write_bytes
from bboxprep.review.image_cards import CHUNK, Card
from bboxprep.review.js_encoding import call


@dataclass
class DataScripts:
    """Takes the cards of a site in order, and writes their scripts below `dest`."""

    dest: Path
    chunk: list[dict[str, Any]] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    orientations: list[int] = field(default_factory=list)
    thumbs: list[int] = field(default_factory=list)
    worst: list[int] = field(default_factory=list)
    classes: list[list[int]] = field(default_factory=list)
    codes: list[list[str]] = field(default_factory=list)

    def add(self, card: Card) -> None:
        """Add the next card."""
        self.chunk.append(card.row())
        self.splits.append(card.split)
        self.names.append(card.name)
        self.paths.append(card.path)
        self.objects.append(len(card.side.shown.labels) if card.side else 0)
        self.orientations.append(card.orientation)
        self.thumbs.append(int(card.thumb))
        self.worst.append(_worst(card))
        self.classes.append(sorted(set(card.side.shown.labels)) if card.side else [])
        self.codes.append(sorted({note.code for note in card.notes}))
        if len(self.chunk) == CHUNK:
            self._write_chunk()

    def close(self, splits: Sequence[str]) -> None:
        """Write the last chunk and the index; `splits` are in the order of the page."""
        if self.chunk:
            self._write_chunk()
        place = {split: number for number, split in enumerate(splits)}
        columns = {
            "split": [place[split] for split in self.splits],
            "name": self.names,
            "path": self.paths,
            "objects": self.objects,
            "orientation": self.orientations,
            "thumb": self.thumbs,
            "worst": self.worst,
            **_table("classes", self.classes),
            **_table("codes", self.codes),
        }
        self._write("index", call("Review.index", columns))

    def _write_chunk(self) -> None:
        number = (len(self.names) - 1) // CHUNK
        self._write(f"{number:04d}", call("Review.chunk", number, self.chunk))
        self.chunk.clear()

    def _write(self, name: str, script: str) -> None:
        write_bytes(self.dest / "data" / f"{name}.js", script.encode("ascii"))


def _worst(card: Card) -> int:
    """2 where the image has a fault, 1 where it has only notes, else 0."""
    if any(note.severity == Severity.FAULT for note in card.notes):
        return 2
    return 1 if card.notes else 0


def _table(name: str, lists: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """A column of lists, encoded as the distinct lists and the number of one for each image."""
    numbers: dict[tuple[Any, ...], int] = {}
    column = [numbers.setdefault(tuple(each), len(numbers)) for each in lists]
    return {f"{name}Sets": [list(each) for each in numbers], name: column}
