"""Recognises the exports of Labelbox by their first bytes, and declares what they hold."""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.formats.label_documents import DocumentKind
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.columns import Column

LAYOUT = "a .ndjson or .json of data rows (Labelbox) in the folder of the images, or in the folder of a split"
CARRIES = frozenset({Column.BOXES, Column.POLYGONS, Column.SCORES, Column.ATTRIBUTES})

_FIRST_BYTES = 65536
_ROW, _OLD = re.compile(rb'\s*\[?\s*\{\s*"data_row"\s*:\s*\{'), re.compile(rb'\s*\[\s*\{\s*"')
_OLD_KEYS = (re.compile(rb'"Labeled Data"\s*:'), re.compile(rb'"Label"\s*:'))


def _kind(path: Path) -> str:
    head = read_start_as_utf8(path, _FIRST_BYTES)
    known = _ROW.match(head) or (_OLD.match(head) and all(key.search(head) for key in _OLD_KEYS))
    return "an export of Labelbox" if known else ""


DOCUMENTS = DocumentKind((".ndjson", ".jsonl", ".json"), _kind)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file
