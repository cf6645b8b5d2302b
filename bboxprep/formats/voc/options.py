"""What Pascal VOC declares: the layout that is looked for, the columns it holds, the options of reader and writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from bboxprep.errors import UsageError
from bboxprep.formats.api import ENCODING, ReadOptions
from bboxprep.io.text import check_encoding
from bboxprep.model.columns import Column

LAYOUT = "Annotations/*.xml with JPEGImages/, XML files beside their images, or train/, valid/, test/ with both"
CARRIES = frozenset({Column.BOXES, Column.ATTRIBUTES})

OriginChoice = Literal["auto", "devkit", "as-is", "plus-one", "fractions"]


@dataclass(frozen=True)
class VocReadOptions(ReadOptions):
    """How VOC is read. Raises `UsageError` for an unknown origin or encoding."""

    origin: OriginChoice = field(
        default="auto",
        metadata={
            "flag": "--voc-origin",
            "help": "what VOC corners count from: devkit (1-based, inclusive), as-is (0-based edges), plus-one "
            "(1-based edges), fractions (edges as fractions of the image), or auto: from proof in the numbers, else "
            "from the tool that wrote the files",
        },
    )

    encoding: str = field(default="", metadata=ENCODING)

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        if self.origin not in get_args(OriginChoice):
            raise UsageError(f"`origin`: have {self.origin!r}, want one of {', '.join(get_args(OriginChoice))}")


@dataclass(frozen=True)
class VocWriteOptions:
    """How VOC is written."""

    float_: bool = field(
        default=False,
        metadata={
            "flag": "--voc-float",
            "help": "write corners with decimals, not as whole pixels",
        },
    )
