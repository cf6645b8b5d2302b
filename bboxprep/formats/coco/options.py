"""The options of the COCO reader, for documents not in UTF-8, and boxes that are not x, y, width, height in pixels;
and those of the writer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from bboxprep.errors import UsageError
from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.layouts import check_layout, layout_metadata
from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances
from bboxprep.model.splits import VAL

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


OrientedStyle = Literal["corners", "rotation"]
CocoLayout = Literal["splits", "roboflow", "datumaro"]
LAYOUTS: dict[CocoLayout, str] = {
    "splits": "<split>/ and annotations/instances_<split>.json",
    "roboflow": "train|valid|test/_annotations.coco.json with the images",
    "datumaro": "images/<split>/ and annotations/instances_<split>.json",
}


@dataclass(frozen=True)
class CocoWriteOptions:
    """The places of images and documents, and the form of oriented boxes. Raises `UsageError` for other values."""

    layout: CocoLayout = field(default="splits", metadata=layout_metadata(LAYOUTS))
    oriented: OrientedStyle = field(
        default="corners",
        metadata={
            "flag": "--coco-oriented",
            "help": "how oriented boxes are written: corners (bbox around them, the four corners as polygon), or "
            "rotation (as CVAT does: bbox before its turn, and attributes.rotation)",
        },
    )

    def __post_init__(self) -> None:
        check_layout(self)
        if self.oriented not in get_args(OrientedStyle):
            raise UsageError(f"`oriented`: have {self.oriented!r}, want {' or '.join(get_args(OrientedStyle))}")

    def folder(self, split: str) -> str:
        """The folder of the images of `split`, below which they have their names."""
        match self.layout:
            case "roboflow":
                return "valid" if split == VAL else split
            case "datumaro":
                return f"images/{split}"
            case _:
                return split

    def document(self, split: str) -> str:
        """The path of the document about `split`."""
        if self.layout == "roboflow":
            return f"{self.folder(split)}/_annotations.coco.json"
        return f"annotations/instances_{split}.json"


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
        oriented=instances.oriented * sides,
        keypoints=(instances.keypoints - 0.5) * sides,  # the reader took them for the numbers of pixels
        areas=instances.areas * sides.prod(),
    )
