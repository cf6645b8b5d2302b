"""The kinds of rows in a YOLO label file (box, polygon, oriented box, keypoints), by their number of columns.

After the class number a row has

==============  ==============================================================================================
5 columns       a box: centre x, centre y, width, height
6               a box and its confidence, 0 to 1
7, 9, 11 …      a polygon, x y for each point; its box is its hull (9 columns: the four corners of an oriented box)
5 + K * D       a box and its K keypoints of D = 2 or 3 numbers, only where the dataset states ``kpt_shape``
==============  ==============================================================================================

all of them fractions of the image's width and height. Rows of several kinds may stand in one file. Where the dataset is
said to have boxes of `BoxStyle` xyxy, their four numbers are the corners x0 y0 x1 y1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, get_args

import msgspec

from bboxprep.errors import UsageError
from bboxprep.model.dataset import Dataset

BoxStyle = Literal["cxcywh", "xyxy"]
Task = Literal["auto", "detect", "segment", "pose", "obb"]
OutTask = Literal["detect", "segment", "pose", "obb"]
OUT_TASK: dict[str, Any] = {"flag": "--yolo-out", "help": "What each row of YOLO labels states."}
"""The metadata of the option of writers that has an `OutTask`."""


class RowKind(StrEnum):
    """The content of a row."""

    BOX = "box"
    SCORED = "box and confidence"
    RING = "polygon"
    POSE = "box and keypoints"


class RowGrammar(msgspec.Struct, frozen=True):
    """What rows a dataset has: its `task`, the keypoints' (count, numbers each), how many classes (None: any), the
    number of the first class, what the numbers of its boxes are, and the `encoding` of files that are not UTF-8 and do
    not show theirs.
    """

    task: Task = "auto"
    keypoints: tuple[int, int] | None = None
    classes: int | None = None
    first: int = 0
    boxes: BoxStyle = "cxcywh"
    encoding: str = ""

    def kind(self, columns: int) -> RowKind | None:
        """The kind of a row with `columns` columns, or None."""
        if columns == 5:
            return RowKind.BOX
        if self.keypoints and self.task in ("auto", "pose"):
            return RowKind.POSE if columns == 5 + self.keypoints[0] * self.keypoints[1] else None
        if columns == 6 and self.task != "obb":
            return RowKind.SCORED
        if self.task == "obb":
            return RowKind.RING if columns == 9 else None
        return RowKind.RING if self.task in ("auto", "segment") and columns >= 7 and columns % 2 else None

    @property
    def wanted(self) -> str:
        """The numbers of columns that can be read, in words."""
        if self.keypoints and self.task in ("auto", "pose"):
            return f"5 (box) or {5 + self.keypoints[0] * self.keypoints[1]} (box and keypoints)"
        boxes = "5 (box) or 6 (box, confidence)"
        return {"detect": boxes, "obb": "5 (box) or 9 (four corners)"}.get(
            self.task, "5 (box), 6 (box, confidence) or an odd number from 7 on (polygon)"
        )


def check_task(task: str) -> None:
    """Raise `UsageError` where `task` is no `OutTask`."""
    if task not in get_args(OutTask):
        raise UsageError(f"task: have {task!r}, want one of {', '.join(get_args(OutTask))}")


def kept_task(dataset: Dataset) -> dict[str, str]:
    """The writer's option that keeps the task of `dataset`; {} where its classes lack what that needs."""
    posed = any(category.keypoints for category in dataset.categories)
    return {"task": dataset.task} if dataset.task in ("segment", "obb") or (dataset.task == "pose" and posed) else {}
