"""Recognises NDJSON of Ultralytics by its name and its first line."""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.formats.label_documents import DocumentKind
from bboxprep.io.text import read_start_as_utf8

_FIRST_BYTES = 65536
_DATASET = re.compile(rb'\s*\{[^\n]*"type"\s*:\s*"dataset"')


def _kind(path: Path) -> str:
    return "NDJSON of Ultralytics" if _DATASET.match(read_start_as_utf8(path, _FIRST_BYTES)) else ""


DOCUMENTS = DocumentKind((".ndjson", ".jsonl"), _kind, lambda _: True)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file
