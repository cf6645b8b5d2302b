"""YOLO text labels: one .txt file an image, one object a row. `reader` and `writer` keep its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, deferred
from bboxprep.formats.yolo.options import YoloReadOptions, YoloWriteOptions
from bboxprep.model.columns import Column

__all__ = ["FORMAT", "YoloReadOptions", "YoloWriteOptions"]

FORMAT = Format(
    title="YOLO",
    layout="images and labels folders, a data.yaml, a darknet .data file, or .txt files of rows beside the images",
    step="1e-6 of the width or height",
    carries=frozenset({Column.BOXES, Column.POLYGONS, Column.KEYPOINTS}),
    sniff=deferred(f"{__name__}.sniff", "sniff"),
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    read_options=YoloReadOptions,
    write_options=YoloWriteOptions,
)
