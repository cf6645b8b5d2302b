"""The columns and options of VIA, and how its files are recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.label_documents import DocumentKind, has_class_list
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.columns import Column

CARRIES = frozenset({Column.BOXES, Column.POLYGONS, Column.ATTRIBUTES})
LAYOUT = "a project or an export of VIA 2 (.json, .csv) in the folder of the images; labels.txt"
DOCUMENT = "via_project.json"
CLASS = "class"  # the region attribute that the writer states classes in
_FIRST_BYTES = 65536
_PROJECT = re.compile(rb'"_via_img_metadata"\s*:')
_EXPORT = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{')
_FIELDS = tuple(re.compile(rb'"%b"\s*:' % name) for name in (b"filename", b"size", b"regions", b"file_attributes"))
_HEADER = re.compile(rb"#?filename,file_size,file_attributes,region_count,")


@dataclass(frozen=True)
class ViaReadOptions(TextReadOptions):
    """The region attribute that is the class, and the encoding. Raises `UsageError` for unknown values."""

    class_attribute: str = field(
        default="",
        metadata={
            "flag": "--class-attribute",
            "help": "the region attribute of VIA that states the class; by default the only one, or one called class, "
            "name, label, type, category or object",
        },
    )


def _kind(path: Path) -> str:
    start = read_start_as_utf8(path, _FIRST_BYTES)
    if path.suffix.lower() == ".csv":
        return "an export of VIA" if _HEADER.match(start) else ""
    if _PROJECT.search(start):
        return "a project of VIA"
    return "an export of VIA" if _EXPORT.match(start) and all(one.search(start) for one in _FIELDS) else ""


DOCUMENTS = DocumentKind((".json", ".csv"), _kind, lambda _: True, has_class_list)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file
