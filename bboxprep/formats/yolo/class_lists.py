"""Files that list class names.

They are classes.txt, obj.names or labels.txt (one name a line), the names of a data.yaml, and Label Studio's
notes.json, which has them with the number of each and lies beside a classes.txt as a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.formats.yolo.config import MAX_NAMES_BYTES, read_config, read_lines
from bboxprep.formats.yolo.tree import YoloTree, read_head
from bboxprep.formats.yolo_rows import looks_like_rows
from bboxprep.io.paths import read_bytes
from bboxprep.io.text import as_utf8
from bboxprep.model.categories import MOST_CLASSES

LIST_SUFFIXES = frozenset({".txt", ".names", ".labels", ".yaml", ".yml"})
PREDEFINED = "predefined_classes.txt"
"""labelImg's suggestions: used where nothing else has names."""
_NAME_FILES = {"classes.txt", "labels.txt", PREDEFINED, "_darknet.labels", "object.data"}
_NOTES = "notes.json"


def name_files(tree: YoloTree, folder: Path) -> list[Path]:
    """The files in `folder` that list class names, one on each line."""
    listing = tree.listing(folder)
    return [
        folder / name
        for name in (*listing.texts.values(), *listing.others)
        if (name.lower() in _NAME_FILES or name.lower().endswith(".names"))
        and not looks_like_rows(read_head(folder / name, tree.encoding))
    ]


def notes_files(tree: YoloTree, folder: Path) -> list[Path]:
    """The notes.json of Label Studio in `folder`, if there is one that names classes."""
    path = folder / _NOTES
    return [path] if _NOTES in tree.listing(folder).others and names_by_number(path) else []


def is_notes(path: Path) -> bool:
    """Whether a file of names is a notes.json."""
    return path.name == _NOTES


def names_by_number(path: Path, encoding: str = "") -> Mapping[int, str]:
    """The class names in a file of `name_files` or `notes_files`, by number. Raises `AnnotationError`."""
    if is_notes(path):
        return _noted(path, encoding)
    names = read_lines(path, MAX_NAMES_BYTES, encoding)
    if len(names) > MOST_CLASSES:
        raise AnnotationError(path, "", f"have {len(names):,} classes, want at most {MOST_CLASSES:,}")
    return dict(enumerate(names))


class _Category(msgspec.Struct):
    id: int
    name: str


class _Notes(msgspec.Struct):
    categories: list[_Category]


def _noted(path: Path, encoding: str) -> Mapping[int, str]:
    """The names by number in a notes.json; none where it is something else."""
    try:
        content = msgspec.json.decode(as_utf8(read_bytes(path, MAX_NAMES_BYTES), encoding), type=_Notes)
    except (AnnotationError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return {one.id: one.name for one in content.categories if 0 <= one.id < MOST_CLASSES}


def read_class_list(path: Path) -> tuple[str, ...]:
    """The names that the file at `path` lists, in order. Raises `AnnotationError` where it has none, or a gap."""
    if path.suffix.lower() in (".yaml", ".yml"):
        named = read_config(path).names or {}
        names = tuple(named.get(number, "") for number in range(max(named, default=-1) + 1))
        place = "names.{}"
    else:
        names, place = read_lines(path, MAX_NAMES_BYTES), "line {}"
    if not names:
        raise AnnotationError(path, "", "have no names, want a class name on each line or the names of a data.yaml")
    if "" in names:
        number = names.index("") + (place == "line {}")
        raise AnnotationError(path, place.format(number), "have no name, want one")
    return names
