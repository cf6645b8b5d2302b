"""Recognises YOLO datasets by names and first bytes, without importing the reader."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.yolo.class_lists import name_files, notes_files
from bboxprep.formats.yolo.config import config_files, is_config_file, names_splits
from bboxprep.formats.yolo.tree import LAYOUT_FOLDERS, Listing, YoloTree, read_head
from bboxprep.formats.yolo_rows import looks_like_rows
from bboxprep.io.folder_listing import holds_image, subfolders
from bboxprep.io.paths import dataset_folder
from bboxprep.model.splits import known_split

_FOLDERS_SNIFFED = 200
_USUAL = ("data", "dataset", "obj")  # what a file that describes a data set is called, and hardly any other

Walk = Iterable[tuple[Path, Listing]]


def sniff(root: Path) -> str:
    """Why `root` looks like a YOLO dataset, or ""."""
    files = config_files(dataset_folder(root))
    if root.is_file():
        return f"{root.name} is a dataset file" if root in files else ""
    tree = YoloTree(root)
    if files and not _holds_other_labels(root):
        return f"{files[0].name} describes it"
    label = _label(tree, tree.walk(root))
    if files and label:
        return f"{files[0].name} describes it"
    return f"{tree.shown(label)} holds rows of class and box" if label else ""


def _holds_other_labels(root: Path) -> bool:
    """Whether labels lie as those of DOTA do, which Roboflow has exported beside a data.yaml."""
    return any((folder / "labelTxt").is_dir() for folder in (root, *subfolders(root)))


def label_file(path: Path) -> str:
    """The kind of YOLO file at `path`, or ""."""
    if path.suffix.lower() == ".txt":
        return "rows of class and box" if looks_like_rows(read_head(path)) else ""
    return "a dataset file" if is_config_file(path) else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: with a data.yaml, or with a table of names in it or in the folders of its
    layout; else whether these hold labels.
    """
    try:
        return _evidence(folder, apart)
    except LayoutError:  # a folder that may not be read
        return RootEvidence.NONE


def _evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    tree = YoloTree(folder)
    files = config_files(folder)
    usual = any(path.stem in _USUAL for path in files)
    if files and ((usual and holds_image(folder)) or _label(tree, tree.walk(folder, apart))):
        return RootEvidence.DOCUMENT if any(map(names_splits, files)) else RootEvidence.CLASS_TABLE
    if _has_names(tree, folder) and _label(tree, tree.walk(folder, apart)):
        return RootEvidence.CLASS_TABLE
    if not _label(tree, _layout_folders(tree, folder, apart)):
        return RootEvidence.NONE
    tables = (_has_names(tree, place) for place, _ in _layout_folders(tree, folder, apart))
    return RootEvidence.CLASS_TABLE if any(tables) else RootEvidence.LABELS


def _has_names(tree: YoloTree, folder: Path) -> bool:
    """Whether a file in `folder` lists class names."""
    return bool(name_files(tree, folder) or notes_files(tree, folder))


def _layout_folders(tree: YoloTree, folder: Path, apart: Collection[Path]) -> Iterator[tuple[Path, Listing]]:
    """`folder`, and its folders for images, labels and splits with all that lies in them."""
    listing = tree.listing(folder)
    yield folder, listing
    for name in listing.folders:
        if (name.lower() in LAYOUT_FOLDERS or known_split(name)) and folder / name not in apart:
            yield from tree.walk(folder / name, apart)


def _label(tree: YoloTree, folders: Walk) -> Path | None:
    """A label file in `folders` that has an image, None where there is none in a few hundred of them."""
    for _, (folder, listing) in zip(range(_FOLDERS_SNIFFED), folders, strict=False):
        for name in list(listing.texts.values())[:9]:
            path = folder / name
            if looks_like_rows(read_head(path)) and tree.image_of(path):
                return path
    return None
