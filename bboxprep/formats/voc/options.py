"""The declarations of Pascal VOC: its layout, the columns it holds, the options of reader and writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.layouts import check_layout, layout_metadata
from bboxprep.formats.origin import ORIGIN_METADATA, OriginChoice
from bboxprep.model.columns import Column

LAYOUT = "Annotations/*.xml with JPEGImages/, XML files beside their images, or train/, valid/, test/ with both"
CARRIES = frozenset({Column.BOXES, Column.ATTRIBUTES})


@dataclass(frozen=True)
class VocReadOptions(TextReadOptions):
    """The options of the VOC reader. Raises `UsageError` for an unknown origin or encoding."""

    origin: OriginChoice = field(
        default="auto",
        metadata=ORIGIN_METADATA,
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
