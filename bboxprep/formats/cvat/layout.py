"""Recognises the documents of CVAT by names and first bytes.

A task is exported as ``annotations.xml`` beside ``images/``, a project with a folder of images for each subset, which
its images name. Datumaro names the document by the split, as the writer here does: ``train.xml``, ``images/train/``.
"""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.formats.cvat.fields import NOT_SPLITS
from bboxprep.formats.label_documents import DocumentKind
from bboxprep.io.text import read_start_as_utf8

_FIRST_BYTES = 65536
_ROOT = re.compile(rb"<annotations\b[^>]*>")
_INSIDE = re.compile(rb"<(?:meta|track)\b|<image\b[^>]*\b(?:name|width)\s*=")


def _kind(path: Path) -> str:
    start = read_start_as_utf8(path, _FIRST_BYTES)
    root = _ROOT.search(start)
    return "a CVAT document" if root and _INSIDE.search(start, root.end()) else ""


DOCUMENTS = DocumentKind((".xml",), _kind, lambda stem: stem.lower() in NOT_SPLITS)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file
