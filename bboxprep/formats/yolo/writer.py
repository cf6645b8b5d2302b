"""Writes YOLO labels in the layout ``images/<split>/…``, ``labels/<split>/…``, ``data.yaml``, or in that of darknet.

`yolo_row_text` makes the rows.

**Splits.** data.yaml names the splits that exist. Trainers that want ``val`` must be given one. Its ``task`` tells
oriented boxes from polygons of four corners when it is read again; trainers take the task from their command.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.yolo.config import NOT_SPLITS
from bboxprep.formats.yolo.darknet import DarknetFiles, check_dataset
from bboxprep.formats.yolo.options import YoloWriteOptions
from bboxprep.formats.yolo_row_text import TASK_COLUMNS, change_notes, common_flip, shape_texts
from bboxprep.io.atomic import write_text
from bboxprep.io.yaml_encoding import yaml_text
from bboxprep.model.batch import Batch
from bboxprep.model.categories import keypoint_names
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import USUAL, order

_CONFIG = "data.yaml"


@writes
def write(root: Path, dataset: Dataset, options: YoloWriteOptions) -> YoloWriter:
    """A writer of labels below `root`. Raises `UsageError` for splits or keypoints that it cannot write."""
    for split in dataset.splits:
        if split in NOT_SPLITS:
            raise UsageError(
                f"split: {split!r} has another meaning in a YOLO dataset and cannot be the name of a split"
            )
    if options.layout == "darknet":
        check_dataset(dataset)
    writer = YoloWriter(root, dataset, options)
    if options.task == "pose" and not writer.keypoints:
        raise UsageError("pose: no class of the source has keypoints")
    return writer


class YoloWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset, options: YoloWriteOptions) -> None:
        self._root = root
        self._categories = dataset.categories
        self._options = options
        self._splits: set[str] = set()
        self._darknet = DarknetFiles(dataset.splits) if options.layout == "darknet" else None
        self.keypoints = max((len(category.keypoints) for category in dataset.categories), default=0)

    @property
    def carries(self) -> frozenset[Column]:
        """The columns of the task."""
        return TASK_COLUMNS[self._options.task]

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The places of image and label. A folder ``images`` inside `name` is renamed, or trainers would look for the
        label beside it.
        """
        *folders, file = name.split("/")
        written = "/".join([*map(_unlike_images, folders), file]) if folders else name
        image = self._options.image(split, written)
        return image, self._options.label(image)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The label files; none for an image that nobody has labelled."""
        shapes, changed = shape_texts(batch, self._options.task, self.keypoints)
        lines = [b"%d%b\n" % row for row in zip(batch.instances.labels.tolist(), shapes, strict=True)]
        files = map(b"".join, batch.split(lines))
        notes = list(zip(*[batch.totals(rows).tolist() for rows in changed], strict=True))
        columns = zip(
            batch.values("split"), batch.values("labelled"), images, batch.counts.tolist(), files, strict=True
        )
        named, options, made = self._options.layout == "darknet", self._options, []
        for row, (split, labelled, image, count, rows) in enumerate(columns):
            entry = (split, image if named else "")
            if not labelled and not count:
                made.append(Labels(0, entry=entry))
                continue
            findings = _findings(batch, row, image, notes[row])
            made.append(Labels(count, findings, ((options.label(image), rows),), entry))
        return made

    def collect(self, entry: tuple[str, str]) -> None:
        """Note the split of an image, and the image where a list names it."""
        split, image = entry
        self._splits.add(split)
        if self._darknet:
            self._darknet.add(split, image)

    @property
    def documents(self) -> tuple[str, ...]:
        """The class table, which names the splits too."""
        return self._darknet.documents if self._darknet else (_CONFIG,)

    def close(self) -> None:
        """Write data.yaml, or the files of darknet."""
        if self._darknet:
            self._darknet.write(self._root, self._categories.names)
            return
        write_text(self._root / _CONFIG, "".join(f"{line}\n" for line in self._yaml()))

    def _yaml(self) -> list[str]:
        lines = [f"path: {yaml_text(self._options.yaml_path)}"] if self._options.yaml_path else []
        for split in sorted(self._splits, key=order):
            usual = split in USUAL
            key, place = (split, f"images/{split}") if usual else (yaml_text(split), yaml_text(f"images/{split}"))
            lines.append(f"{key}: {place}")
        lines.append(f"nc: {len(self._categories)}")
        lines.append("names:" if len(self._categories) else "names: {}")
        lines += [f"  {number}: {yaml_text(name)}" for number, name in enumerate(self._categories.names)]
        lines += [f"task: {self._options.task}"] if self._options.task in ("segment", "obb") else []
        return lines + (self._keypoint_yaml() if self._options.task == "pose" else [])

    def _keypoint_yaml(self) -> list[str]:
        lines = [f"kpt_shape: [{self.keypoints}, 3]"]
        if order := common_flip(self._categories, self.keypoints):
            lines.append(f"flip_idx: [{', '.join(map(str, order))}]")
        lines.append("kpt_names:")
        for number, points in enumerate(keypoint_names(one, self.keypoints) for one in self._categories):
            lines.append(f"  {number}: [{', '.join(map(yaml_text, points))}]")
        return lines


def _unlike_images(folder: str) -> str:
    return "images_" if folder == "images" else folder


def _findings(batch: Batch, row: int, image: str, changed: tuple[int, ...]) -> tuple[Finding, ...]:
    """The findings about an image of which so many objects are `changed` (`ShapeChanges`)."""
    notes = change_notes(*changed) if any(changed) else []
    if "images/" in batch.names[row] and "images" in batch.names[row].split("/")[:-1]:
        notes.append(("name-changed", f"written as {image}"))
    return tuple([batch.finding(row, *note) for note in notes])
