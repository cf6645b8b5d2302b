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
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep import formats
from bboxprep.errors import UsageError
from bboxprep.io.atomic import AtomicWriter
from bboxprep.model.categories import Categories, Category
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.output.image_rows import WrittenBatch
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.resume.fingerprint import OutputFile
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

    def lines(self, written: WrittenBatch) -> list[bytes]:
        """The line of each image; b"" where no data is lost. Raises `UsageError` for values that JSON cannot hold."""
        batch, objects = written.samples, self._objects(written)
        facts = zip(*map(batch.values, _FACTS), batch.names, written.labels, strict=True)
        rows = zip(facts, written.outputs, objects, written.label_files, strict=True)
        lines = []
        for row, ((given, labelled, number, name, labels), output, kept, files) in enumerate(rows):
            if output is None:
                lines.append(b"")
                continue
            extra = _restorable(given, self.to) if given else {}
            labelled = labelled or not _looks_labelled(output, files)
            if kept is None and not extra and labelled and (not number or Column.IDS in self.carries):
                lines.append(b"")
                continue
            line = KeptImage(
                image=output.image,
                size=batch.planes[row],
                name=_source_name(name, output.image),
                id=number,
                extra=extra,
                rounded=any(note.code == "value-rounded" for note in labels.findings),
                labels={} if kept is None else _digests(output, files),
                digest="" if kept is None else labels.digest,
                objects=kept,
                labelled=labelled,
            )
            lines.append(_encoded(line, output.image))
        return lines

    def _objects(self, written: WrittenBatch) -> list[_Objects | None]:
        """The objects of each image, None where its label file lost none of their data."""
        whole = written.whole
        told = [any(note.code in _LOSSES for note in labels.findings) for labels in written.labels]
        lost = np.array(told, dtype=np.bool_)
        for column in whole.instances.column_counts.keys() - self.carries:
            lost |= whole.totals(whole.instances.has(column)) > 0
        lost &= np.array([output is not None for output in written.outputs], dtype=np.bool_)
        if not lost.any():
            return [None] * len(whole)
        numbers = [None if row < 0 else row for row in _rows(written).tolist()]
        packed = whole.split(list(pack(whole.instances, numbers)))
        return [tuple(own) if has else None for own, has in zip(packed, lost.tolist(), strict=True)]

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


_FACTS = ("extra", "labelled", "id")


def _digests(output: Output, files: Sequence[OutputFile]) -> dict[str, str]:
    """The SHA-256 of each label file; "" for a file that was not written because the image is not labelled."""
    digests = {file.path: file.digest for file in files}
    return {path: digests.get(path, "") for path in output.labels}


def _looks_labelled(output: Output, files: Sequence[OutputFile]) -> bool:
    """Whether the output says of its image that it is labelled: in a format whose images have label files of their own,
    one without such a file is not.
    """
    digests = _digests(output, files)
    return not digests or any(digests.values())


def _rows(written: WrittenBatch) -> NDArray[np.int64]:
    """The row of each object of `written.whole` (N,) in its label file; -1 for crowd regions that the format cannot
    hold.
    """
    whole = written.whole
    lacking = whole.counts != written.samples.counts
    has_row = ~(whole.instances.crowd & lacking[whole.owners])
    before = np.concatenate(([0], np.cumsum(has_row)))
    return np.where(has_row, before[:-1] - before[whole.starts[:-1]][whole.owners], -1)


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
