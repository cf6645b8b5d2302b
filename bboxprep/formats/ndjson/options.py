"""The columns, the layout and the options of Ultralytics NDJSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from bboxprep.formats.yolo_row_kinds import OUT_TASK, OutTask, check_task
from bboxprep.model.columns import Column

CARRIES = frozenset({Column.BOXES, Column.POLYGONS, Column.ORIENTED, Column.KEYPOINTS})
LAYOUT = "a .ndjson (Ultralytics) of a line about the dataset and one about each image, with images/<split>/"
DOCUMENT = "dataset.ndjson"
KEYS: dict[OutTask, str] = {"detect": "boxes", "segment": "segments", "pose": "pose", "obb": "obb"}
"""The key of the rows of each task in the annotations of an image."""


@dataclass(frozen=True)
class NdjsonWriteOptions:
    """The content of each row. Raises `UsageError` for unknown values."""

    task: OutTask = field(default="detect", metadata=OUT_TASK)

    def __post_init__(self) -> None:
        check_task(self.task)
