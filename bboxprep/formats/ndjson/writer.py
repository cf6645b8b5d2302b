"""Writes Ultralytics NDJSON: ``dataset.ndjson`` over the images in ``images/<split>/``, for ``yolo train``.

Rows are those of YOLO, of one task, with six digits (`yolo_row_text`). Ultralytics takes no folders in the name of an
image: they become a part of it. It trains on no splits but train, val and test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.ndjson.document import NdjsonEntry, digest_of
from bboxprep.formats.ndjson.options import DOCUMENT, KEYS, NdjsonWriteOptions
from bboxprep.formats.yolo_row_text import TASK_COLUMNS, change_notes, common_flip, shape_texts
from bboxprep.io import atomic, paths, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.categories import keypoint_names
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample

_FOLDER_MARK = "-"  # between the folders of a name


@writes
def write(root: Path, dataset: Dataset, options: NdjsonWriteOptions) -> NdjsonWriter:
    """A writer of NDJSON below `root`. Raises `UsageError` for keypoints that it lacks."""
    writer = NdjsonWriter(root, dataset, options)
    if options.task == "pose" and not writer.keypoints:
        raise UsageError("pose: no class of the source has keypoints")
    return writer


def _flat(name: str) -> str:
    return name.replace("/", _FOLDER_MARK)


class NdjsonWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    documents = (DOCUMENT,)

    def __init__(self, root: Path, dataset: Dataset, options: NdjsonWriteOptions) -> None:
        self._root = root
        self._categories = dataset.categories
        self._options = options
        self._lines: spooled_lines.SpooledLines | None = None
        self.keypoints = max((len(category.keypoints) for category in dataset.categories), default=0)

    def __getstate__(self) -> dict[str, Any]:
        """The state for worker processes, which only encode: without the collected lines."""
        return {**self.__dict__, "_lines": None}

    @property
    def carries(self) -> frozenset[Column]:
        """The columns of the task."""
        return TASK_COLUMNS[self._options.task]

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of all share one document."""
        return (f"images/{split}/{_flat(name)}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The line of each image."""
        shapes, changed = shape_texts(batch, self._options.task, self.keypoints)
        rows = [b"%d%b" % row for row in zip(batch.instances.labels.tolist(), shapes, strict=True)]
        counts = [batch.totals(flags).tolist() for flags in changed]
        return list(map(self._labels, batch, images, batch.split(rows), zip(*counts, strict=True)))

    def collect(self, entry: bytes) -> None:
        """Store the line of one image."""
        self._lines = self._lines or spooled_lines.SpooledLines(self._root)
        self._lines.add(entry)

    def close(self) -> None:
        """Write the document."""
        atomic.write_chunks(self._root / DOCUMENT, self._document())

    def _labels(self, sample: Sample, image: str, rows: Sequence[bytes], changed: Sequence[int]) -> Labels:
        """The line of an image whose objects have the text `rows`, of which so many are `changed` (`ShapeChanges`)."""
        file = image.removeprefix(f"images/{sample.split}/")
        notes = change_notes(*changed)
        if len(sample.name.parts) > 1 and paths.stem_of(file) == paths.stem_of(_flat(str(sample.name))):
            notes.append(("name-changed", f"written as {image}"))
        record = {"type": "image", "file": file, "width": sample.size.width, "height": sample.size.height}
        line = msgspec.json.encode({**record, "split": sample.split})
        if sample.labelled or rows:
            listed = b",".join(b"[%b]" % row.replace(b" ", b",") for row in rows)
            line = b'%b,"annotations":{"%b":[%b]}}' % (line[:-1], KEYS[self._options.task].encode(), listed)
        findings = tuple(Finding(code, words, sample.relative_path, split=sample.split) for code, words in notes)
        digest = digest_of([NdjsonEntry(file, sample.split, None, "", task=self._options.task, rows=b"\n".join(rows))])
        return Labels(len(rows), findings, entry=line, digest=digest)

    def _document(self) -> Iterator[bytes]:
        head: dict[str, Any] = {"type": "dataset", "task": self._options.task, "path": "."}
        head["class_names"] = {str(number): name for number, name in enumerate(self._categories.names)}
        if self._options.task == "pose":
            head["kpt_shape"] = [self.keypoints, 3]
            if flips := common_flip(self._categories, self.keypoints):
                head["flip_idx"] = flips
            head["kpt_names"] = dict(enumerate(keypoint_names(one, self.keypoints) for one in self._categories))
        yield msgspec.json.encode(head) + b"\n"
        for line in self._lines or ():
            yield line + b"\n"
