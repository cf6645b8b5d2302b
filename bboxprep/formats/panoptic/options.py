"""The declarations of COCO panoptic: its layout, the columns it holds, the options of its reader."""

from __future__ import annotations

from dataclasses import dataclass, field

from bboxprep.formats.api import TextReadOptions
from bboxprep.model.columns import Column

LAYOUT = "annotations/panoptic_<split>.json with the PNGs in annotations/panoptic_<split>/ and images in <split>/"
CARRIES = frozenset({Column.BOXES, Column.MASKS, Column.CROWD})

IS_THING, COLOR = "isthing", "color"
"""The fields of a class: 1 for things, which are objects, 0 for stuff; and the color that it is shown in."""


@dataclass(frozen=True)
class PanopticReadOptions(TextReadOptions):
    """The options of the reader of COCO panoptic. Raises `UsageError` for an unknown encoding."""

    things_only: bool = field(
        default=False,
        metadata={
            "flag": "--things-only",
            "help": "leave out the classes of stuff (sky, grass), whose segments are regions and no objects",
        },
    )
