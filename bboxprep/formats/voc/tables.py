"""The class table of a VOC dataset: a file at its root that lists the names, which the devkit does not have.

``labels.txt`` and ``classes.txt`` have a name on each line. ``labelmap.txt`` of CVAT and Datumaro has
``name:color:parts:actions``, with ``#`` before comments and the class ``background`` of its masks, which no box has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bboxprep.io.paths import is_within, resolved
from bboxprep.io.text import read_text

_LABELMAP = "labelmap.txt"
_TABLES = ("labels.txt", "classes.txt", _LABELMAP)
_BACKGROUND = "background"
_MOST_BYTES = 8 << 20


def class_table(root: Path) -> Path | None:
    """The file at `root` that lists the class names, or None."""
    fence = resolved(root)
    return next((path for name in _TABLES if (path := root / name).is_file() and is_within(path, fence)), None)


def class_names(root: Path, found: Iterable[str], encoding: str = "") -> tuple[str, ...]:
    """The class names: those of the table at `root` in its order, then all others that are `found`, sorted by bytes.

    Raises `AnnotationError`.
    """
    table, used = class_table(root), set(found)
    listed = list(_names(table, used, encoding)) if table else []
    return tuple(dict.fromkeys([*listed, *sorted(used, key=lambda name: name.encode())]))


def _names(table: Path, used: set[str], encoding: str) -> Iterator[str]:
    labelmap = table.name == _LABELMAP
    for line in read_text(table, _MOST_BYTES, encoding).split("\n"):
        name = line.strip()
        if labelmap:
            name = "" if name.startswith("#") else _without_fields(name)
        if name and (name != _BACKGROUND or not labelmap or name in used):
            yield name


def _without_fields(line: str) -> str:
    """The name in a line ``name:color:parts:actions``; a name may have colons of its own."""
    return ":".join(line.split(":")[:-3]).strip() if line.count(":") >= 3 else line
