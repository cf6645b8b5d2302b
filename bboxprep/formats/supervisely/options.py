"""The declarations of Supervisely: its layout, the columns it holds, the options of reader and writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bboxprep.formats.api import TextReadOptions
from bboxprep.model.columns import Column

LAYOUT = "meta.json, and <dataset>/ann/<image name>.json with <dataset>/img/"
CARRIES = frozenset({Column.BOXES, Column.POLYGONS, Column.MASKS, Column.ORIENTED, Column.ATTRIBUTES})

LabelUnits = Literal["auto", "pixels", "subpixel"]


@dataclass(frozen=True)
class SuperviselyReadOptions(TextReadOptions):
    """The options of the Supervisely reader. Raises `UsageError` for unknown units or an unknown encoding."""

    units: LabelUnits = field(
        default="auto",
        metadata={
            "flag": "--supervisely-units",
            "help": "what coordinates are: numbers of pixels, the last one included (pixels), edges (subpixel), or "
            "auto: edges in a file that states any of them with decimals",
        },
    )


@dataclass(frozen=True)
class SuperviselyWriteOptions:
    """The options of the Supervisely writer."""

    subpixel: bool = field(
        default=False,
        metadata={
            "flag": "--supervisely-subpixel",
            "help": "write coordinates as edges with decimals, not as numbers of pixels",
        },
    )
