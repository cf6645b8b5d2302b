"""Recognises folders of LabelMe files by names and first bytes, without importing the reader."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bboxprep.formats.api import RootEvidence
from bboxprep.formats.label_sniff import evidence, first_label
from bboxprep.formats.labelme.fields import CLASSES, is_labelme


def sniff(root: Path) -> str:
    """Why the folder `root` looks like LabelMe, or ""."""
    label = first_label(root, ".json", is_labelme)
    return f"{label} is a LabelMe file" if label else ""


def label_file(path: Path) -> str:
    """The kind of LabelMe file at `path`, or ""."""
    return "the shapes of an image" if path.suffix.lower() == ".json" and is_labelme(path) else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: with a class table, folders of images and labels, or folders of splits;
    else whether it holds labels.
    """
    return evidence(folder, apart, ".json", is_labelme, CLASSES)
