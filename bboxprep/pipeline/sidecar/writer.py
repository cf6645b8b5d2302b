"""Writes the sidecar: one line for each image with values that the output format cannot hold.

A line is written for an image of which something is in fact lost: a column that its label file does not hold, a crowd
region left out, corners rounded to whole pixels, its own number. The account does not change: an object that only the
sidecar has is dropped from the output, and counted so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from itertools import accumulate, groupby, pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from bboxprep import formats
from bboxprep.errors import UsageError
from bboxprep.io.atomic import AtomicWriter
from bboxprep.model.categories import Categories, Category
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.pipeline.output.image_rows import WrittenSample
from bboxprep.pipeline.sidecar.schema import SIDECAR, Head, KeptImage, KeptObject, encode, pack

_LOSSES = frozenset({"column-dropped", "value-rounded"})  # what a writer says of an image that it could not write whole
_OF_KEYPOINTS = frozenset({"keypoints", "skeleton", "flip_idx"})  # fields of `Category`
_Objects = tuple[KeptObject, ...]


@dataclass(frozen=True)
class SidecarWriter:
    """Makes the lines of one output's sidecar; its format is `to`, and its label files hold the columns `carries`."""

    to: str
    carries: frozenset[Column]
    categories: Categories
    extra: Mapping[str, Any]

    @classmethod
    def of(cls, dataset: Dataset, to: str, carries: frozenset[Column]) -> SidecarWriter:
        """The one for an output of `dataset`."""
        return cls(to, carries, dataset.categories, dataset.extra)

    def lines(self, written: Sequence[WrittenSample]) -> list[bytes]:
        """The line of each image; empty where nothing is lost.

        Raises `UsageError` for values that JSON cannot hold.
        """
        objects: list[_Objects | None] = []
        for (partial, _), alike in groupby(written, key=self._kind):
            group = list(alike)
            objects += _packed(group) if partial else [None] * len(group)
        return list(map(self._line, written, objects))

    def _kind(self, written: WrittenSample) -> tuple[bool, int]:
        """Whether the label file lacks something of the objects, and how many keypoints each has room for, as its line
        shows.
        """
        lost = any(note.code in _LOSSES for note in written.labels.findings)
        return lost or not self._holds(written.objects), written.objects.visibility.shape[1]

    def _holds(self, objects: Instances) -> bool:
        """Whether the label file holds all that is known of `objects`."""
        return objects.column_counts.keys() <= self.carries

    def _line(self, written: WrittenSample, objects: _Objects | None) -> bytes:
        if written.output is None:
            return b""
        sample, extra = written.sample, _restorable(written.sample.extra, self.to)
        if objects is None and not extra and (not sample.id or Column.IDS in self.carries):
            return b""
        image = written.output.image
        kept = KeptImage(
            image=image,
            size=sample.size,
            name=_name_before(str(sample.name), image),
            id=sample.id,
            extra=extra,
            rounded=any(note.code == "value-rounded" for note in written.labels.findings),
            labels={} if objects is None else _digests(written),
            objects=objects,
        )
        return _encoded(kept, image)

    @contextmanager
    def opened(self, root: Path) -> Iterator[AtomicWriter]:
        """The sidecar below `root`, its first line written; there is none in the end where nothing is lost.

        Raises `TargetError` and `UsageError`.
        """
        extra = _restorable(self.extra, self.to)
        head = Head(1, self.to, tuple(sorted(self.carries)), self.categories.items, extra)
        first = _encoded(head, "data set")
        with AtomicWriter(root / SIDECAR) as file:
            file.write(first)
            yield file
        if not extra and self._holds_classes() and file.size == len(first):
            (root / SIDECAR).unlink()

    def _holds_classes(self) -> bool:
        """Whether the class table of the target holds all fields of the classes that have a value."""
        held = formats.load(self.to).category_fields
        if Column.KEYPOINTS not in self.carries:
            held -= _OF_KEYPOINTS
        lost = [one for one in fields(Category) if one.name not in held and one.name != "name"]
        bare = Category("")
        return all(getattr(own, one.name) == getattr(bare, one.name) for own in self.categories for one in lost)


def _packed(written: Sequence[WrittenSample]) -> list[_Objects]:
    """The objects of each image, packed together."""
    packed = pack(Instances.concat([one.objects for one in written]), [row for one in written for row in _rows(one)])
    ends = accumulate([len(one.objects) for one in written], initial=0)
    return [packed[start:end] for start, end in pairwise(ends)]


def _digests(written: WrittenSample) -> dict[str, str]:
    """The SHA-256 of each label file; "" where there is none, because nobody has labelled the image."""
    digests = {file.path: file.digest for file in written.files}
    return {path: digests.get(path, "") for path in written.output.labels} if written.output else {}


def _rows(written: WrittenSample) -> Sequence[int | None]:
    """The row of each object in its label file, None for crowd regions that it has no place for."""
    if len(written.objects) == len(written.sample.instances):
        return range(len(written.objects))
    stands = ~written.objects.crowd
    numbers = np.cumsum(stands) - 1
    return [number if has_row else None for number, has_row in zip(numbers.tolist(), stands.tolist(), strict=True)]


def _restorable(extra: Mapping[str, Any], to: str) -> dict[str, dict[str, Any]]:
    """What other formats than `to` say, and write back."""
    return {name: dict(said) for name, said in extra.items() if said and name != to and _restores(name)}


@cache
def _restores(name: str) -> bool:
    return name in formats.names() and formats.load(name).restores


def _name_before(name: str, image: str) -> str:
    """The `name` of a sample whose image lies at `image`, where it cannot be told from there; with its true suffix."""
    if f"/{image}".endswith(f"/{name}"):
        return ""
    name = str(PurePosixPath(name).with_suffix(PurePosixPath(image).suffix))
    return "" if f"/{image}".endswith(f"/{name}") else name


def _encoded(line: Head | KeptImage, place: str) -> bytes:
    try:
        return encode(line)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{place}: cannot be kept in {SIDECAR} ({error}); `sidecar=False` writes none") from error
