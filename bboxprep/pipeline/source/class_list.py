"""Files that list class names: classes.txt, obj.names, labels.txt (one a line), or the names of a data.yaml."""

from __future__ import annotations

from pathlib import Path

from bboxprep.errors import AnnotationError
from bboxprep.formats.yolo.config import MOST_NAME_BYTES, read_config, read_lines

LIST_SUFFIXES = frozenset({".txt", ".names", ".labels", ".yaml", ".yml"})


def read_class_list(path: Path) -> tuple[str, ...]:
    """The names that the file at `path` lists, in order. Raises `AnnotationError` where it has none, or a gap."""
    if path.suffix.lower() in (".yaml", ".yml"):
        named = read_config(path).names or {}
        names = tuple(named.get(number, "") for number in range(max(named, default=-1) + 1))
        place = "names.{}"
    else:
        names, place = read_lines(path, MOST_NAME_BYTES), "line {}"
    if not names:
        raise AnnotationError(path, "", "have no names, want a class name on each line or the names of a data.yaml")
    if "" in names:
        number = names.index("") + (place == "line {}")
        raise AnnotationError(path, place.format(number), "have no name, want one")
    return names
