"""Recognises folders with a label file an image, for the formats that have such files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.image_tree import IMAGE_FOLDERS, LABEL_FOLDERS, holds_file, walk
from bboxprep.io.paths import is_within, relative_path, resolved
from bboxprep.model.splits import known_split

_TRIES = 20  # files that are opened before a folder is refused

IsLabel = Callable[[Path], bool]
"""Whether the file at a path is a label file of the format, by its first bytes."""


def first_label(root: Path, suffix: str, is_label: IsLabel) -> str:
    """The first label file of that `suffix` below `root`, "" where none of a few files is one."""
    return _first(root, _files(root, suffix), is_label)


def evidence(
    folder: Path, apart: Collection[Path], suffix: str, is_label: IsLabel, table: str, prefix: str = ""
) -> RootEvidence:
    """Whether a data set begins in `folder`: with a class `table`, folders of images and labels (those of labels may
    have a name with that `prefix`), or folders of splits; else whether it holds labels. What lies in `apart` does not
    count.
    """
    others = tuple(f"{relative_path(path, folder)}/" for path in apart)
    labels = [label for label in _files(folder, suffix) if not label.startswith(others)]
    own = [label for label in labels if _is_own(label.partition("/")[0], suffix, prefix)]
    tops = {label.partition("/")[0].lower() for label in own if "/" in label}
    path = folder / table
    has_table = path.is_file() and is_within(path, resolved(folder))
    if has_table and _first(folder, labels, is_label):
        return RootEvidence.CLASS_TABLE
    found = _first(folder, own, is_label)
    if found and any(_names_part(top, prefix) for top in tops):
        return RootEvidence.CLASS_TABLE
    return RootEvidence.LABELS if found else RootEvidence.NONE


def _files(root: Path, suffix: str) -> list[str]:
    """The files of that `suffix` below `root`; none where it is no folder."""
    try:
        return walk(root, suffix).labels if root.is_dir() and holds_file(root, suffix) else []
    except LayoutError:
        return []


def _is_own(first: str, suffix: str, prefix: str) -> bool:
    """Whether labels of a data set may lie at a path that begins with the name `first`: that of the file, or of a
    folder of images, of labels or of a split.
    """
    return first.lower().endswith(suffix) or _names_part(first, prefix)


def _names_part(folder: str, prefix: str) -> bool:
    name = folder.lower()
    return (
        name in LABEL_FOLDERS | IMAGE_FOLDERS or bool(prefix and name.startswith(prefix)) or bool(known_split(folder))
    )


def _first(root: Path, files: Iterable[str], is_label: IsLabel) -> str:
    """The first of the `files` that is a label file, "" where none of a few is."""
    return next((path for path, _ in zip(files, range(_TRIES), strict=False) if is_label(root / path)), "")
