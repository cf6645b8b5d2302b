"""Finds the documents of CVAT and the split of each, by names and first bytes.

A task is exported as ``annotations.xml`` beside ``images/``, a project with a folder of images for each subset, which
its images name. Datumaro names the document by the split, as the writer here does: ``train.xml``, ``images/train/``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.cvat.fields import LAYOUT, NOT_SPLITS
from bboxprep.io.paths import (
    dataset_folder,
    folder_name,
    is_within,
    refuse_passing,
    relative_path,
    resolved,
    scan,
    stem_of,
    subfolders,
)
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.splits import is_word, known_split

_FIRST_BYTES = 65536
_MANY = 64  # a folder with more XML files holds one for each image, which is another format
_ROOT = re.compile(rb"<annotations\b[^>]*>")
_INSIDE = re.compile(rb"<(?:meta|track)\b|<image\b[^>]*\b(?:name|width)\s*=")


@dataclass(frozen=True)
class CvatDocument:
    """One file; `shown` is its path below the data set, as findings name it, `word` what it calls its split."""

    path: Path
    shown: str
    word: str


def sniff(root: Path) -> str:
    """Why `root`, a folder or a file, looks like CVAT, or ""."""
    if root.is_file():
        return label_file(root)
    found = _documents(root)
    return f"{relative_path(found[0], root)} is {label_file(found[0])}" if found else ""


def label_file(path: Path) -> str:
    """The kind of CVAT file at `path`, or ""."""
    if path.suffix.lower() != ".xml":
        return ""
    try:
        start = read_start_as_utf8(path, _FIRST_BYTES)
    except OSError as error:
        refuse_passing(error, path)
        return ""
    root = _ROOT.search(start)
    return "a CVAT document" if root and _INSIDE.search(start, root.end()) else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:  # noqa: ARG001  (documents name their images)
    """Whether a data set begins in `folder`: its documents lie in it, or in that of a split."""
    found = _documents(folder)
    own = any(path.parent == folder or known_split(path.parent.name) for path in found)
    return RootEvidence.DOCUMENT if own else RootEvidence.NONE


def find_documents(root: Path) -> list[CvatDocument]:
    """The documents of the data set at `root`, a folder or one file. Raises `LayoutError`."""
    paths = [root] if root.is_file() else _documents(root)
    if not paths:
        raise LayoutError(root, "", f"no CVAT document here (want {LAYOUT})")
    home = dataset_folder(root)
    return [CvatDocument(path, relative_path(path, home), _word(path, root)) for path in paths]


def image_folders(document: CvatDocument, subset: str) -> list[Path]:
    """The folders that images of `subset` may lie in, the most specific first."""
    base = document.path.parent
    words = dict.fromkeys(filter(None, (subset, document.word)))
    return [base / place / word for place in ("images", "") for word in words] + [base / "images", base]


def _documents(root: Path) -> list[Path]:
    """The documents in the folder `root`; those in its folders where it has none. No links out of it."""
    home = resolved(root)
    for folders in ([root], sorted(subfolders(root))):
        files = [path for folder in folders for path in _xml_files(folder) if is_within(path, home)]
        if found := [path for path in files if label_file(path)]:
            return found
    return []


def _xml_files(folder: Path) -> list[Path]:
    try:
        with scan(folder) as entries:
            names = [one.name for one in entries if one.name.lower().endswith(".xml") and one.is_file()]
    except OSError as error:
        refuse_passing(error, folder)
        return []
    return [folder / name for name in sorted(names) if not name.startswith(".")] if len(names) <= _MANY else []


def _word(path: Path, root: Path) -> str:
    """What the document at `path` calls its split: by its name, else by its folder."""
    stem, folder = stem_of(path.name), path.parent
    if stem.lower() not in NOT_SPLITS:
        return stem
    if folder not in (root, root.parent):
        return folder.name
    above = folder_name(folder)
    return above if is_word(above) else ""
