"""The declarations of BDD100K: its layout, the columns it holds, the options of its reader."""

from __future__ import annotations

from dataclasses import dataclass, field

from bboxprep.formats.api import TextReadOptions
from bboxprep.model.columns import Column

LAYOUT = "<split>.json of frames (BDD100K, Scalabel), or one in labels/, with a folder images"
CARRIES = frozenset(
    {Column.BOXES, Column.POLYGONS, Column.MASKS, Column.CROWD, Column.SCORES, Column.ATTRIBUTES}
)  # fmt: skip


@dataclass(frozen=True)
class BddReadOptions(TextReadOptions):
    """The options of the BDD100K reader. Raises `UsageError` for an unknown encoding."""

    lanes: bool = field(
        default=False,
        metadata={
            "flag": "--bdd-lanes",
            "help": "read the labels 'lane' and 'drivable area' as objects, too",
        },
    )
