"""Reads the documents of VIA: the entries of their images, and the attributes that a project declares."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.json_images import JsonEntry
from bboxprep.formats.json_text import read_json_text
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.io.lenient_json import BadJson, decode

METADATA, ATTRIBUTES = "_via_img_metadata", "_via_attributes"


class ViaDocument(NamedTuple):
    """The entries of a document, the region attributes that it declares, and findings about what cannot be read."""

    entries: list[JsonEntry]
    attributes: Mapping[str, Any]
    findings: list[Finding]


class Region(NamedTuple):
    """One region: the attributes of its shape, and its others."""

    shape: Mapping[str, Any]
    attributes: Mapping[str, Any]


class _Entry(msgspec.Struct, frozen=True):
    filename: Any = None
    regions: msgspec.Raw = msgspec.Raw(b"[]")


def read_document(document: LabelDocument, encoding: str) -> ViaDocument:
    """The document, a project or an export. Raises `AnnotationError`."""
    data = read_json_text(document.path, encoding)
    if document.path.suffix.lower() == ".csv":
        return ViaDocument(list(_of_rows(document, data)), {}, [])
    try:
        found = decode(data, dict[str, msgspec.Raw])
        listed = decode(found[METADATA], dict[str, msgspec.Raw]) if METADATA in found else found
        declared: Any = decode(found[ATTRIBUTES], object) if ATTRIBUTES in found else {}
    except BadJson as error:
        raise AnnotationError(document.path, "", f"want a project or an export of VIA ({error})") from error
    entries: list[JsonEntry] = []
    findings: list[Finding] = []
    for key, raw in listed.items():
        try:
            entries.append(_entry(decode(raw, _Entry), document, key))
        except BadJson as error:
            findings.append(Finding("record-unreadable", str(error), document.shown, key))
    region = declared.get("region") if isinstance(declared, dict) else None
    return ViaDocument(entries, region if isinstance(region, dict) else {}, findings)


def _entry(image: _Entry, document: LabelDocument, key: str) -> JsonEntry:
    """The entry at `key`; VIA 1 numbers regions in a map. Raises `BadJson`."""
    regions = bytes(image.regions).strip()
    if regions[:1] == b"{":
        regions = b"[%b]" % b",".join(map(bytes, decode(regions, dict[str, msgspec.Raw]).values()))
    decode(regions, list[msgspec.Raw])
    name = image.filename if isinstance(image.filename, str) else ""
    return JsonEntry(name, document.word, None, key, regions)


def _of_rows(document: LabelDocument, data: bytes) -> Iterator[JsonEntry]:
    """The entries in a CSV, which has a row for each region, or one for an image without any."""
    regions: dict[str, list[bytes]] = {}
    for row in _rows(document.path, data):
        name, _, _, count, _, shape, attributes = row
        own = regions.setdefault(name, [])
        if count.strip() != "0":
            own.append(b'{"shape_attributes":%b,"region_attributes":%b}' % (_json(shape), _json(attributes)))
    for name, own in regions.items():
        yield JsonEntry(name, document.word, None, name, b"[%b]" % b",".join(own))


def _rows(path: Path, data: bytes) -> Iterator[list[str]]:
    reader = csv.reader(data.decode("utf-8", "replace").splitlines(keepends=True))
    try:
        next(reader, None)
        for row in reader:
            if row and len(row) != 7:
                raise AnnotationError(path, f"line {reader.line_num}", f"have {len(row)} columns, want 7")
            yield from [row] if row else []
    except csv.Error as error:
        raise AnnotationError(path, f"line {reader.line_num}", f"want a row of CSV ({error})") from error


def _json(text: str) -> bytes:
    """The JSON in a cell; null where it is none."""
    data = text.encode("utf-8", "replace")
    try:
        decode(data, object)
    except BadJson:
        return b"null"
    return data


def regions_in(data: bytes) -> list[Region | str]:
    """The regions in the JSON of an entry, or what is wrong with one."""
    found: list[Region | str] = []
    for raw in decode(data, list[msgspec.Raw]):
        try:
            record = decode(raw, dict[str, Any])
        except BadJson as error:
            found.append(str(error))
            continue
        shape, others = record.get("shape_attributes"), record.get("region_attributes")
        if isinstance(shape, dict):
            found.append(Region(shape, others if isinstance(others, dict) else {}))
        else:
            found.append("have no shape_attributes, want those of a shape")
    return found
