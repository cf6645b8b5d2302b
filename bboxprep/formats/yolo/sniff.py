"""Recognises YOLO datasets by names and first bytes, without importing the reader."""

from __future__ import annotations

from pathlib import Path

from bboxprep.formats.yolo.config import config_files
from bboxprep.formats.yolo.rows import looks_like_rows
from bboxprep.formats.yolo.tree import YoloTree, read_head
from bboxprep.io.paths import dataset_folder

_FOLDERS_SNIFFED = 200


def sniff(root: Path) -> str:
    """Why `root` looks like a YOLO dataset, or ""."""
    files = config_files(dataset_folder(root))
    if root.is_file():
        return f"{root.name} is a dataset file" if root in files else ""
    if files:
        return f"{files[0].name} describes it"
    tree = YoloTree(root)
    for _, (folder, listing) in zip(range(_FOLDERS_SNIFFED), tree.walk(root), strict=False):
        for name in list(listing.texts.values())[:9]:
            path = folder / name
            if looks_like_rows(read_head(path)) and tree.image_of(path):
                return f"{tree.shown(path)} holds rows of class and box"
    return ""
