"""Writes Open Images: ``annotations/<split>-annotations-bbox.csv`` and ``…-images-with-rotation.csv`` over the images
in ``images/<split>/``, and ``annotations/class-descriptions.csv``.

Fractions have six decimals, as those of Open Images. An ``ImageID`` is the name of a file without its suffix, with it
where two images differ in nothing else. Classes keep the names that they have in the files, others get one.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.formats import object_records, per_split
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.openimages.fields import BOXES, CARRIES, FLAGS, GROUP, HUMAN, IMAGES, MID, ROTATION
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes
from bboxprep.io import atomic, paths, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.instance import Instance
from bboxprep.model.sample import Sample

_UNITS = 10**6  # in the width or height of an image
_CLASSES = "annotations/class-descriptions.csv"


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> OpenImagesWriter:  # noqa: ARG001
    """A writer of Open Images below `root`. Raises `AnnotationError` for a class without a name."""
    object_records.check_class_names(dataset)
    return OpenImagesWriter(root, dataset)


class OpenImagesWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._names = dataset.categories.names
        stated = [str(category.extra.get(MID, "")) for category in dataset.categories]
        free = (f"/x/{row}" for row in range(2 * len(stated) + 1) if f"/x/{row}" not in stated)
        self._mids = [mid if mid and stated.count(mid) == 1 else next(free) for mid in stated]
        self._splits = per_split.PerSplit(partial(spooled_lines.SpooledLines, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share its files."""
        return (f"images/{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The rows of each image, without its id, which depends on the other images."""
        return list(map(self._labels, batch, images))

    def collect(self, entry: tuple[str, str, float, list[list[str]]]) -> None:
        """Store the rows of one image."""
        split = entry[0]
        self._splits[split].add(msgspec.json.encode(entry[1:]))

    @property
    def documents(self) -> tuple[str, ...]:
        """The files of each split, and the class table."""
        return (*(path for split in self._splits for path in _paths(split)), _CLASSES)

    def close(self) -> None:
        """Write the files of each split, and the class table."""
        for split, lines in self._splits.items():
            stems = Counter(_stem(name) for name, *_ in _decoded(lines))
            boxes, images = _paths(split)
            atomic.write_chunks(self._root / boxes, _csv(BOXES, _box_rows(lines, stems)))
            atomic.write_chunks(self._root / images, _csv(IMAGES, _image_rows(split, lines, stems)))
            lines.close()
        table = zip(self._mids, self._names, strict=True)
        atomic.write_text(self._root / _CLASSES, b"".join(_csv((), map(list, table))).decode())

    def _labels(self, sample: Sample, image: str) -> Labels:
        fractions = _fractions(sample.instances.boxes, sample.size)
        rows = [self._row(one, own) for one, own in zip(sample.instances, fractions, strict=True)]
        stated: Mapping[str, Any] = sample.extra.get("openimages", {})
        name = image.removeprefix(f"images/{sample.split}/")
        entry = (sample.split, name, _turned(float(stated.get(ROTATION, 0.0)), sample), rows)
        return Labels(len(rows), entry=entry, digest=object_records.json_digest(rows))

    def _row(self, one: Instance, fractions: Sequence[str]) -> list[str]:
        """The row of an object without the id of its image."""
        x0, y0, x1, y1 = fractions
        known = {flag: one.attributes.get(flag) for flag in FLAGS} | {GROUP: one.crowd}
        flags = [str(int(value)) if isinstance(value, bool) else "-1" for value in known.values()]
        source = one.attributes.get("Source")
        confidence = HUMAN if math.isnan(one.score) else repr(float(one.score))
        own = source if isinstance(source, str) and source == source.strip() else ""
        return [own, self._mids[one.label], confidence, x0, x1, y0, y1, *flags]


def _paths(split: str) -> tuple[str, str]:
    return f"annotations/{split}-annotations-bbox.csv", f"annotations/{split}-images-with-rotation.csv"


def _fractions(boxes: Boxes, size: Size) -> list[list[str]]:
    """x0 y0 x1 y1 of each box (N, 4) px as text, at least one unit wide and high."""
    units = boxes / np.array([*size, *size]) * _UNITS
    low, high = np.rint(units[:, :2]), np.rint(units[:, 2:])
    thin = low >= high
    middle = np.minimum(np.floor((units[:, :2] + units[:, 2:]) / 2.0), _UNITS - 1)
    edges = np.concatenate((np.where(thin, middle, low), np.where(thin, middle + 1, high)), axis=1)
    return [[f"{value / _UNITS:.6f}" for value in row] for row in edges.tolist()]


def _turned(degrees: float, sample: Sample) -> float:
    """The `Rotation` of the output, whose source wants to be turned by `degrees` against the clock: without what the
    plan of `sample` has turned already. 0 where the plan turns by another angle than a right one.
    """
    if sample.plan is None or not degrees:
        return degrees
    affine = sample.plan.affine
    mirrored = affine.determinant < 0
    done = -math.degrees(math.atan2(affine.d, -affine.a if mirrored else affine.a))
    left = -(degrees - done) if mirrored else degrees - done
    return round(left) % 360.0 if abs(left - round(left)) < 1e-6 and round(left) % 90 == 0 else 0.0


def _stem(name: str) -> str:
    return name[: -len(paths.suffix_of(name))]


def _decoded(lines: spooled_lines.SpooledLines) -> Iterator[tuple[str, float, list[list[str]]]]:
    """The name, the rotation and the rows of each image."""
    yield from map(msgspec.json.decode, (line for line in lines.joined(b"")))


def _id(name: str, stems: Mapping[str, int]) -> str:
    return _stem(name) if stems[_stem(name)] == 1 else name


def _box_rows(lines: spooled_lines.SpooledLines, stems: Mapping[str, int]) -> Iterator[list[str]]:
    for name, _, rows in _decoded(lines):
        yield from ([_id(name, stems), *row] for row in rows)


def _image_rows(split: str, lines: spooled_lines.SpooledLines, stems: Mapping[str, int]) -> Iterator[list[str]]:
    empty = [""] * (len(IMAGES) - 3)
    yield from ([_id(name, stems), split, *empty, f"{rotation:g}"] for name, rotation, _ in _decoded(lines))


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """A table of CSV in chunks."""
    for row in [columns] if columns else []:
        yield _line(row)
    yield from map(_line, rows)


def _line(row: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode("utf-8", "surrogateescape")
