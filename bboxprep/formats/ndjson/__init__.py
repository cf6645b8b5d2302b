"""Ultralytics NDJSON: one file of lines, the first about the dataset, each other about an image with its YOLO rows."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, TextReadOptions, deferred
from bboxprep.formats.ndjson.options import CARRIES, LAYOUT, NdjsonWriteOptions
from bboxprep.formats.yolo_row_kinds import kept_task

FORMAT = Format(
    title="Ultralytics NDJSON",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a .ndjson beside a folder 'images'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(fraction=1e-6),  # six digits
    read_options=TextReadOptions,
    write_options=NdjsonWriteOptions,
    holds_outlines_only=lambda options: options.task in ("segment", "obb"),
    task=lambda options: options.task,
    options_for=lambda dataset, _: kept_task(dataset),
    category_fields=frozenset({"keypoints", "flip_idx"}),
    train_command=lambda dest, options, side: (
        f"yolo {options.task} train data={dest}/dataset.ndjson{f' imgsz={side}' if side else ''}"
    ),
    train_splits=("train", "val"),
    traps=(("class ids without a name get class1 and so on", "Ultralytics, data/converter.py"),),
)
