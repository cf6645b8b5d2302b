"""The columns and options of ImageFolder, and how its files are recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.label_documents import DocumentKind
from bboxprep.io.paths import is_within, resolved
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.columns import Column

CARRIES = frozenset({Column.BOXES, Column.AREAS})
LAYOUT = "metadata.jsonl or metadata.csv (Hugging Face ImageFolder) with boxes, in the folder of the images or above"
BoxFormat = Literal["auto", "xywh", "xyxy", "xywh-fractions", "xyxy-fractions"]
BOX_KEYS = ("bbox", "bboxes", "boxes", "box")
_NAMES = ("metadata.jsonl", "metadata.csv")
README = "README.md"
_FIRST_BYTES = 65536
_BOXES = re.compile(rb'"(?:bbox|bboxes|boxes|box)"')


@dataclass(frozen=True)
class ImageFolderReadOptions(TextReadOptions):
    """The meaning of the four numbers of a box, and the encoding. Raises `UsageError` for unknown values."""

    box_format: BoxFormat = field(
        default="auto",
        metadata={
            "flag": "--box-format",
            "help": "what the four numbers of a box in metadata.jsonl are: x, y, width, height (xywh) or two corners "
            "(xyxy), in pixels or as fractions; auto: what all boxes together show",
        },
    )


def _kind(path: Path) -> str:
    if path.name.lower() not in _NAMES:
        return ""
    start = read_start_as_utf8(path, _FIRST_BYTES)
    first = start.partition(b"\n")[0]
    boxes = _BOXES.search(start) or (path.suffix.lower() == ".csv" and b"bbox" in start)
    return "a table of images with boxes" if b"file_name" in first and boxes else ""


def _has_card(folder: Path) -> bool:
    path = folder / README
    try:
        return is_within(path, resolved(folder)) and b"class_label" in read_start_as_utf8(path, _FIRST_BYTES)
    except (OSError, ValueError):
        return False


DOCUMENTS = DocumentKind(_NAMES, _kind, lambda _: True, _has_card)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file
