"""Recognises folders of KITTI by names and first bytes, without importing the reader."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bboxprep.formats.api import RootEvidence
from bboxprep.formats.kitti.fields import is_kitti
from bboxprep.formats.label_documents import CLASS_LIST
from bboxprep.formats.label_sniff import evidence, first_label

_KIND = "rows of a class and its box as KITTI has them"


def sniff(root: Path) -> str:
    """Why the folder `root` looks like KITTI, or ""."""
    label = first_label(root, ".txt", is_kitti)
    return f"{label} holds {_KIND}" if label else ""


def label_file(path: Path) -> str:
    """The kind of KITTI file at `path`, or ""."""
    return _KIND if path.suffix.lower() == ".txt" and is_kitti(path) else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: with a class table, folders of images and labels, or folders of splits;
    else whether it holds labels.
    """
    return evidence(folder, apart, ".txt", is_kitti, CLASS_LIST)
