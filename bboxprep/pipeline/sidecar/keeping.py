"""The write side of the sidecar: what an output does not carry, gathered image by image as encoded lines.

A line is written for an image of which something is in fact lost: a column that its label file does not hold, a crowd
region left out, corners rounded to whole pixels, its own number. The account does not change: an object that only the
sidecar has is dropped from the output, and counted so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from bboxprep import formats
from bboxprep.errors import UsageError
from bboxprep.files import write_chunks
from bboxprep.findings import Finding
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Column, Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.sidecar.lines import SIDECAR, Head, KeptImage, digest, encode, pack
from bboxprep.pipeline.work import Done

_LOSSES = frozenset({"column-dropped", "value-rounded"})  # what a writer says of an image that it could not write whole


@dataclass(frozen=True)
class Keeper:
    """Makes the lines of one output's sidecar; its format is `to`, and its label files hold the columns `carries`."""

    to: str
    carries: frozenset[Column]
    categories: Categories
    extra: Mapping[str, Any]

    @classmethod
    def of(cls, dataset: Dataset, to: str, carries: frozenset[Column]) -> Keeper:
        """The one for an output of `dataset`."""
        return cls(to, carries, dataset.categories, dataset.extra)

    def line(self, done: Done, notes: Iterable[Finding], root: Path) -> bytes:
        """The line of an image whose labels were written below `root`, with `notes`; empty where nothing is lost.

        Raises `UsageError` for values that JSON cannot hold.
        """
        if done.output is None:
            return b""
        codes = {note.code for note in notes}
        sample, extra = done.sample, _restorable(done.sample.extra, self.to)
        whole = self._holds(done.objects) and not codes & _LOSSES
        if whole and not extra and (not sample.id or Column.IDS in self.carries):
            return b""
        image = done.output.image
        kept = KeptImage(
            image=str(image),
            size=sample.size,
            name=_name_before(sample, image),
            id=sample.id,
            extra=extra,
            rounded="value-rounded" in codes,
            labels={} if whole else {str(path): digest(root / path) for path in done.output.labels},
            objects=None if whole else pack(done.objects, _rows(done)),
        )
        return _encoded(kept, image)

    def write(self, root: Path, lines: Sequence[bytes]) -> None:
        """Write the sidecar below `root`, unless nothing is lost. Raises `TargetError` and `UsageError`."""
        extra = _restorable(self.extra, self.to)
        if any(lines) or extra or not self._holds_classes():
            head = Head(1, self.to, tuple(sorted(self.carries)), self.categories.items, extra)
            write_chunks(root / SIDECAR, (_encoded(head, PurePosixPath("data set")), *lines))

    def _holds(self, objects: Instances) -> bool:
        """Whether the label file holds all that is known of `objects`."""
        return not any(objects.has(column).any() for column in Column if column not in self.carries)

    def _holds_classes(self) -> bool:
        """Whether the class table of the target holds all that is known; one that has ids is taken to."""
        if Column.IDS in self.carries:
            return True
        named = Column.KEYPOINTS in self.carries
        return not any(
            one.id is not None or one.supercategory or one.skeleton or one.extra or (one.keypoints and not named)
            for one in self.categories
        )


def _rows(done: Done) -> list[int | None]:
    """The row of each object in its label file, None for crowd regions that it has no place for."""
    all_written = len(done.objects) == len(done.sample.instances)
    written = np.ones(len(done.objects), dtype=np.bool_) if all_written else ~done.objects.crowd
    numbers = np.cumsum(written) - 1
    return [number if stands else None for number, stands in zip(numbers.tolist(), written.tolist(), strict=True)]


def _restorable(extra: Mapping[str, Any], to: str) -> dict[str, dict[str, Any]]:
    """What other formats than `to` say, and write back."""
    return {
        name: dict(said)
        for name, said in extra.items()
        if said and name != to and name in formats.names() and formats.load(name).restores
    }


def _name_before(sample: Sample, image: PurePosixPath) -> str:
    """The name of `sample`, whose image lies at `image`, where it cannot be told from there; with its true suffix."""
    name = sample.name.with_suffix(image.suffix)
    return "" if image.parts[-len(name.parts) :] == name.parts else str(name)


def _encoded(line: Head | KeptImage, place: PurePosixPath) -> bytes:
    try:
        return encode(line)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{place}: cannot be kept in {SIDECAR} ({error}); --no-sidecar writes none") from error
