"""The declarations of Pascal VOC: its layout, the columns it holds, the options of reader and writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.layouts import check_layout, layout_metadata
from bboxprep.model.columns import Column

LAYOUT = "Annotations/*.xml with JPEGImages/, XML files beside their images, or train/, valid/, test/ with both"
CARRIES = frozenset({Column.BOXES, Column.ATTRIBUTES})

OriginChoice = Literal["auto", "devkit", "as-is", "plus-one", "fractions", "xywh"]


@dataclass(frozen=True)
class VocReadOptions(TextReadOptions):
    """The options of the VOC reader. Raises `UsageError` for an unknown origin or encoding."""

    origin: OriginChoice = field(
        default="auto",
        metadata={
            "flag": "--voc-origin",
            "help": "what VOC corners count from: devkit (1-based, inclusive), as-is (0-based edges), plus-one "
            "(1-based edges), fractions (edges as fractions of the image), xywh (0-based x and y, width and height "
            "where xmax and ymax belong), or auto: from proof in the numbers, else from the tool that wrote the files",
        },
    )


VocLayout = Literal["devkit", "datumaro"]
LAYOUTS: dict[VocLayout, str] = {
    "devkit": "JPEGImages/, Annotations/, ImageSets/Main/<split>.txt, and the class table as labels.txt",
    "datumaro": "the same, and the class table as labelmap.txt, as CVAT and Datumaro want it",
}


@dataclass(frozen=True)
class VocWriteOptions:
    """The options of the VOC writer. Raises `UsageError` for an unknown layout."""

    float_: bool = field(
        default=False,
        metadata={
            "flag": "--voc-float",
            "help": "write corners with decimals, not as whole pixels",
        },
    )
    layout: VocLayout = field(default="devkit", metadata=layout_metadata(LAYOUTS))

    def __post_init__(self) -> None:
        check_layout(self)
