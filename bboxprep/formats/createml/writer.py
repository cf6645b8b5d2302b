"""Writes CreateML: ``<split>/_annotations.createml.json`` beside the images, as Roboflow does, and ``labels.txt``.

Centre and size are whole millionths of a px, the size never more than twice the way from the centre to the edge of the
image: a box that ends at the edge still does when it is read. ``labels.txt`` keeps the order of the classes; Create ML
does not look at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.formats import json_images, label_documents, object_records, per_split
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.createml.document import CARRIES, DOCUMENT
from bboxprep.geometry.decimals import centred
from bboxprep.io import atomic, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample

_MILLION = 1e6


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> CreateMLWriter:  # noqa: ARG001
    """A writer of CreateML below `root`. Raises `AnnotationError` for class names that no line of text can hold."""
    object_records.check_names_are_lines(dataset)
    return CreateMLWriter(root, dataset)


class CreateMLWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._names = dataset.categories.names
        self._splits = per_split.PerSplit(partial(spooled_lines.SpooledLines, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The record of each image."""
        sizes = batch.sizes[batch.owners]
        boxes = (centred(batch.instances.boxes * _MILLION, sizes * _MILLION) / _MILLION).tolist()
        names = [self._names[label] for label in batch.instances.labels.tolist()]
        objects = [
            {"label": name, "coordinates": dict(zip(("x", "y", "width", "height"), box, strict=True))}
            for name, box in zip(names, boxes, strict=True)
        ]
        return list(map(_labels, batch, images, batch.split(objects)))

    def collect(self, entry: tuple[str, bytes]) -> None:
        """Store the record of one image."""
        split, record = entry
        self._splits[split].add(record)

    @property
    def documents(self) -> tuple[str, ...]:
        """The class table, and one document for each split."""
        return (label_documents.CLASS_LIST, *(f"{split}/{DOCUMENT}" for split in self._splits))

    def close(self) -> None:
        """Write the documents."""
        atomic.write_text(self._root / label_documents.CLASS_LIST, "".join(f"{name}\n" for name in self._names))
        for split, lines in self._splits.items():
            atomic.write_chunks(self._root / split / DOCUMENT, _list(lines))
            lines.close()


def _list(records: spooled_lines.SpooledLines) -> Iterator[bytes]:
    yield b"[\n"
    yield from records.joined(b",\n")
    yield b"\n]\n"


def _labels(sample: Sample, image: str, objects: Sequence[Any]) -> Labels:
    """The record of the image at `image` with its `objects`."""
    annotations = msgspec.json.encode(objects)
    name = msgspec.json.encode(image.removeprefix(f"{sample.split}/"))
    entry = (sample.split, b'{"image":%b,"annotations":%b}' % (name, annotations))
    return Labels(len(objects), entry=entry, digest=json_images.digest_of([annotations]))
