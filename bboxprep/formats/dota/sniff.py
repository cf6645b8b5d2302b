"""Recognises folders of DOTA by names and first bytes, without importing the reader."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bboxprep.formats.api import RootEvidence
from bboxprep.formats.dota.fields import CLASSES, LABELS, is_dota
from bboxprep.formats.label_sniff import evidence, first_label


def sniff(root: Path) -> str:
    """Why the folder `root` looks like DOTA, or ""."""
    label = first_label(root, ".txt", is_dota)
    return f"{label} holds rows of four corners and a class" if label else ""


def label_file(path: Path) -> str:
    """The kind of DOTA file at `path`, or ""."""
    return "rows of four corners and a class" if path.suffix.lower() == ".txt" and is_dota(path) else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: with a class table, folders of images and labels, or folders of splits;
    else whether it holds labels.
    """
    return evidence(folder, apart, ".txt", is_dota, CLASSES, LABELS)
