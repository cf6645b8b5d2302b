"""Parses a document of COCO panoptic: its classes, and an entry for each image with its record of segments.

A document is parsed when it is opened. Of each record of segments the JSON is kept, which is read with its sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.record_values import read_document, stated_size
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, Key, decode, excerpt, key, whole
from bboxprep.model.categories import MOST_CLASSES, Category
from bboxprep.model.splits import split_of

_TABLES = frozenset({"images", "annotations", "categories"})
_IMAGE_FIELDS = frozenset({"id", "file_name", "width", "height"})
_CLASS_FIELDS = frozenset({"id", "name", "supercategory"})
_NULL = msgspec.Raw(b"null")


class SegmentsRecord(msgspec.Struct, frozen=True):
    """The record of an image: the name of its PNG, its segments as JSON, and `where` it stands in the document."""

    png: str
    segments: bytes
    count: int
    where: str


class Entry(msgspec.Struct, frozen=True):
    """What a document states of one image, and its record of segments; None where it has none. `extra` are the other
    fields of the image.
    """

    name: str
    declared: Size | None
    where: str
    id: int
    record: SegmentsRecord | None
    extra: Mapping[str, Any] = {}


class Content(msgspec.Struct, frozen=True):
    """The content of a document: its classes by their ids, its entries, its other members, and findings."""

    classes: Mapping[Key, Category]
    entries: Sequence[Entry]
    extra: Mapping[str, Any]
    findings: Sequence[Finding]


def read_content(document: LabelDocument, encoding: str) -> Content:
    """The content of `document`. Raises `AnnotationError`."""
    path = document.path
    try:
        parts = decode(read_document(path, encoding), dict[str, msgspec.Raw])
        images, records, categories = (
            decode(parts.get(name, msgspec.Raw(b"[]")), list[dict[str, msgspec.Raw]])
            for name in ("images", "annotations", "categories")
        )
        extra = {name: value_of(raw) for name, raw in parts.items() if name not in _TABLES}
    except BadJson as error:
        words = f"want an object with images, annotations and categories, lists of objects ({error})"
        raise AnnotationError(path, "", words) from error
    findings: list[Finding] = []
    classes = _classes(path, [_plain(row) for row in categories])
    found = _records(document, records, findings)
    entries = list(_entries(images, found))
    split = split_of(document.word)
    for record in found.values():
        words = f"names no image that is listed; its segments are left out ({record.count})"
        findings.append(Finding("annotation-orphan", words, document.shown, record.where, record.count, split=split))
    return Content(classes, entries, extra, findings)


def value_of(raw: bytes | msgspec.Raw) -> Any:
    """The value that the JSON `raw` states; None for one that cannot be read, such as a number out of range."""
    try:
        return decode(raw, object)
    except BadJson:
        return None


def _plain(row: Mapping[str, msgspec.Raw], leaving: str = "") -> dict[str, Any]:
    """The values of the fields of `row` except the one called `leaving`."""
    return {name: value_of(raw) for name, raw in row.items() if name != leaving}


def _classes(path: Path, rows: Sequence[Mapping[str, Any]]) -> dict[Key, Category]:
    """The classes by their ids. Raises `AnnotationError`."""
    if len(rows) > MOST_CLASSES:
        raise AnnotationError(path, "categories", f"have {len(rows):,} classes, want at most {MOST_CLASSES:,}")
    found: dict[Key, Category] = {}
    for place, row in enumerate(rows):
        identity, name, parent = key(row.get("id")), row.get("name"), row.get("supercategory")
        if identity is None or identity in found:
            words = f"have {excerpt(row.get('id'))}, want an id that no other class has"
            raise AnnotationError(path, f"categories[{place}].id", words)
        if not isinstance(name, str) or not name.strip():
            raise AnnotationError(path, f"categories[{place}].name", f"have {excerpt(name)}, want the name of a class")
        others = {field: value for field, value in row.items() if field not in _CLASS_FIELDS}
        found[identity] = Category(name, whole(identity), parent if isinstance(parent, str) else "", extra=others)
    return found


def _records(
    document: LabelDocument, rows: Sequence[Mapping[str, msgspec.Raw]], findings: list[Finding]
) -> dict[Key, SegmentsRecord]:
    """The records of segments by the ids of their images; adds to `findings` what is about none."""
    found: dict[Key, SegmentsRecord] = {}
    path, split = document.shown, split_of(document.word)
    for place, row in enumerate(rows):
        where = f"annotations[{place}]"
        segments = row.get("segments_info", _NULL)
        try:
            count = len(decode(segments, list[msgspec.Raw]))
        except BadJson as error:
            findings.append(
                Finding("record-unreadable", f"want a list of segments ({error})", path, where, split=split)
            )
            continue
        fields = _plain(row, leaving="segments_info")
        identity, png = key(fields.get("image_id")), fields.get("file_name")
        if identity is None:
            words = f"have {excerpt(fields.get('image_id'))}, want the id of an image; its segments are left out"
            findings.append(Finding("annotation-orphan", words, path, f"{where}.image_id", count, split=split))
            continue
        record = SegmentsRecord(png if isinstance(png, str) else "", bytes(segments), count, where)
        if found.setdefault(identity, record) is not record:
            words = f"the image has its segments in {found[identity].where}; these are left out ({count})"
            findings.append(Finding("record-unreadable", words, path, where, count, split=split))
    return found


def _entries(rows: Sequence[Mapping[str, msgspec.Raw]], records: dict[Key, SegmentsRecord]) -> Iterator[Entry]:
    """The entry of each image; takes their records out of `records`."""
    for place, row in enumerate(rows):
        fields = _plain(row)
        identity, name = key(fields.get("id")), fields.get("file_name")
        record = None if identity is None else records.pop(identity, None)
        yield Entry(
            name if isinstance(name, str) else "",
            stated_size(fields.get("width"), fields.get("height")),
            f"images[{place}]",
            max(0, whole(identity) or 0),
            record,
            {field: value for field, value in fields.items() if field not in _IMAGE_FIELDS},
        )
