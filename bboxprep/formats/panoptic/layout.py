"""Finds the documents of COCO panoptic, their images and their PNGs.

A document is ``annotations/panoptic_<split>.json``; its PNGs lie in a folder of its name beside it or above, its images
in ``<split>/`` or ``images/<split>/``. COCO's own folder of annotations has documents of boxes too: COCO reads that,
unless this format is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from bboxprep.formats import image_tree, listed_images
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.label_documents import DocumentKind, LabelDocument, image_folders
from bboxprep.formats.panoptic.options import LAYOUT
from bboxprep.formats.segment_documents import lists_segments
from bboxprep.io import folder_listing, paths
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.splits import known_split

_WORD = re.compile(r"(?:.*?panoptic)[_-](.+)", re.IGNORECASE)
_OF_OBJECTS = ("instances", "person_keypoints")  # how COCO's documents of boxes begin, the folders of which it reads


def _kind(path: Path) -> str:
    is_object = read_start_as_utf8(path, 64).lstrip().startswith(b"{")
    return "a document of COCO panoptic" if is_object and lists_segments(path) else ""


def _word(stem: str) -> str:
    """The word for a split in the name of a document, "" for none."""
    known = _WORD.fullmatch(stem)
    return known[1] if known else stem if known_split(stem) else ""


_DOCUMENTS = DocumentKind((".json",), _kind, lambda stem: not _word(stem))
label_file = _DOCUMENTS.label_file


def sniff(root: Path) -> str:
    """Why `root`, a folder or a file, looks like COCO panoptic, or ""."""
    found = _DOCUMENTS.sniff(root)
    return "" if found and not root.is_file() and _is_of_objects(root) else found


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set of COCO panoptic, and none of COCO's boxes, begins in `folder`."""
    found = _DOCUMENTS.root_evidence(folder, apart)
    return RootEvidence.NONE if found and _is_of_objects(folder) else found


def _is_of_objects(root: Path) -> bool:
    """Whether COCO's documents of boxes lie beside those in the folder `root`."""
    folders = {document.path.parent for document in _DOCUMENTS.find(root, LAYOUT)}
    names = [entry.name.lower() for folder in folders for entry in folder_listing.scan(folder)]
    return any(name.startswith(_OF_OBJECTS) and name.endswith(".json") for name in names)


def find_documents(root: Path) -> list[LabelDocument]:
    """The documents of the data set at `root`, a folder or one file. Raises `LayoutError`."""
    found = _DOCUMENTS.find(root, LAYOUT)
    return [replace(one, word=_word(paths.stem_of(one.path.name)) or one.word) for one in found]


def reach(root: Path) -> Path:
    """The folder that holds all that belongs to `root`, links followed: `root`, or around a document the folder above
    that of annotations which it lies in.
    """
    base = paths.dataset_folder(root)
    return paths.resolved(base.parent if root.is_file() and _is_of_labels(base) else base)


def _is_of_labels(folder: Path) -> bool:
    return paths.folder_name(folder).lower() in image_tree.LABEL_FOLDERS


def folder_of_images(document: LabelDocument, names: Sequence[str], home: Path) -> Path:
    """The folder within `home` with the most images of `names`."""
    base = document.path.parent
    above = image_folders(base.parent, [document.word]) if _is_of_labels(base) else []
    return listed_images.fullest_folder([*above, *image_folders(base, [document.word])], names, home)


def folder_of_segments(document: LabelDocument, names: Sequence[str], home: Path) -> Path:
    """The folder within `home` with the most PNGs of `names`."""
    base, stem = document.path.parent, paths.stem_of(document.path.name)
    tops = (base, base.parent) if _is_of_labels(base) else (base,)
    places = [top / name for name in (stem, "panoptic", "masks") for top in tops]
    return listed_images.fullest_folder([*places, base], names, home)
