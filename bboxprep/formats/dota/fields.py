"""The declarations of DOTA: what it holds, its folders, the order of its classes, and how a file is recognised."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bboxprep.io import paths, text
from bboxprep.model.columns import Column

LAYOUT = "images/*.png and labelTxt/*.txt (labelTxt-v1.5, -v2.0), in a folder for each split or in none"
CARRIES = frozenset({Column.BOXES, Column.ORIENTED})
CLASSES = "classes.txt"  # at the root, a name a line: what X-AnyLabeling asks for; DOTA's own program knows none
CONFIG = "data.yaml"
LABELS = "labeltxt"  # how the folder of the label files begins, in lower case
DIFFICULT = "difficult"  # the attribute of an object that an evaluation leaves out
HEADER = ("imagesource", "gsd")  # the keys of the lines before the rows

NAMES = (
    "plane", "ship", "storage-tank", "baseball-diamond", "tennis-court", "basketball-court", "ground-track-field",
    "harbor", "bridge", "large-vehicle", "small-vehicle", "helicopter", "roundabout", "soccer-ball-field",
    "swimming-pool", "container-crane", "airport", "helipad",
)  # fmt: skip
"""The classes of DOTA 2.0 in the order in which Ultralytics numbers them; 1.0 has the first 15, 1.5 the first 16."""

_HEAD = 65536
_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ROW = re.compile(rb"[ \t]*(?:" + _NUMBER + rb"[ \t]+){8}(?!" + _NUMBER + rb"(?:[ \t]|$))[^\s,]")
_HEADER = re.compile(rb"[ \t]*(?:imagesource|gsd)[ \t]*:", re.IGNORECASE)


def row_names(names: Sequence[str]) -> tuple[str, ...]:
    """How rows call each class of `names`: with hyphens for blanks, as DOTA's own are, where no other is called so.

    Programs split a row at its blanks, and take the first word for the class and the next for a number.
    """
    words = ["-".join(name.split(" ")) for name in names]
    alike = Counter(words)
    return tuple(word if alike[word] == 1 else name for name, word in zip(names, words, strict=True))


def is_dota(path: Path) -> bool:
    """Whether the file at `path` begins like labels of DOTA: with a line of its header, or eight numbers and a word.

    Raises `AnnotationError` where the system fails to read it: it would be passed over without a fault.
    """
    try:
        head = text.read_start_as_utf8(path, _HEAD)
    except OSError as error:
        paths.refuse_passing(error, path)
        return False
    first = next((line for line in head.splitlines() if line.strip()), b"")
    return bool(_HEADER.match(first) or _ROW.match(first))


def is_label_folder(path: str) -> bool:
    """Whether a folder of `path`, with slashes, is called as those of DOTA's labels are."""
    return any(part.lower().startswith(LABELS) for part in path.split("/"))
