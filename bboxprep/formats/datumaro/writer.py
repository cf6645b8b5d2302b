"""Writes Datumaro, version 1.0: ``annotations/<split>.json`` over the images in ``images/<split>/``.

Each object is a box; its polygons, mask and keypoints are annotations of its ``group``. Ids of items are paths of
images without their suffix, with it where two images differ in nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from bboxprep.formats import json_text, object_records, per_split
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.datumaro.annotations import annotation_records
from bboxprep.formats.datumaro.layout import CARRIES
from bboxprep.io import atomic, paths, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> DatumaroWriter:  # noqa: ARG001
    """A writer of Datumaro below `root`. Raises `AnnotationError` for a class without a name."""
    object_records.check_class_names(dataset)
    return DatumaroWriter(root, dataset)


class DatumaroWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._categories = dataset.categories
        self._splits = per_split.PerSplit(partial(spooled_lines.SpooledLines, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"images/{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The item of each image, without its id. Raises `UsageError` for attributes that JSON cannot hold."""
        return list(map(self._labels, batch, images))

    def collect(self, entry: tuple[str, str, bytes]) -> None:
        """Store the item of one image."""
        split, name, item = entry
        self._splits[split].add(msgspec.json.encode([name, msgspec.Raw(item)]))

    @property
    def documents(self) -> tuple[str, ...]:
        """One for each split."""
        return tuple(f"annotations/{split}.json" for split in self._splits)

    def close(self) -> None:
        """Write the documents."""
        for split, items in self._splits.items():
            atomic.write_chunks(self._root / f"annotations/{split}.json", self._document(items))
            items.close()

    def _document(self, lines: spooled_lines.SpooledLines) -> Iterator[bytes]:
        items = [
            {"label_id": label, "labels": list(category.keypoints), "joints": []}
            for label, category in enumerate(self._categories)
            if category.keypoints
        ]
        labels = [{"name": name, "parent": "", "attributes": []} for name in self._categories.names]
        table = {"labels": labels, "label_groups": [], "attributes": []}
        categories = {"label": table, "mask": {"colormap": []}, "points": {"items": items}}
        head = {"dm_format_version": "1.0", "media_type": 2, "infos": {}, "categories": categories}
        stems = Counter(_stem(name) for name, _ in _decoded(lines))
        yield msgspec.json.encode(head)[:-1] + b',"items":['
        for number, (name, item) in enumerate(_decoded(lines)):
            identity = _stem(name) if stems[_stem(name)] == 1 else name
            yield b'%b{"id":%b,%b' % (b",\n" if number else b"\n", msgspec.json.encode(identity), bytes(item)[1:])
        yield b"\n]}\n"

    def _labels(self, sample: Sample, image: str) -> Labels:
        records = [made for row, one in enumerate(sample.instances) for made in annotation_records(one, row)]
        for number, record in enumerate(records):
            record["id"] = number
        name = image.removeprefix(f"images/{sample.split}/")
        size = [sample.size.height, sample.size.width]
        item = {"attr": {}, "image": {"path": name, "size": size}, "annotations": records}
        data = json_text.encode_json(item, image)
        digest = object_records.json_digest(msgspec.json.decode(json_text.encode_json(records, image)))
        return Labels(len(sample.instances), entry=(sample.split, name, data), digest=digest)


def _stem(name: str) -> str:
    return name[: -len(paths.suffix_of(name))]


def _decoded(lines: spooled_lines.SpooledLines) -> Iterator[tuple[str, msgspec.Raw]]:
    """The name and the item of each image."""
    decoder = msgspec.json.Decoder(tuple[str, msgspec.Raw])
    yield from map(decoder.decode, lines)
