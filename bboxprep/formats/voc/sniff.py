"""Recognises Pascal VOC datasets by names and first bytes, without importing the reader."""

from __future__ import annotations

from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.voc.tree import may_be_voc, walk
from bboxprep.io.paths import read_start

_FIRST_BYTES = 4096
_TRIES = 20  # XML files that are opened before a folder is refused


def sniff(root: Path) -> str:
    """Why the folder `root` looks like Pascal VOC, or ""."""
    if not root.is_dir() or not may_be_voc(root):
        return ""
    try:
        tree = walk(root)
    except LayoutError:
        return ""
    label = next((path for path in tree.labels[:_TRIES] if _is_annotation(root / path)), None)
    if label is not None:
        return f"{label} is a VOC annotation"
    return f"{tree.lists[0]} lists images" if tree.lists and tree.images else ""


def _is_annotation(path: Path) -> bool:
    try:
        start = read_start(path, _FIRST_BYTES).replace(b"\0", b"")  # UTF-16 as well
    except OSError:
        return False
    return any(b"<annotation" + end in start for end in (b">", b" ", b"\n", b"\r", b"\t", b"/"))
