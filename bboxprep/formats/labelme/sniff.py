"""Recognises folders of LabelMe files by names and first bytes, without importing the reader."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.image_tree import IMAGE_FOLDERS, LABEL_FOLDERS, holds_file, walk
from bboxprep.formats.labelme.fields import CLASSES, is_labelme
from bboxprep.io.paths import is_within, relative_path, resolved
from bboxprep.model.splits import known_split

_TRIES = 20  # JSON files that are opened before a folder is refused


def sniff(root: Path) -> str:
    """Why the folder `root` looks like LabelMe, or ""."""
    label = _first(root, _labels(root))
    return f"{label} is a LabelMe file" if label else ""


def label_file(path: Path) -> str:
    """The kind of LabelMe file at `path`, or ""."""
    return "the shapes of an image" if path.suffix.lower() == ".json" and is_labelme(path) else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: with a class table, folders of images and labels, or folders of splits;
    else whether it holds labels.
    """
    others = tuple(f"{relative_path(path, folder)}/" for path in apart)
    labels = [label for label in _labels(folder) if not label.startswith(others)]
    own = [label for label in labels if _is_own(label.partition("/")[0])]
    tops = {top.lower() for top in (label.partition("/")[0] for label in own if "/" in label)}
    table = folder / CLASSES
    has_table = table.is_file() and is_within(table, resolved(folder))
    if (has_table and _first(folder, labels)) or (any(map(_names_part, tops)) and _first(folder, own)):
        return RootEvidence.CLASS_TABLE
    return RootEvidence.LABELS if _first(folder, own) else RootEvidence.NONE


def _labels(root: Path) -> list[str]:
    """The JSON files below `root`; none where it is no folder."""
    try:
        return walk(root, ".json").labels if root.is_dir() and holds_file(root, ".json") else []
    except LayoutError:
        return []


def _is_own(first: str) -> bool:
    """Whether labels of a data set may lie at a path that begins with the name `first`: that of the file, or of a
    folder of images, of labels or of a split.
    """
    return first.lower().endswith(".json") or _names_part(first)


def _names_part(folder: str) -> bool:
    return folder.lower() in LABEL_FOLDERS | IMAGE_FOLDERS or bool(known_split(folder))


def _first(root: Path, labels: Iterable[str]) -> str:
    """The first of the `labels` that is a LabelMe file, "" where none of a few is."""
    return next((path for path, _ in zip(labels, range(_TRIES), strict=False) if is_labelme(root / path)), "")
