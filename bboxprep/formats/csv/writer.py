"""Writes CSV: ``<split>_labels.csv`` over the images in ``images/<split>/``, and ``classes.csv`` with a number for each
class, from 0.

The rows are those that the tool of a dialect reads. Corners are edges; TFOD and RetinaNet take whole pixels, and an
image without objects has no row in TFOD and VoTT, and one of its path alone in RetinaNet and AutoML.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.corner_numbers import shortest
from bboxprep.formats.csv.options import CARRIES, CLASSES, FRACTION_PLACES, LABELS, CsvWriteOptions
from bboxprep.formats.per_split import PerSplit
from bboxprep.formats.whole_pixels import rounding_findings, whole_boxes
from bboxprep.io.atomic import write_text
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from bboxprep.model.splits import known_split

_HEADS = {
    "tfod": "filename,width,height,class,xmin,ymin,xmax,ymax",
    "vott": '"image","xmin","ymin","xmax","ymax","label"',
}
_SETS = {"train": "TRAIN", "val": "VALIDATION", "test": "TEST"}  # of AutoML
_SPECIAL = frozenset(',"\r\n')


@writes
def write(root: Path, dataset: Dataset, options: CsvWriteOptions) -> CsvWriter:
    """A writer of CSV below `root`. Raises `AnnotationError` for class names that no cell can hold, and `UsageError`
    for several splits of which AutoML does not know one: it is UNASSIGNED there, and no split any more.
    """
    others = [split for split in dataset.splits if known_split(split) not in _SETS]
    if options.dialect == "automl" and others and len(dataset.splits) > 1:
        raise UsageError(f"split: have {', '.join(others)}, want {', '.join(_SETS)} for `dialect='automl'`")
    for name in dataset.categories.names:
        if not name.strip() or "\0" in name:
            raise AnnotationError(dataset.root, "", f"class name: have {name!r}, want text that a cell can hold")
    return CsvWriter(root, dataset, options)


class CsvWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset, options: CsvWriteOptions) -> None:
        self._root, self._options = root, options
        self._classes = dataset.categories.names
        self._rows: PerSplit[list[str]] = PerSplit(list, dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"images/{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The rows of each image."""
        boxes, moved = batch.instances.boxes, [0.0] * len(batch.instances)
        if self._options.dialect in ("tfod", "retinanet"):
            boxes, moved = whole_boxes(batch)
        return list(map(self._labels, batch, images, batch.split(boxes.tolist()), batch.split(moved)))

    def collect(self, entry: tuple[str, str]) -> None:
        """Store the rows of one image."""
        split, rows = entry
        self._rows[split].append(rows)

    @property
    def documents(self) -> tuple[str, ...]:
        """One for each split, and the class table."""
        return (*(f"{split}{LABELS}.csv" for split in self._rows), CLASSES)

    def close(self) -> None:
        """Write the documents."""
        head = _HEADS.get(self._options.dialect, "")
        for split, rows in self._rows.items():
            write_text(self._root / f"{split}{LABELS}.csv", f"{head}\n" * bool(head) + "".join(rows))
        write_text(self._root / CLASSES, "".join(f"{_cell(name)},{row}\n" for row, name in enumerate(self._classes)))

    def _labels(self, sample: Sample, image: str, boxes: list[list[float]], moved: list[float]) -> Labels:
        names = [self._classes[label] for label in sample.instances.labels.tolist()]
        rows = [self._row(sample, image, name, box) for name, box in zip(names, boxes, strict=True)]
        text = "".join(f"{row}\n" for row in rows or self._empty(sample, image))
        return Labels(
            len(names), rounding_findings(moved, sample.relative_path, sample.split), entry=(sample.split, text)
        )

    def _row(self, sample: Sample, image: str, name: str, box: Sequence[float]) -> str:
        """The row of one box, x0 y0 x1 y1 px."""
        path = image.removeprefix(f"images/{sample.split}/")
        numbers = list(map(shortest, box))
        match self._options.dialect:
            case "tfod":
                width, height = sample.size
                return ",".join([_cell(path), str(width), str(height), _cell(name), *numbers])
            case "retinanet":
                return ",".join([_cell(image), *numbers, _cell(name)])
            case "vott":
                return ",".join([_quoted(path), *numbers, _quoted(name)])
        shares = [value / side for value, side in zip(box, (*sample.size, *sample.size), strict=True)]
        x0, y0, x1, y1 = (f"{min(max(share, 0.0), 1.0):.{FRACTION_PLACES}f}" for share in shares)
        return ",".join([_set(sample.split), _cell(image), _cell(name), x0, y0, "", "", x1, y1, "", ""])

    def _empty(self, sample: Sample, image: str) -> Iterator[str]:
        """The row of an image without objects, where the dialect has one."""
        if sample.labelled and self._options.dialect == "retinanet":
            yield f"{_cell(image)},,,,,"
        elif sample.labelled and self._options.dialect == "automl":
            yield f"{_set(sample.split)},{_cell(image)},,,,,,,,,"


def _set(split: str) -> str:
    return _SETS.get(known_split(split), "UNASSIGNED")


def _cell(text: str) -> str:
    """`text` as a cell, in quotes where a reader would take it otherwise."""
    return _quoted(text) if _SPECIAL & set(text) or text != text.strip() else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
