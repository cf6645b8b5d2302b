"""Reads the rows of metadata.jsonl and metadata.csv, and the names of classes in README.md."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.hf_imagefolder.options import BOX_KEYS, README
from bboxprep.formats.json_images import JsonEntry
from bboxprep.formats.json_text import numbered_lines, read_json_text
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, decode, numbers, whole
from bboxprep.io.paths import is_within, read_bytes, resolved
from bboxprep.model.splits import known_split

CLASS_KEYS = ("category", "categories", "label", "labels", "class", "classes", "category_id", "category_ids", "name")
BOXES = "bbox_format"  # our key in the README: what the numbers of boxes are
_LONGEST_SIDE = 2**31
_MOST_README = 1 << 20  # bytes
_MARK = b"---"


class MetadataObject(NamedTuple):
    """One object as it is stated: its box, None where that is none, its class, id and area, and its other columns."""

    box: Sequence[float] | None
    category: object
    id: object
    area: object
    others: Mapping[str, Any]


class DatasetCard(NamedTuple):
    """What the README.md of a data set states: the names of classes by number, and what the numbers of boxes are."""

    names: Mapping[int, str]
    boxes: str


def read_entries(document: LabelDocument, encoding: str) -> tuple[list[JsonEntry], list[Finding]]:
    """The rows of a file, and findings about those that cannot be read. Raises `AnnotationError`."""
    data = read_json_text(document.path, encoding)
    rows = _csv_rows(document.path, data) if document.path.suffix.lower() == ".csv" else _json_rows(data)
    entries: list[JsonEntry] = []
    findings: list[Finding] = []
    for number, row in rows:
        where = f"line {number}"
        if isinstance(row, str):
            findings.append(Finding("record-unreadable", row, document.shown, where))
        else:
            entries.append(_entry(row, document, where))
    return entries, findings


def _json_rows(data: bytes) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The number of each line that is not blank, and its row or what is wrong with it."""
    for number, line in numbered_lines(data):
        try:
            yield number, decode(line, dict[str, Any])
        except BadJson as error:
            yield number, str(error)


def _csv_rows(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, Any] | str]]:
    reader = csv.DictReader(data.decode("utf-8", "replace").splitlines(keepends=True))
    try:
        for row in reader:
            try:
                yield reader.line_num, {key: _cell(value) for key, value in row.items() if isinstance(key, str)}
            except BadJson as error:
                yield reader.line_num, str(error)
    except csv.Error as error:
        raise AnnotationError(path, f"line {reader.line_num}", f"want a row of CSV ({error})") from error


def _cell(value: Any) -> Any:
    """The value of a cell: JSON where it looks like a list or a map, which Python writes with other quotes too."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return decode(value.encode(), object)
    except BadJson:
        return decode(value.replace("'", '"').replace("None", "null").encode(), object)


def _entry(row: Mapping[str, Any], document: LabelDocument, where: str) -> JsonEntry:
    name = row.get("file_name", next((row[key] for key in row if key.endswith("_file_name")), ""))
    text = name if isinstance(name, str) else ""
    width, height = whole(row.get("width")) or 0, whole(row.get("height")) or 0
    declared = Size(width, height) if 0 < width < _LONGEST_SIDE and 0 < height < _LONGEST_SIDE else None
    word = document.word or (text.partition("/")[0] if "/" in text and known_split(text.partition("/")[0]) else "")
    return JsonEntry(text, word, declared, where, _objects_json(row), whole(row.get("image_id")) or 0)


def _objects_json(row: Mapping[str, Any]) -> bytes:
    """The column of `row` that has the boxes, else the row itself, as JSON."""
    holders = (value for key, value in row.items() if key != "file_name" and _holds_boxes(value))
    return msgspec.json.encode(next(holders, {key: row[key] for key in row if key in (*BOX_KEYS, *CLASS_KEYS)}))


def _holds_boxes(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and any(key in first for key in BOX_KEYS)


def objects_in(data: bytes) -> list[MetadataObject]:
    """The objects in the JSON of an entry: columns of values, or a record for each."""
    found: Any = decode(data, object)
    records = found if isinstance(found, list) else _rows_of_columns(found)
    return [_object(one if isinstance(one, dict) else {}) for one in records]


def _rows_of_columns(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A record for each place of the `columns`, as many as there are boxes, or values in the longest list."""
    lists = {key: value for key, value in columns.items() if isinstance(value, list)}
    count = max(map(len, lists.values()), default=0)
    return [{key: own[row] for key, own in lists.items() if row < len(own)} for row in range(count)]


def _object(record: Mapping[str, Any]) -> MetadataObject:
    box = numbers(next((record[key] for key in BOX_KEYS if key in record), None))
    category = next((record[key] for key in CLASS_KEYS if key in record), 0)
    known = {*BOX_KEYS, *CLASS_KEYS, "id", "area"}
    others = {key: value for key, value in record.items() if key not in known and value is not None}
    return MetadataObject(
        box if box and len(box) == 4 else None, category, record.get("id"), record.get("area"), others
    )


def read_card(home: Path, encoding: str) -> DatasetCard:
    """What the README.md in the folder `home` states. Raises `AnnotationError` where its YAML cannot be read."""
    path = home / README
    if not path.is_file() or not is_within(path, resolved(home)):
        return DatasetCard({}, "")
    lines = read_bytes(path, _MOST_README).replace(b"\r\n", b"\n").split(b"\n")
    if lines[0].strip() != _MARK or _MARK not in (line.strip() for line in lines[1:]):
        return DatasetCard({}, "")
    from bboxprep.io.strict_yaml import texts_in  # imported here because YAML is slow to import

    end = next(number for number, line in enumerate(lines[1:], 1) if line.strip() == _MARK)
    if not any(line.strip() for line in lines[1:end]):
        return DatasetCard({}, "")
    stated = texts_in(path, b"\n".join(lines[1:end]), encoding)
    tables = list(_class_tables(stated, ""))
    names = next((own for key, own in tables if key in CLASS_KEYS), tables[0][1] if tables else {})
    boxes = stated.get(BOXES, "")
    return DatasetCard(names, boxes if isinstance(boxes, str) else "")


def _class_tables(node: Any, name: str) -> Iterator[tuple[str, Mapping[int, str]]]:
    """The tables of names below a `node` of features, each with the name of its column."""
    if isinstance(node, list):
        for one in node:
            yield from _class_tables(one, name)
    if not isinstance(node, dict):
        return
    own = node.get("name")
    label = node.get("class_label")
    names = label.get("names") if isinstance(label, dict) else None
    pairs = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else ()
    found = {number: text for key, text in pairs if (number := whole(key)) is not None and isinstance(text, str)}
    if found and set(found) == set(range(len(found))):
        yield (own if isinstance(own, str) else name), found
    for key, value in node.items():
        yield from _class_tables(value, own if isinstance(own, str) else key if key != "dtype" else name)
