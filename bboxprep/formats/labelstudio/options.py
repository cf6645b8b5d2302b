"""The declarations of Label Studio: its layout, the columns it holds, the options of reader and writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bboxprep.formats.api import TextReadOptions
from bboxprep.model.columns import Column

LAYOUT = "a JSON of tasks (Label Studio, also JSON-MIN) with images/, and label_config.xml with the classes"
CARRIES = frozenset(
    {
        Column.BOXES,
        Column.POLYGONS,
        Column.MASKS,
        Column.ORIENTED,
        Column.KEYPOINTS,
        Column.SCORES,
        Column.ATTRIBUTES,
    }
)
STEP = 1e-9  # px; percent are written so that edges read back nearer than this

CONFIG = "label_config.xml"
LOCAL_FILES = "/data/local-files/?d="

PART = "part_of_parent"  # our key in the `meta` of a region that is one more shape of its parent
ORIENTED = "oriented_box"  # our key in the `meta` of a region of four corners that is no turned rectangle
PLACE = "place"  # our key in the `meta` of a keypoint that has no name: its number, from 0
VISIBILITY = "visibility"  # our key in the `meta` of a hidden keypoint

Results = Literal["annotations", "all", "predictions"]
OutResults = Literal["annotations", "predictions"]


@dataclass(frozen=True)
class LabelStudioReadOptions(TextReadOptions):
    """The options of the Label Studio reader. Raises `UsageError` for unknown results or an unknown encoding."""

    results: Results = field(
        default="annotations",
        metadata={
            "flag": "--labelstudio-results",
            "help": "which results of a Label Studio task count: annotations (the newest), all (all annotations, of "
            "several people), or predictions (the newest)",
        },
    )
    url_prefix: str = field(
        default=LOCAL_FILES,
        metadata={
            "flag": "--labelstudio-prefix",
            "help": "what stands before the paths of images in Label Studio tasks, where they are no usual URLs",
        },
    )


@dataclass(frozen=True)
class LabelStudioWriteOptions:
    """The options of the Label Studio writer."""

    results: OutResults = field(
        default="annotations",
        metadata={
            "flag": "--labelstudio-out",
            "help": "what labels are in Label Studio: annotations, or predictions, which people look through.",
        },
    )
    url_prefix: str = field(
        default=LOCAL_FILES,
        metadata={
            "flag": "--url-prefix",
            "help": "what Label Studio tasks have before the path of an image, such as https://host/photos/; by "
            f"default {LOCAL_FILES}, of a local storage",
        },
    )
