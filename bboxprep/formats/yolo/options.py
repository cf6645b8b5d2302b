"""The options of the reader and the writer of YOLO labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.layouts import check_layout, layout_metadata
from bboxprep.formats.yolo_row_kinds import OUT_TASK, BoxStyle, OutTask, Task, check_task
from bboxprep.io.remote import is_stored
from bboxprep.model.splits import VAL

Units = Literal["fractions", "pixels"]
FirstId = Literal[0, 1]


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


YoloLayout = Literal["ultralytics", "yolov5", "darknet"]
LAYOUTS: dict[YoloLayout, str] = {
    "ultralytics": "images/<split>/, labels/<split>/, data.yaml",
    "yolov5": "the same, and data.yaml states the absolute path of DEST",
    "darknet": "obj_<split>_data/ with images and labels, <split>.txt, obj.names, obj.data",
}


@dataclass(frozen=True)
class YoloWriteOptions:
    """The content of each row, the ``path:`` of data.yaml ("" for none), and the places of images and labels. Raises
    `UsageError` for unknown values.
    """

    task: OutTask = field(default="detect", metadata=OUT_TASK)
    yaml_path: str = field(default="", metadata={"flag": "--yaml-path", "help": "The path: that data.yaml gets."})
    layout: YoloLayout = field(default="ultralytics", metadata=layout_metadata(LAYOUTS))

    def __post_init__(self) -> None:
        check_layout(self)
        check_task(self.task)

    def image(self, split: str, name: str) -> str:
        """The path of the image `name` of `split`."""
        return f"{darknet_folder(split)}/{name}" if self.layout == "darknet" else f"images/{split}/{name}"

    def label(self, image: str) -> str:
        """The path of the label file of the image at `image`."""
        stem = image[: image.rindex(".")]
        return f"{stem}.txt" if self.layout == "darknet" else f"labels{stem.removeprefix('images')}.txt"


def placed(options: YoloWriteOptions, dest: Path) -> dict[str, str]:
    """The options that the place `dest` of an output decides: the path that YOLOv5 wants in its data.yaml."""
    stated = options.layout != "yolov5" or options.yaml_path
    return {} if stated else {"yaml_path": str(dest if is_stored(dest) else dest.absolute())}


def darknet_word(split: str) -> str:
    """The word of darknet for `split`."""
    return "valid" if split == VAL else split


def darknet_folder(split: str) -> str:
    """The folder of the images of `split`, as CVAT and Datumaro call it."""
    return f"obj_{darknet_word(split)}_data"
