"""Writes the sidecar: one line for each image with values that the output format cannot hold.

An image has a line if its label file lost data: a column that it does not hold, a crowd region that was left out,
corners rounded to whole pixels, the id of the image, that it is not labelled. The account does not change: an object
that only the sidecar holds counts as dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from itertools import accumulate, groupby, pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
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

_LOSSES = frozenset({"column-dropped", "value-rounded"})  # findings of a writer that lost data
_OF_KEYPOINTS = frozenset({"keypoints", "skeleton", "flip_idx"})  # fields of `Category`
_Objects = tuple[KeptObject, ...]


class SidecarWriter(msgspec.Struct, frozen=True):
    """Writes the lines of the sidecar of an output in the format `to`, whose label files hold the columns `carries`."""

    to: str
    carries: frozenset[Column]
    categories: Categories
    extra: Mapping[str, Any]

    @classmethod
    def of(cls, dataset: Dataset, to: str, carries: frozenset[Column]) -> SidecarWriter:
        """The writer for an output of `dataset`."""
        return cls(to, carries, dataset.categories, dataset.extra)

    def lines(self, written: Sequence[WrittenSample]) -> list[bytes]:
        """The line of each image; b"" where no data is lost. Raises `UsageError` for values that JSON cannot hold."""
        objects: list[_Objects | None] = []
        for (partial, _), samples in groupby(written, key=self._group_key):
            group = list(samples)
            objects += _packed(group) if partial else [None] * len(group)
        return list(map(self._line, written, objects))

    def _group_key(self, written: WrittenSample) -> tuple[bool, int]:
        """Whether the label file lost data of the objects, and their number of keypoints K: only objects with equal K
        can be packed together.
        """
        lost = any(note.code in _LOSSES for note in written.labels.findings)
        return lost or not self._holds(written.objects), written.objects.visibility.shape[1]

    def _holds(self, objects: Instances) -> bool:
        """Whether the label file holds all columns of `objects`."""
        return objects.column_counts.keys() <= self.carries

    def _line(self, written: WrittenSample, objects: _Objects | None) -> bytes:
        if written.output is None:
            return b""
        sample, extra = written.sample, _restorable(written.sample.extra, self.to)
        labelled = sample.labelled or not _looks_labelled(written)
        if objects is None and not extra and labelled and (not sample.id or Column.IDS in self.carries):
            return b""
        image = written.output.image
        kept = KeptImage(
            image=image,
            size=sample.size,
            name=_source_name(str(sample.name), image),
            id=sample.id,
            extra=extra,
            rounded=any(note.code == "value-rounded" for note in written.labels.findings),
            labels={} if objects is None else _digests(written),
            digest="" if objects is None else written.labels.digest,
            objects=objects,
            labelled=labelled,
        )
        return _encoded(kept, image)

    @contextmanager
    def opened(self, root: Path) -> Iterator[AtomicWriter]:
        """Open the sidecar below `root` and write its first line. It is removed at the end where no data is lost.

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
    """The SHA-256 of each label file; "" for a file that was not written because the image is not labelled."""
    digests = {file.path: file.digest for file in written.files}
    return {path: digests.get(path, "") for path in written.output.labels} if written.output else {}


def _looks_labelled(written: WrittenSample) -> bool:
    """Whether the output says of its image that it is labelled: in a format whose images have label files of their own,
    one without such a file is not.
    """
    digests = _digests(written)
    return not digests or any(digests.values())


def _rows(written: WrittenSample) -> Sequence[int | None]:
    """The row of each object in its label file; None for crowd regions that the format cannot hold."""
    if len(written.objects) == len(written.sample.instances):
        return range(len(written.objects))
    has_row = ~written.objects.crowd
    numbers = np.cumsum(has_row) - 1
    return [number if there else None for number, there in zip(numbers.tolist(), has_row.tolist(), strict=True)]


def _restorable(extra: Mapping[str, Any], to: str) -> dict[str, dict[str, Any]]:
    """The data of other formats than `to` that their writers restore."""
    return {name: dict(data) for name, data in extra.items() if data and name != to and _restores(name)}


@cache
def _restores(name: str) -> bool:
    return name in formats.names() and formats.load(name).restores


def _source_name(name: str, image: str) -> str:
    """The `name` of a sample in the source, with the suffix of its output `image`; "" where that path ends in it."""
    if f"/{image}".endswith(f"/{name}"):
        return ""
    name = str(PurePosixPath(name).with_suffix(PurePosixPath(image).suffix))
    return "" if f"/{image}".endswith(f"/{name}") else name


def _encoded(line: Head | KeptImage, place: str) -> bytes:
    try:
        return encode(line)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{place}: cannot be kept in {SIDECAR} ({error}); `sidecar=False` writes none") from error
