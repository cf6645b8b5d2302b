"""Finds the documents of CVAT and the split of each, by names and first bytes.

A task is exported as ``annotations.xml`` beside ``images/``, a project with a folder of images for each subset, which
its images name. Datumaro names the document by the split, as the writer here does: ``train.xml``, ``images/train/``.
"""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.formats.cvat.fields import LAYOUT, NOT_SPLITS
from bboxprep.formats.documents import DocumentKind
from bboxprep.io.paths import refuse_passing
from bboxprep.io.text import read_start_as_utf8

_FIRST_BYTES = 65536
_ROOT = re.compile(rb"<annotations\b[^>]*>")
_INSIDE = re.compile(rb"<(?:meta|track)\b|<image\b[^>]*\b(?:name|width)\s*=")


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


DOCUMENTS = DocumentKind((".xml",), label_file, lambda stem: stem.lower() in NOT_SPLITS, f"of CVAT: {LAYOUT}")
sniff = DOCUMENTS.sniff
root_evidence = DOCUMENTS.root_evidence
