"""Recognises the documents of BDD100K and Scalabel by their first bytes.

A document is a list of frames, or an object with ``frames`` and ``config``. Its name says what its split is called
(``det_train.json``). Images lie in ``images/``, in ``images/<split>/``, or in ``images/100k/<split>/`` as BDD100K has
them; where the document is in a folder of labels, beside that.
"""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.formats.image_tree import LABEL_FOLDERS
from bboxprep.formats.label_documents import DocumentKind, LabelDocument, image_folders
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.splits import known_split

NOT_SPLITS = frozenset({"annotations", "default", "frames", "labels"})
"""What documents are called whose name says nothing of a split."""

_FIRST_BYTES = 65536
_FRAMES = re.compile(rb'"frames"\s*:\s*\[|"config"\s*:\s*\{\s*"(?:categories|attributes|imageSize)"')
_NAME, _LABELS = re.compile(rb'"name"\s*:'), re.compile(rb'"labels"\s*:')
_GEOMETRY = re.compile(rb'"(?:box2d|box3d|poly2d|videoName|frameIndex)"\s*:')


def _kind(path: Path) -> str:
    head = read_start_as_utf8(path, _FIRST_BYTES).strip()
    listed = bool(_NAME.search(head) and _LABELS.search(head) and _GEOMETRY.search(head))
    known = listed if head.startswith(b"[") else head.startswith(b"{") and bool(_FRAMES.search(head))
    return "a document of Scalabel" if known else ""


DOCUMENTS = DocumentKind((".json",), _kind, lambda stem: stem.lower() in NOT_SPLITS)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file


def folders_of_images(document: LabelDocument) -> list[Path]:
    """The folders that the images of `document` may lie in, the most specific first."""
    base, word = document.path.parent, document.word
    words = [word, known_split(word)]
    words += [f"{size}/{one}" for size in ("100k", "10k") for one in words if one]
    above = image_folders(base.parent, words) if base.name.lower() in LABEL_FOLDERS else []
    return [*above, *image_folders(base, words)]
