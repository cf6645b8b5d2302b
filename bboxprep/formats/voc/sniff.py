"""Recognises Pascal VOC datasets by names and first bytes, without importing the reader."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.voc.tables import class_table
from bboxprep.formats.voc.tree import IMAGE_FOLDERS, LABEL_FOLDERS, VocTree, may_be_voc, parts_of, walk
from bboxprep.io.paths import read_start, relative_path
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


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: with a class table, lists, folders for images and labels, or folders for
    splits; else whether it holds labels.
    """
    tree = _walked(folder)
    others = tuple(f"{relative_path(path, folder)}/" for path in apart)
    labels = [label for label in tree.labels if not label.startswith(others)]
    own = [label for label in labels if _is_own(parts_of(label)[0])]
    folders = {parts_of(path)[0].lower() for path in (*own, *tree.images) if "/" in path}
    paired = bool(folders & LABEL_FOLDERS and folders & IMAGE_FOLDERS) or any(map(known_split, folders))
    listed = tree.images and any(len(parts_of(path)) == 3 for path in tree.lists)
    if listed or (_annotation(folder, own) and paired) or (class_table(folder) and _annotation(folder, labels)):
        return RootEvidence.CLASS_TABLE
    return RootEvidence.LABELS if _annotation(folder, own) else RootEvidence.NONE


def _walked(root: Path) -> VocTree:
    """The files below `root`; none where they cannot be VOC."""
    try:
        return walk(root) if root.is_dir() and may_be_voc(root) else VocTree()
    except LayoutError:
        return VocTree()


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
    except OSError:
        return False
    return any(b"<annotation" + end in start for end in (b">", b" ", b"\n", b"\r", b"\t", b"/"))
