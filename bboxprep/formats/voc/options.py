"""The declarations of Pascal VOC: its layout, the columns it holds, the options of reader and writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bboxprep.formats.api import TextReadOptions
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


@dataclass(frozen=True)
class VocWriteOptions:
    """The options of the VOC writer."""

    float_: bool = field(
        default=False,
        metadata={
            "flag": "--voc-float",
            "help": "write corners with decimals, not as whole pixels",
        },
    )
