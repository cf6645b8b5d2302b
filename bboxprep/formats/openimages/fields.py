"""The declarations of Open Images, and the columns of its files."""

from __future__ import annotations

from dataclasses import dataclass, field

from bboxprep.formats.api import TextReadOptions
from bboxprep.model.columns import Column

LAYOUT = "annotations/<split>-annotations-bbox.csv and class-descriptions.csv, with images/<split>/"
CARRIES = frozenset({Column.BOXES, Column.CROWD, Column.SCORES})

BOX = ("XMin", "XMax", "YMin", "YMax")


@dataclass(frozen=True)
class OpenImagesReadOptions(TextReadOptions):
    """The options of the reader."""

    apply_rotation: bool = field(
        default=False,
        metadata={
            "flag": "--apply-rotation",
            "help": "turn images and boxes upright as Rotation says, as if files had that orientation; by default it "
            "is kept and told",
        },
    )


GROUP = "IsGroupOf"
FLAGS = ("IsOccluded", "IsTruncated", GROUP, "IsDepiction", "IsInside")  # 1, 0, or -1 for unknown
MASK_BOX = tuple(f"Box{name}" for name in BOX)
"""The columns of the box that a mask was drawn in."""

HUMAN = "1"
"""The confidence of a box that a person drew, which is no score."""

BOXES = ("ImageID", "Source", "LabelName", "Confidence", *BOX, *FLAGS)
IMAGES = (
    *("ImageID", "Subset", "OriginalURL", "OriginalLandingURL", "License", "AuthorProfileURL", "Author", "Title"),
    *("OriginalSize", "OriginalMD5", "Thumbnail300KURL", "Rotation"),
)
ROTATION = "Rotation"
MID = "mid"
"""The field of a class that has its name in the files ("/m/01g317")."""
