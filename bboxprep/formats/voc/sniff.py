"""Recognises Pascal VOC datasets by names and first bytes, without importing the reader."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.image_tree import IMAGE_FOLDERS, LABEL_FOLDERS, ImageTree, holds_file, walk
from bboxprep.formats.voc.tables import class_table
from bboxprep.io.folder_listing import scan, subfolders
from bboxprep.io.paths import read_start, refuse_passing, relative_path
from bboxprep.model.splits import known_split

_FIRST_BYTES = 4096
_TRIES = 20  # XML files that are opened before a folder is refused


def sniff(root: Path) -> str:
    """Why the folder `root` looks like Pascal VOC, or ""."""
    tree = _walked(root)
    label = _annotation(root, tree.labels)
    if label:
        return f"{label} is a VOC annotation"
    return f"{tree.lists[0]} lists images" if tree.lists and tree.images else ""


def label_file(path: Path) -> str:
    """The kind of VOC file at `path`, or ""."""
    return "a VOC annotation" if path.suffix.lower() == ".xml" and _is_annotation(path) else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: with folders for images and labels, a class table, lists, or folders for
    splits; else whether it holds labels.
    """
    if _has_both_folders(folder, apart):
        return RootEvidence.CLASS_TABLE
    tree = _walked(folder)
    others = tuple(f"{relative_path(path, folder)}/" for path in apart)
    labels = [label for label in tree.labels if not label.startswith(others)]
    own = [label for label in labels if _is_own(label.partition("/")[0])]
    splits = any(known_split(top) for top in {path.partition("/")[0] for path in own if "/" in path})
    listed = tree.images and any(path.count("/") == 2 for path in tree.lists)  # ImageSets/Main/<split>.txt
    if listed or (splits and _annotation(folder, own)) or (class_table(folder) and _annotation(folder, labels)):
        return RootEvidence.CLASS_TABLE
    return RootEvidence.LABELS if _annotation(folder, own) else RootEvidence.NONE


def _has_both_folders(folder: Path, apart: Collection[Path]) -> bool:
    """Whether `folder` has one for images and one for labels, with an annotation among the first files of that; asked
    first, for it takes no walk.
    """
    folders = [path for path in subfolders(folder) if path not in apart]
    if not any(path.name.lower() in IMAGE_FOLDERS for path in folders):
        return False
    return any(_annotation(path, _first_labels(path)) for path in folders if path.name.lower() in LABEL_FOLDERS)


def _first_labels(folder: Path) -> list[str]:
    try:
        names = (entry.name for entry in scan(folder) if entry.name.lower().endswith(".xml"))
        return [name for name, _ in zip(names, range(_TRIES), strict=False)]
    except OSError as error:
        refuse_passing(error, folder)
        return []


def _walked(root: Path) -> ImageTree:
    """The files below `root`; none where they cannot be VOC."""
    try:
        return walk(root, ".xml") if root.is_dir() and holds_file(root, ".xml", ".txt") else ImageTree()
    except LayoutError as error:
        refuse_passing(error.__cause__, root)
        return ImageTree()


def _is_own(first: str) -> bool:
    """Whether labels of a data set may lie at a path that begins with the name `first`: that of the file, or of a
    folder of images, of labels or of a split.
    """
    return first.lower().endswith(".xml") or first.lower() in LABEL_FOLDERS | IMAGE_FOLDERS or bool(known_split(first))


def _annotation(root: Path, labels: Iterable[str]) -> str:
    """The first of the `labels` that is one, "" where none of a few is."""
    return next((path for path, _ in zip(labels, range(_TRIES), strict=False) if _is_annotation(root / path)), "")


def _is_annotation(path: Path) -> bool:
    try:
        start = read_start(path, _FIRST_BYTES).replace(b"\0", b"")  # UTF-16 as well
    except OSError as error:
        refuse_passing(error, path)
        return False
    return any(b"<annotation" + end in start for end in (b">", b" ", b"\n", b"\r", b"\t", b"/"))
