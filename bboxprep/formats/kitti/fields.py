"""The declarations of KITTI: what it holds, its folders, what it writes for unknown values, and how a file is
recognised.
"""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.io import paths, text
from bboxprep.model.columns import Column

LAYOUT = "image_2/ and label_2/*.txt (or images/ and labels/), in a folder for each split; labels.txt with the classes"
CARRIES = frozenset({Column.BOXES, Column.CROWD, Column.SCORES})
IMAGES, LABELS = "image_2", "label_2"  # of the left colour camera, to which KITTI's labels belong

DONT_CARE = "DontCare"
"""The class of a region in which objects are not labelled: a crowd region."""

TRUNCATED, OCCLUDED, ALPHA, DIMENSIONS, LOCATION, ROTATION = ATTRIBUTES = (
    "truncated", "occluded", "alpha", "dimensions", "location", "rotation_y",
)  # fmt: skip
"""The attributes of an object: the share of it beyond the image (0 to 1), how much of it is hidden (0 not, 1 partly, 2
largely, 3 unknown), the angle at which the camera sees it (radians), height, width and length (m), x, y and z of its
place in the coordinates of the camera (m), and its turn around the vertical axis (radians)."""

NO_ANGLE, NO_LENGTH, NO_PLACE = -10.0, -1.0, -1000.0  # what is written where nothing is known

NUMBERS = 14
"""The numbers of a row that has no score."""

OBJECTS, TRACKING = "objects", "tracking"
"""The benchmarks of KITTI whose label files are told apart."""

_HEAD = 65536
_NUMBER = re.compile(rb"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_NOWHERE = (NO_LENGTH,) * 3 + (NO_PLACE,) * 3 + (NO_ANGLE,)


def is_kitti(path: Path) -> bool:
    """Whether the file at `path` begins like labels of KITTI (see `benchmark_of`)."""
    return benchmark_of(path) == OBJECTS


def benchmark_of(path: Path) -> str:
    """The benchmark of KITTI whose labels the file at `path` begins like, "" for none: `OBJECTS` has a class and 14 or
    15 numbers in a row, `TRACKING` a frame and a track before them. A class that is a number itself could as well be
    that of a YOLO polygon: it counts where the numbers say that no place is known.

    Raises `AnnotationError` where the system fails to read it: it would be passed over without a fault.
    """
    words = _first_words(path)
    if len(words) <= NUMBERS or not all(map(_is_number, words[-NUMBERS:])):
        return ""
    if not _is_number(words[0]):
        return OBJECTS
    if _is_number(words[1]) and not _is_number(words[2]):
        return TRACKING
    has_unknown = len(words) <= NUMBERS + 2 and tuple(map(_value, words[8:15])) == _NOWHERE
    return OBJECTS if has_unknown else ""


def _first_words(path: Path) -> list[bytes]:
    """The words of the first line with text of the file at `path`."""
    try:
        head = text.read_start_as_utf8(path, _HEAD)
    except OSError as error:
        paths.refuse_passing(error, path)
        return []
    return next((words for line in head.splitlines() if (words := line.split())), [])


def _is_number(word: bytes) -> bool:
    return _NUMBER.fullmatch(word) is not None


def _value(word: bytes) -> float | None:
    return float(word) if _is_number(word) else None
