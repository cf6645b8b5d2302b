"""Writes Hugging Face ImageFolder: ``<split>/metadata.jsonl`` beside the images, and README.md with the classes.

``load_dataset("imagefolder", data_dir=...)`` opens it; the folder of val is called ``validation``, as there. A row has
the same columns as every other: image_id, width, height and, in ``objects``, bbox (x, y, width, height in px), category
(the number of the class) and area. A row with objects stands first, from which pyarrow takes the types. The README
states the names of classes for people, for the Hub and for the reader; `datasets` takes them as ``features`` alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.hf_imagefolder.document import BOXES
from bboxprep.formats.hf_imagefolder.options import CARRIES, README
from bboxprep.formats.json_images import digest_of
from bboxprep.formats.per_split import PerSplit
from bboxprep.geometry.decimals import lengths
from bboxprep.io.atomic import write_chunks, write_text
from bboxprep.io.spooled_lines import SpooledLines
from bboxprep.io.yaml_encoding import yaml_text
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.ids import assign_ids
from bboxprep.model.sample import Sample
from bboxprep.model.shape_choice import object_areas
from bboxprep.model.splits import VAL

_MAX_ID = 2**63 - 1
_FEATURES = """\
---
{boxes}: xywh
dataset_info:
  features:
  - name: image
    dtype: image
  - name: image_id
    dtype: int64
  - name: width
    dtype: int64
  - name: height
    dtype: int64
  - name: objects
    struct:
    - name: bbox
      list:
        list: float64
        length: 4
    - name: category
      list:
        class_label:
          names:{names}
    - name: area
      list: float64
---
"""


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> ImageFolderWriter:  # noqa: ARG001
    """A writer of ImageFolder below `root`."""
    return ImageFolderWriter(root, dataset)


def _folder(split: str) -> str:
    return "validation" if split == VAL else split


class ImageFolderWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._names = dataset.categories.names
        self._splits = PerSplit(partial(_SplitRows, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"{_folder(split)}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The row of each image, without its id."""
        own = batch.instances
        low, high = own.boxes[:, :2], own.boxes[:, 2:]
        sides = lengths(low.ravel(), high.ravel()).reshape(-1, 2)
        boxes = [[*corner, *side] for corner, side in zip(low.tolist(), sides.tolist(), strict=True)]
        areas = list(map(float, object_areas(own)))
        parts = zip(*map(batch.split, (boxes, own.labels.tolist(), areas)), strict=True)
        return [_labels(*one) for one in zip(batch, images, parts, strict=True)]

    def collect(self, entry: tuple[str, int, int, bytes]) -> None:
        """Store the row of one image."""
        split, number, count, row = entry
        self._splits[split].add(number, count, row)

    @property
    def documents(self) -> tuple[str, ...]:
        """The README, and one document for each split."""
        return (README, *(f"{_folder(split)}/metadata.jsonl" for split in self._splits))

    def close(self) -> None:
        """Write the documents."""
        numbered = "".join(f"\n            '{number}': {yaml_text(name)}" for number, name in enumerate(self._names))
        write_text(self._root / README, _FEATURES.format(boxes=BOXES, names=numbered or " {}"))
        for split, rows in self._splits.items():
            write_chunks(self._root / _folder(split) / "metadata.jsonl", rows.lines())
            rows.close()


class _SplitRows:
    """The rows of one split, without ids, which are assigned when all are known."""

    def __init__(self, root: Path) -> None:
        self._rows = SpooledLines(root)
        self._ids, self._counts = array("q"), array("q")

    def add(self, number: int, count: int, row: bytes) -> None:
        self._rows.add(row)
        self._ids.append(number if 0 < number <= _MAX_ID else 0)
        self._counts.append(count)

    def close(self) -> None:
        self._rows.close()

    def lines(self) -> Iterator[bytes]:
        """The rows with ids, the first one that has objects before all others."""
        first = next((row for row, count in enumerate(self._counts) if count), 0)
        for chosen in (True, False):
            for row, (number, line) in enumerate(zip(assign_ids(self._ids), self._rows, strict=True)):
                if (row == first) is chosen:
                    yield b'{"image_id":%d,%b\n' % (number, line[1:])


def _labels(sample: Sample, image: str, objects: tuple[Sequence[Any], ...]) -> Labels:
    """The row of the image at `image`, whose boxes, classes and areas are the `objects`."""
    split = sample.split
    columns = msgspec.json.encode(dict(zip(("bbox", "category", "area"), objects, strict=True)))
    head = {
        "file_name": image.removeprefix(f"{_folder(split)}/"),
        "width": sample.size.width,
        "height": sample.size.height,
    }
    row = b'%b,"objects":%b}' % (msgspec.json.encode(head)[:-1], columns)
    count = len(objects[0])
    return Labels(count, entry=(split, sample.id, count, row), digest=digest_of([columns]))
