"""The options of the reader and the writer of YOLO labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from bboxprep.errors import UsageError
from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.yolo.row_kinds import BoxStyle, Task

Units = Literal["fractions", "pixels"]
FirstId = Literal[0, 1]
OutTask = Literal["detect", "segment", "pose", "obb"]


@dataclass(frozen=True)
class YoloReadOptions(TextReadOptions):
    """The content of the rows of the source, and the encoding of its text. Raises `UsageError` for unknown values."""

    task: Task = field(
        default="auto",
        metadata={"flag": "--yolo-task", "help": "What the rows of YOLO labels state, if not all kinds."},
    )

    units: Units = field(
        default="fractions",
        metadata={
            "flag": "--yolo-units",
            "help": "what the numbers of YOLO labels are: fractions of the image's width and height, or pixels",
        },
    )
    box_style: BoxStyle = field(
        default="cxcywh",
        metadata={
            "flag": "--yolo-boxes",
            "help": "what the four numbers of a YOLO box are: cxcywh (centre, width and height) or xyxy (two corners)",
        },
    )
    first_id: FirstId = field(
        default=0, metadata={"flag": "--yolo-first-id", "help": "the number of the first class in YOLO labels"}
    )


@dataclass(frozen=True)
class YoloWriteOptions:
    """The content of each row, and the ``path:`` of data.yaml ("" for none)."""

    task: OutTask = field(
        default="detect", metadata={"flag": "--yolo-out", "help": "What each row of YOLO labels states."}
    )
    yaml_path: str = field(default="", metadata={"flag": "--yaml-path", "help": "The path: that data.yaml gets."})

    def __post_init__(self) -> None:
        if self.task not in get_args(OutTask):
            raise UsageError(f"task: have {self.task!r}, want one of {', '.join(get_args(OutTask))}")
