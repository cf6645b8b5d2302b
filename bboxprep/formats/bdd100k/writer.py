"""Writes Scalabel's JSON: ``<split>.json`` over the images in ``images/<split>/``, with the class table in ``config``.

Each object is one label: its box as first and last pixel, its polygons and its mask beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import UsageError
from bboxprep.formats import json_text, object_records, per_split
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.bdd100k.labels import label_record
from bboxprep.formats.bdd100k.layout import NOT_SPLITS
from bboxprep.formats.bdd100k.options import CARRIES
from bboxprep.formats.bdd100k.reader import KEPT
from bboxprep.io import atomic, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> BddWriter:  # noqa: ARG001
    """A writer of BDD100K below `root`. Raises `AnnotationError` for a class without a name, and `UsageError` for a
    split that no document can be called by.
    """
    object_records.check_class_names(dataset)
    for split in dataset.splits:
        if split.lower() in NOT_SPLITS:
            raise UsageError(f"split: have {split!r}, which says nothing of a split as the name of a document")
    return BddWriter(root, dataset)


class BddWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._classes = dataset.categories.names
        self._splits = per_split.PerSplit(partial(spooled_lines.SpooledLines, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"images/{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The frame of each image. Raises `UsageError` for attributes that JSON cannot hold."""
        return list(map(self._labels, batch, images))

    def collect(self, entry: tuple[str, bytes]) -> None:
        """Store the frame of one image."""
        split, frame = entry
        self._splits[split].add(frame)

    @property
    def documents(self) -> tuple[str, ...]:
        """One for each split."""
        return tuple(f"{split}.json" for split in self._splits)

    def close(self) -> None:
        """Write the documents."""
        for split, frames in self._splits.items():
            atomic.write_chunks(self._root / f"{split}.json", self._document(frames))
            frames.close()

    def _document(self, frames: spooled_lines.SpooledLines) -> Iterator[bytes]:
        config = {"categories": [{"name": name} for name in self._classes]}
        yield b'{"config":%b,\n"frames":[\n' % msgspec.json.encode(config)
        yield from frames.joined(b",\n")
        yield b"\n]}\n"

    def _labels(self, sample: Sample, image: str) -> Labels:
        objects = sample.instances
        names = [self._classes[label] for label in objects.labels.tolist()]
        records = [label_record(one, name, row) for row, (one, name) in enumerate(zip(objects, names, strict=True))]
        own: Mapping[str, Any] = sample.extra.get("bdd100k", {})
        frame = {
            "name": image.removeprefix(f"images/{sample.split}/"),
            **{key: own[key] for key in KEPT if key in own},
            "size": {"width": sample.size.width, "height": sample.size.height},
            "labels": records,
        }
        data = json_text.encode_json(frame, image)
        digest = object_records.json_digest(msgspec.json.decode(json_text.encode_json(records, image)))
        return Labels(len(records), entry=(sample.split, data), digest=digest)
