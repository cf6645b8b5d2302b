"""The declarations of MOTChallenge: what it holds, the files of a sequence, its classes, and the reader's options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bboxprep.formats.api import TextReadOptions
from bboxprep.model.columns import Column

LAYOUT = "gt/gt.txt, gt/labels.txt, seqinfo.ini, img1/ of each sequence, in folders of splits; instances/ with images/"
CARRIES = frozenset({Column.BOXES, Column.TRACKS})
TABLE, IMAGES, INFO = "gt/gt.txt", "img1", "seqinfo.ini"  # of a sequence
INSTANCES = "instances"
"""The folder of the PNGs of MOTS, beside that of the images."""

FRAMES = "gt/frames.txt"
"""A file of ours, of a sequence whose images are not named by numbers: ``frame,name`` in a line."""
SECTION = "Sequence"  # of seqinfo.ini
SPLIT = "split"
"""The key of seqinfo.ini by which `writer` says that the first folder of the path of a sequence is its split."""
RATE = "frameRate"
"""The key of seqinfo.ini, and of the data of an image, for the frames in a second."""

VISIBILITY, IGNORED = "visibility", "ignored"
"""The attributes of an object: the share of it that can be seen (0 to 1; none where it is 1), and 1 where an evaluation
leaves it out."""

NAMES = (
    "pedestrian", "person_on_vehicle", "car", "bicycle", "motorbike", "non_mot_vehicle", "static_person", "distractor",
    "occluder", "occluder_on_ground", "occluder_full", "reflection", "crowd",
)  # fmt: skip
"""The classes of MOT16, MOT17 and MOT20, numbered from 1."""

IGNORE = "ignore"
"""The class of a region of MOTS in which objects are not labelled: a crowd region."""

MASK_CLASSES = {1: "car", 2: "pedestrian", 10: IGNORE}
"""The classes of MOTS by their numbers."""


@dataclass(frozen=True)
class MotReadOptions(TextReadOptions):
    """The options of the reader."""

    origin: Literal["auto", "0", "1"] = field(
        default="auto",
        metadata={
            "flag": "--mot-origin",
            "help": "the number of the left edge and of the upper edge of an image in MOT files: 1 as MOTChallenge has "
            "it, 0 as CVAT and Datumaro do, or auto: 0 beside a labels.txt, which these write, else 1",
        },
    )
