"""The class table of a VOC dataset: a file at its root that lists the names, which the devkit does not have.

``labels.txt`` and ``classes.txt`` have a name on each line; see `formats.labelmap` for ``labelmap.txt``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bboxprep.formats.labelmap import BACKGROUND, LABELMAP, labelmap_names
from bboxprep.io.paths import is_within, resolved
from bboxprep.io.text import read_text

_TABLES = ("labels.txt", "classes.txt", LABELMAP)
_MOST_BYTES = 8 << 20


def class_table(root: Path) -> Path | None:
    """The file at `root` that lists the class names, or None."""
    allowed = resolved(root)
    return next((path for name in _TABLES if (path := root / name).is_file() and is_within(path, allowed)), None)


def class_names(root: Path, found: Iterable[str], encoding: str = "") -> tuple[str, ...]:
    """The class names: those of the table at `root` in its order, then all others that are `found`, sorted by bytes.

    Raises `AnnotationError`.
    """
    table, used = class_table(root), set(found)
    listed = list(_names(table, used, encoding)) if table else []
    return tuple(dict.fromkeys([*listed, *sorted(used, key=lambda name: name.encode())]))


def _names(table: Path, used: set[str], encoding: str) -> Iterator[str]:
    text = read_text(table, _MOST_BYTES, encoding)
    if table.name == LABELMAP:
        yield from (name for name in labelmap_names(text) if name != BACKGROUND or name in used)
    else:
        yield from (name for line in text.split("\n") if (name := line.strip()))
