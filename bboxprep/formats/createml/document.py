"""The documents of CreateML: how they are recognised, and the entries of their images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.json_images import JsonEntry
from bboxprep.formats.json_text import read_json_text
from bboxprep.formats.label_documents import DocumentKind, LabelDocument, has_class_list
from bboxprep.io.lenient_json import BadJson, decode
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.columns import Column

CARRIES = frozenset({Column.BOXES})
LAYOUT = "a .json list of images with centred boxes (CreateML) in the folder of the images; labels.txt with the classes"
DOCUMENT = "_annotations.createml.json"
_FIRST_BYTES = 65536
_LIST = re.compile(rb"\s*\[\s*(?:\{|\]\s*$)")
_IMAGE = re.compile(rb'"(?:image|imagefilename)"\s*:\s*"')
_LABELS = re.compile(rb'"annotations"\s*:\s*\[')
_OTHERS = re.compile(rb'"(?:result|data|regions)"\s*:')  # Label Studio, Custom Vision


def _kind(path: Path) -> str:
    start = read_start_as_utf8(path, _FIRST_BYTES)
    listed = _IMAGE.search(start) and _LABELS.search(start) and not _OTHERS.search(start)
    named = path.name.lower().endswith("createml.json")
    return "a CreateML document" if _LIST.match(start) and (listed or named) else ""


DOCUMENTS = DocumentKind((".json",), _kind, lambda _: True, has_class_list)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file


class _Image(msgspec.Struct, frozen=True):
    image: Any = None
    imagefilename: Any = None
    annotations: msgspec.Raw = msgspec.Raw(b"null")


def read_entries(document: LabelDocument, encoding: str) -> tuple[list[JsonEntry], list[Finding]]:
    """The entries of the images of `document`, and findings about those that cannot be read. Raises `AnnotationError`
    where it is no list.
    """
    try:
        records = decode(read_json_text(document.path, encoding), list[msgspec.Raw])
    except BadJson as error:
        raise AnnotationError(document.path, "", f"want a list of images ({error})") from error
    entries: list[JsonEntry] = []
    findings: list[Finding] = []
    for number, record in enumerate(records):
        where = f"[{number}]"
        try:
            image = decode(record, _Image)
            decode(image.annotations, list[msgspec.Raw])
        except BadJson as error:
            findings.append(Finding("record-unreadable", str(error), document.shown, where))
            continue
        name = image.image if isinstance(image.image, str) else image.imagefilename
        text = name if isinstance(name, str) else ""
        entries.append(JsonEntry(text, document.word, None, where, bytes(image.annotations)))
    return entries, findings


def annotations_in(data: bytes) -> list[dict[str, Any] | str]:
    """The annotations in the JSON of an entry, or what is wrong with one."""
    found: list[dict[str, Any] | str] = []
    for raw in decode(data, list[msgspec.Raw]):
        try:
            found.append(decode(raw, dict[str, Any]))
        except BadJson as error:
            found.append(str(error))
    return found
