"""The options of the COCO reader, for documents not in UTF-8, and boxes that are not x, y, width, height in pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from bboxprep.formats.api import TextReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances

BoxStyle = Literal["xywh", "xyxy", "fractions"]


@dataclass(frozen=True)
class CocoReadOptions(TextReadOptions):
    """The meaning of the numbers of ``bbox``, and the encoding. Raises `UsageError` for unknown values."""

    boxes: BoxStyle = field(
        default="xywh",
        metadata={
            "flag": "--coco-boxes",
            "help": "what bbox holds: xywh (x, y, width, height in pixels), xyxy (two corners in pixels), or fractions "
            "(x, y, width, height as fractions of the image, polygons and keypoints too)",
        },
    )


def as_pixels(instances: Instances, style: BoxStyle, size: Size) -> Instances:
    """`instances`, which were read as xywh, with the boxes that `style` means in an image of `size`."""
    if style == "xywh":
        return instances
    if style == "xyxy":
        corners = np.concatenate((instances.boxes[:, :2], instances.boxes[:, 2:] - instances.boxes[:, :2]), axis=1)
        return replace(instances, boxes=corners)
    sides = np.array(size, dtype=np.float64)
    return replace(
        instances,
        boxes=instances.boxes * np.tile(sides, 2),
        polygons=instances.polygons.moved(lambda points: points * sides),
        keypoints=(instances.keypoints - 0.5) * sides,  # the reader took them for the numbers of pixels
        areas=instances.areas * sides.prod(),
    )
