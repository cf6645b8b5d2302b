"""Recognises the documents of Azure by their first bytes, and declares what they hold.

Custom Vision gives a list of images, AutoML takes JSON lines (``train_annotations.jsonl``).
"""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.formats.label_documents import DocumentKind
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.columns import Column

LAYOUT = "a .json of images (Custom Vision) or a .jsonl (Azure AutoML) beside the images, or in the folder of a split"
CARRIES = frozenset({Column.BOXES, Column.POLYGONS, Column.CROWD})

_FIRST_BYTES = 65536
_LIST, _ADDRESS = re.compile(rb'\s*\[\s*\{\s*"'), re.compile(rb'"(?:original|resized|thumbnail)?[iI]mageUri"\s*:')
_REGION = re.compile(rb'"regionId"\s*:[^{}]*"left"\s*:')
_LINE = re.compile(rb'\s*\{[^\n]*"image_url"\s*:\s*"')
_LABELS = re.compile(rb'\s*\{[^\n]*"label"\s*:\s*\[\s*(?:\]|\{\s*")')


def _kind(path: Path) -> str:
    head = read_start_as_utf8(path, _FIRST_BYTES)
    if _LIST.match(head) and (_ADDRESS.search(head) or _REGION.search(head)):
        return "a list of images of Custom Vision"
    return "JSON lines of Azure AutoML" if _LINE.match(head) and _LABELS.match(head) else ""


DOCUMENTS = DocumentKind((".json", ".jsonl"), _kind)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file
