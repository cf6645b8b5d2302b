"""Recognises the documents of Datumaro by their first bytes, and declares what they hold.

A document is ``annotations/<subset>.json``; its images lie in ``images/<subset>/``, or in ``images/``.
"""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.formats.image_tree import LABEL_FOLDERS
from bboxprep.formats.label_documents import DocumentKind, LabelDocument, image_folders
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.columns import Column

LAYOUT = "annotations/<subset>.json with images/<subset>/"
CARRIES = frozenset(
    {Column.BOXES, Column.POLYGONS, Column.MASKS, Column.KEYPOINTS, Column.CROWD, Column.SCORES}
    | {Column.ORIENTED, Column.ATTRIBUTES, Column.TRACKS}
)

_FIRST_BYTES = 65536
_CATEGORIES = re.compile(rb'"categories"\s*:\s*\{')  # COCO has a list
_OWN = re.compile(rb'"(?:dm_format_version|infos?|items)"\s*:')


def _kind(path: Path) -> str:
    head = read_start_as_utf8(path, _FIRST_BYTES).strip()
    return "a document of Datumaro" if head[:1] == b"{" and _CATEGORIES.search(head) and _OWN.search(head) else ""


DOCUMENTS = DocumentKind((".json",), _kind, lambda _: False)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file


def folders_of_images(document: LabelDocument) -> list[Path]:
    """The folders that the images of `document` may lie in, the most specific first."""
    base = document.path.parent
    above = image_folders(base.parent, [document.word]) if base.name.lower() in LABEL_FOLDERS else []
    return [*above, *image_folders(base, [document.word])]
