"""Writes mask PNGs: ``SegmentationObject/<split>/`` and ``SegmentationClass/<split>/`` over ``images/<split>/``.

The n-th object of an image has the value n in the one, and the index of its class in the other, from 1 on; 0 is the
background. They have a palette as the VOC devkit's, and 16 bits where more than 254 values are needed.
``class_names.txt`` lists the classes, the background first. A pixel belongs to one object: `model.pixel_owners` says
which, and what is hidden is counted in a finding. ``objects.tsv`` states the class and the exact box of each object.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import AnnotationError
from bboxprep.formats import object_records, per_split
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.masks import layout
from bboxprep.formats.masks.pixels import MaskData
from bboxprep.formats.masks.reader import labels_digest
from bboxprep.io import atomic, paths, png, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.pixel_owners import draw_objects, drawing_findings
from bboxprep.model.sample import Sample
from bboxprep.model.segmentation import devkit_palette

_MOST_SMALL = 254  # the largest value in a PNG of 8 bits: 255 is void


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> MaskWriter:  # noqa: ARG001
    """A writer of mask PNGs below `root`. Raises `AnnotationError` for a class whose name is no line of a list, or is
    that of the background.
    """
    object_records.check_names_are_lines(dataset)
    if reserved := {layout.BACKGROUND, layout.IGNORED} & {*dataset.classes}:
        problem = f"class name: have {min(reserved)!r}, which is no class in masks; want another name"
        raise AnnotationError(dataset.root, "", problem)
    return MaskWriter(root, dataset)


class MaskWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = layout.CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root, self._classes = root, dataset.categories.names
        self._splits = per_split.PerSplit(partial(spooled_lines.SpooledLines, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image, and those of its masks."""
        mask = f"{split}/{paths.stem_of(name)}.png"
        return f"{layout.IMAGES}/{split}/{name}", f"{layout.OBJECTS}/{mask}", f"{layout.CLASSES}/{mask}"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The masks of each labelled image, and its rows of the table."""
        return list(map(self._labels, batch, images))

    def collect(self, entry: tuple[str, str]) -> None:
        """Store the rows of one image."""
        split, rows = entry
        if rows:
            self._splits[split].add(rows.encode("utf-8", "surrogateescape"))

    @property
    def documents(self) -> tuple[str, ...]:
        """The list of classes and the table of objects."""
        return layout.CLASS_NAMES, layout.TABLE

    def close(self) -> None:
        """Write them."""
        lines = "".join(f"{name}\n" for name in (layout.BACKGROUND, *self._classes))
        atomic.write_text(self._root / layout.CLASS_NAMES, lines)
        atomic.write_chunks(self._root / layout.TABLE, self._table())

    def _table(self) -> Iterator[bytes]:
        yield "\t".join(layout.COLUMNS).encode() + b"\n"
        for rows in self._splits.values():
            yield from (line + b"\n" for line in rows)
            rows.close()

    def _labels(self, sample: Sample, image: str) -> Labels:
        if not sample.labelled and not len(sample.instances):
            return Labels(entry=(sample.split, ""))
        drawn = draw_objects(sample.instances, sample.size)
        classes = np.append(sample.labels + 1, 0)  # the last one for `NOBODY`, -1
        objects, kinds = _mask(drawn.owners + 1), _mask(classes[drawn.owners])
        names = [self._classes[label] for label in sample.labels.tolist()]
        stated = zip(names, sample.boxes.tolist(), strict=True)
        rows = [[str(number), name, *map(repr, box)] for number, (name, box) in enumerate(stated, 1)]
        text = io.StringIO()
        csv.writer(text, delimiter="\t", lineterminator="\n").writerows([image, *row] for row in rows)
        mask = f"{paths.stem_of(image.removeprefix(f'{layout.IMAGES}/'))}.png"
        files = ((f"{layout.OBJECTS}/{mask}", objects), (f"{layout.CLASSES}/{mask}", kinds))
        digest = labels_digest(MaskData(kinds, objects, rows))
        findings = tuple(drawing_findings(sample, drawn))
        return Labels(len(sample.instances), findings, files, (sample.split, text.getvalue().rstrip("\n")), digest)


def _mask(values: NDArray[np.int64] | NDArray[np.int32]) -> bytes:
    """The PNG of `values` (H, W)."""
    if values.max(initial=0) > _MOST_SMALL:
        return png.write_png(values.astype(np.uint16))
    return png.write_png(values.astype(np.uint8), devkit_palette())
