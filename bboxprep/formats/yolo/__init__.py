"""YOLO text labels: one .txt file an image, one object a row. `reader` and `writer` describe its conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.yolo.options import YoloReadOptions, YoloWriteOptions, placed
from bboxprep.formats.yolo_row_kinds import kept_task
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset

__all__ = ["FORMAT", "YoloReadOptions", "YoloWriteOptions"]


def _train_command(dest: str, options: YoloWriteOptions, side: int | None) -> str:
    if options.layout == "darknet":
        return f"cd {dest} && darknet detector train obj.data MODEL.cfg"
    if options.layout == "yolov5" and options.task in ("detect", "segment"):
        script = "segment/train.py" if options.task == "segment" else "train.py"
        words = ("python", script, "--data", f"{dest}/data.yaml", *(("--img", str(side)) if side else ()))
        return " ".join(words)
    size = f" imgsz={side}" if side else ""
    return f"yolo {options.task} train data={dest}/data.yaml{size}"


def _options_for(dataset: Dataset, given: Mapping[str, Any]) -> dict[str, str]:
    """The task of `dataset`; none where it is of boxes, as darknet's is."""
    return {} if given.get("layout") == "darknet" else kept_task(dataset)


FORMAT = Format(
    title="YOLO",
    layout="images and labels folders, a data.yaml, a darknet .data file, or .txt files of rows beside the images",
    sniff=deferred(f"{__name__}.sniff", "sniff"),
    root_evidence=deferred(f"{__name__}.sniff", "root_evidence"),
    label_file=deferred(f"{__name__}.sniff", "label_file"),
    label_place="in a folder 'labels' in place of 'images', or beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    check=deferred(f"{__name__}.label_check", "check"),
    carries=frozenset({Column.BOXES, Column.POLYGONS, Column.ORIENTED, Column.KEYPOINTS}),
    step=lambda _: Step(fraction=1e-6),  # six digits
    read_options=YoloReadOptions,
    conventions=(
        ("pixels", "`units='pixels'`"),
        ("xyxy-for-cxcywh", "`box_style='xyxy'`"),
        ("from-one", "`first_id=1`"),
    ),
    write_options=YoloWriteOptions,
    placed=placed,
    holds_outlines_only=lambda options: options.task in ("segment", "obb"),
    task=lambda options: options.task,
    options_for=_options_for,
    category_fields=frozenset({"keypoints", "flip_idx"}),
    train_command=_train_command,
    train_splits=("train", "val"),
    traps=(
        (
            "rows say neither what they state nor how large the image is: pose, polygons and oriented boxes look alike",
            "Ultralytics, dataset pages",
        ),
        (
            "a row with a number outside of 0 to 1 makes trainers leave out the whole image",
            "Ultralytics, data/utils.py",
        ),
        (
            "data.yaml without path: is resolved against the trainer's own folder by YOLOv5",
            "ultralytics/yolov5, utils/general.py",
        ),
        (
            "images/ in a path is exchanged for labels/: a folder of that name above misleads",
            "Ultralytics, data/utils.py",
        ),
    ),
)
