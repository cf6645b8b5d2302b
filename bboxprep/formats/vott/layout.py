"""Recognises the exports of VoTT by their first bytes, and declares what they hold.

An export is ``<project>-export.json``, in ``vott-json-export/`` with its images or without. The project itself
(``.vott``) holds no regions.
"""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.formats.label_documents import DocumentKind
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.columns import Column

LAYOUT = "a .json with tags and assets (VoTT) in the folder of the images, or in the folder of a split"
CARRIES = frozenset({Column.BOXES, Column.POLYGONS})

_FIRST_BYTES = 1 << 18  # the tags stand before the assets
_TAGS, _ASSETS = re.compile(rb'"tags"\s*:\s*\['), re.compile(rb'"assets"\s*:\s*\{(?:\s*"[^"]*"\s*:\s*\{\s*"|\s*\})')


def _kind(path: Path) -> str:
    head = read_start_as_utf8(path, _FIRST_BYTES).strip()
    return "an export of VoTT" if head[:1] == b"{" and _TAGS.search(head) and _ASSETS.search(head) else ""


DOCUMENTS = DocumentKind((".json",), _kind)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file
