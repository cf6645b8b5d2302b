"""Writes MOTChallenge: ``<split>/<sequence>/img1/<name>`` with ``gt/gt.txt``, ``gt/labels.txt`` and ``seqinfo.ini``.

A folder of images is a sequence; images in none are one that has the name of the split. Pixels are counted from 0, as
CVAT and Datumaro do where there is a ``labels.txt``. The number of a frame is the name of its image, where all names of
a sequence are numbers, else its place among them, and ``gt/frames.txt`` lists the names. An object without a track has
the id -1. Numbers are shortest decimals. ``split`` in seqinfo.ini is a key of ours: the first folder is a split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.formats import label_documents, object_records, per_split
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.mot import fields, reader
from bboxprep.geometry.decimals import lengths
from bboxprep.io import atomic, paths, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample

_CLASSES = f"gt/{label_documents.CLASS_LIST}"

Entry = tuple[str, str, tuple[int, int], float, list[str]]
"""The folder of a sequence, the name and the size of an image, the frames in a second (0: unknown), and its rows."""


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> MotWriter:  # noqa: ARG001
    """A writer of MOTChallenge below `root`. Raises `AnnotationError` for class names that no line can hold."""
    object_records.check_names_are_lines(dataset)
    return MotWriter(root, dataset)


class MotWriter:
    """Makes the rows of each image; writes the tables of sequences when it is closed."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._classes = dataset.categories.names
        self._sequences = per_split.PerSplit(partial(spooled_lines.SpooledLines, root))

    @property
    def carries(self) -> frozenset[Column]:
        """All columns that the format holds."""
        return fields.CARRIES

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the rows of a sequence share a table."""
        folder, _, file = f"{split}/{name}".rpartition("/")
        self._sequences[folder]  # whose documents are known from now on
        return (f"{folder}/{fields.IMAGES}/{file}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The rows of each image, without its frame, which depends on the other images."""
        return [self._labels(sample, image) for sample, image in zip(batch, images, strict=True)]

    def collect(self, entry: Entry) -> None:
        """Store the rows of one image."""
        self._sequences[entry[0]].add(msgspec.json.encode(entry[1:]))

    @property
    def documents(self) -> tuple[str, ...]:
        """The files of each sequence."""
        return tuple(
            f"{folder}/{path}"
            for folder in self._sequences
            for path in (fields.TABLE, fields.FRAMES, _CLASSES, fields.INFO)
        )

    def close(self) -> None:
        """Write the files of each sequence."""
        for folder, lines in self._sequences.items():
            entries = sorted(map(msgspec.json.decode, lines), key=_bytes_of_name)
            lines.close()
            names = [name for name, *_ in entries]
            frames = reader.frame_numbers(names)
            if not reader.are_numbered(names):
                listed = "".join(f"{frame},{name}\n" for frame, name in zip(frames, names, strict=True))
                atomic.write_text(self._root / folder / fields.FRAMES, listed)
            atomic.write_chunks(self._root / folder / fields.TABLE, _table(frames, [own for *_, own in entries]))
            atomic.write_text(self._root / folder / _CLASSES, "".join(f"{name}\n" for name in self._classes))
            atomic.write_text(self._root / folder / fields.INFO, _info(folder, frames, entries))

    def _labels(self, sample: Sample, image: str) -> Labels:
        folder, _, name = image.rpartition(f"/{fields.IMAGES}/")
        own: Mapping[str, Any] = sample.extra.get("mot", {})
        rows = _rows(sample.instances)
        rate = own.get(fields.RATE, 0.0)
        entry: Entry = (folder, name, sample.size, float(rate) if isinstance(rate, int | float) else 0.0, rows)
        return Labels(len(rows), entry=entry, digest=object_records.json_digest(rows))


def _bytes_of_name(entry: Sequence[Any]) -> bytes:
    return str(entry[0]).encode("utf-8", "surrogatepass")


def _rows(objects: Instances) -> list[str]:
    """The row of each object without the number of its frame."""
    boxes = objects.boxes
    sides = [lengths(boxes[:, low], boxes[:, low + 2]) for low in (0, 1)]
    found = []
    for row, place in enumerate(np.column_stack((boxes[:, :2], *sides)).tolist()):
        known = objects.attributes[row]
        seen = known.get(fields.VISIBILITY)
        share = seen if isinstance(seen, int | float) and 0 <= seen < 1 else 1.0
        counts = int(not known.get(fields.IGNORED))
        words = [str(int(objects.tracks[row])), *map(_decimal, place), str(counts), str(int(objects.labels[row]) + 1)]
        found.append(",".join([*words, _decimal(share)]))
    return found


def _decimal(value: float) -> str:
    """The shortest decimal that is read as `value`."""
    return np.format_float_positional(value + 0.0, unique=True, trim="-")


def _table(frames: Sequence[int], rows: Sequence[Sequence[str]]) -> Iterator[bytes]:
    """The rows of a sequence in the order of its `frames`."""
    for frame, own in sorted(zip(frames, rows, strict=True), key=lambda pair: pair[0]):
        yield "".join(f"{frame},{row}\n" for row in own).encode()


def _info(folder: str, frames: Sequence[int], entries: Sequence[Sequence[Any]]) -> str:
    """The text of seqinfo.ini of the sequence in `folder`; a value that is not the same for all images is left out."""
    split, name = folder.partition("/")[0], folder.rpartition("/")[2]
    stated: dict[str, Any] = {"name": name, "imDir": fields.IMAGES, fields.SPLIT: split}
    sizes, rates = {tuple(size) for _, size, *_ in entries}, {rate for _, _, rate, _ in entries}
    suffixes = {paths.suffix_of(file) for file, *_ in entries}
    if len(rates) == 1 and (rate := next(iter(rates))):
        stated[fields.RATE] = _decimal(rate)
    stated["seqLength"] = max(frames, default=0)
    if len(sizes) == 1:
        stated["imWidth"], stated["imHeight"] = next(iter(sizes))
    if len(suffixes) == 1:
        stated["imExt"] = next(iter(suffixes))
    return "".join([f"[{fields.SECTION}]\n", *(f"{key}={value}\n" for key, value in stated.items())])
