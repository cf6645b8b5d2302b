"""Labelbox: an export has a data row a line, or all in a list, with the labels that each project has of it.

The image of a row is called by its external id, else by its global key, else by the end of its address, which is not
opened. A row that nobody labelled is unlabelled; of several labels in a project the one of the kind "Default" is taken,
or the newest. All projects of a row are read.

A bounding box has top, left, height and width, a polygon its points, all edges in px. Of a line or a point only the box
around it is held. A mask stands behind an address, which is not opened: it is dropped and counted. The answers to
questions about an object are its attributes. Classes have the order in which they are first seen. The older list
(``Labeled Data``, ``Label``) has one label a row, says ``title`` and ``bbox``, and states no sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats import record_values
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.json_text import numbered_lines, read_json_text
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.labelbox.layout import DOCUMENTS, LAYOUT
from bboxprep.formats.object_records import DocumentContent, ImageRecord, ObjectRecord, documents_dataset
from bboxprep.io.lenient_json import BadJson, decode, number
from bboxprep.model.dataset import Dataset

Json = Mapping[str, Any]

_UNLABELLED = "nobody labelled it in Labelbox"
_NAMES, _OLD_NAMES = ("external_id", "global_key"), ("External ID", "Global Key")
_MASKS = ("mask", "composite_mask", "instanceURI")


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""

    def content(document: LabelDocument) -> DocumentContent:
        findings: list[Finding] = []
        return DocumentContent(list(_records(document, options.encoding, findings)), (), findings)

    return documents_dataset(root, "labelbox", DOCUMENTS, LAYOUT, content, "external_id", probe)


def _records(document: LabelDocument, encoding: str, findings: list[Finding]) -> Iterator[ImageRecord]:
    """The images that `document` lists; adds to `findings` what is about none. Raises `AnnotationError`."""
    videos = 0
    for where, raw in _rows(document.path, encoding):
        try:
            row = decode(raw, dict[str, Any])
        except BadJson as error:
            findings.append(Finding("record-unreadable", str(error), document.shown, where))
            continue
        if "data_row" not in row:
            yield _old_record(row, where)
            continue
        media = _map(row.get("media_attributes"))
        if str(media.get("mime_type", "")).startswith("video/"):
            videos += 1
            continue
        yield _record(row, _map(row["data_row"]), media, where)
    if videos:
        words = f"videos, whose frames are no files ({videos:,}); left out"
        findings.append(Finding("image-aside", words, document.shown))


def _rows(path: Path, encoding: str) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    """Where each data row stands in the document at `path`, and its JSON. Raises `AnnotationError`."""
    data = read_json_text(path, encoding)
    if data.lstrip()[:1] != b"[":
        yield from ((f"line {number}", line) for number, line in numbered_lines(data))
        return
    try:
        rows = decode(data, list[msgspec.Raw])
    except BadJson as error:
        raise AnnotationError(path, "", f"want data rows, as Labelbox exports them ({error})") from error
    yield from ((f"[{number}]", row) for number, row in enumerate(rows))


def _record(row: Json, data_row: Json, media: Json, where: str) -> ImageRecord:
    objects: list[ObjectRecord] = []
    notes: list[Finding] = []
    is_labelled = False
    for identity, project in _map(row.get("projects")).items():
        labels = [one for one in _list(_map(project).get("labels")) if isinstance(one, dict)]
        if not labels:
            continue
        is_labelled = True
        chosen = max(labels, key=_rank)
        place = f"{where}: projects.{identity}.labels[{labels.index(chosen)}].annotations.objects"
        found, faults = _read_objects(_list(_map(chosen.get("annotations")).get("objects")), place)
        objects += found
        notes += faults
        others = [one for one in labels if one is not chosen]
        if left := sum(len(_list(_map(one.get("annotations")).get("objects"))) for one in others):
            words = f"one of {len(labels)} labels of the project was taken: the default or the newest"
            notes.append(Finding("annotation-older", words, where=where, objects=left))
    return ImageRecord.of(
        _name(data_row, _NAMES, "row_data"),
        objects,
        notes,
        where=where,
        declared=record_values.stated_size(media.get("width"), media.get("height")),
        unlabelled="" if is_labelled else _UNLABELLED,
    )


def _rank(label: Json) -> tuple[bool, str]:
    """The default label is above the others, and a newer one above an older."""
    made = _map(label.get("label_details")).get("created_at")
    return label.get("label_kind") == "Default", made if isinstance(made, str) else ""


def _old_record(row: Json, where: str) -> ImageRecord:
    label = row.get("Label")
    listed = label.get("objects") if isinstance(label, dict) else None
    is_labelled = isinstance(label, dict) and not row.get("Skipped")
    objects, notes = _read_objects(_list(listed), f"{where}.Label.objects")
    name = _name(row, _OLD_NAMES, "Labeled Data")
    unlabelled = "" if is_labelled or objects or notes else _UNLABELLED
    return ImageRecord.of(name, objects, notes, where=where, unlabelled=unlabelled)


def _name(row: Json, names: tuple[str, ...], address: str) -> str:
    """The name of the image of `row`: the first of `names` that it has, else the end of its `address`."""
    stated = (row.get(name) for name in names)
    found = next((name for name in stated if isinstance(name, str) and name), "")
    place = row.get(address)
    return found or (place.partition("?")[0].rpartition("/")[2] if isinstance(place, str) else "")


def _map(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read_objects(records: Sequence[Any], where: str) -> tuple[list[ObjectRecord], list[Finding]]:
    """The objects of the `records` in the list at `where`, and findings about them that name no file."""
    objects: list[ObjectRecord] = []
    findings: list[Finding] = []
    lines = 0
    for place, record in enumerate(records):
        try:
            known = record_values.json_object(record, "a name and a place")
            objects.append(_object(known))
            lines += "line" in known or "point" in known
        except record_values.UnusableRecord as error:
            name = (record.get("name") or record.get("title")) if isinstance(record, dict) else ""
            findings.append(error.finding(f"{where}[{place}]", name))
    if lines:
        words = f"not read: {lines} lines or points; the box around each is kept"
        findings.append(Finding("shape-unread", words, where=where))
    return objects, findings


def _object(record: Mapping[str, Any]) -> ObjectRecord:
    """The object that `record` describes. Raises `UnusableRecord`."""
    field = "title" if "name" not in record and "title" in record else "name"
    name, score = record_values.class_name(record.get(field), field), number(record.get("confidence"))
    listed = record.get("classifications")
    attributes = dict(_answers(listed if isinstance(listed, list) else []))
    others: dict[str, Any] = {"score": math.nan if score is None else score, "attributes": attributes}
    for side in ("bounding_box", "bbox"):
        if record.get(side) is not None:
            return ObjectRecord(name, record_values.named_box(record[side], side), **others)
    if record.get("polygon") is not None:
        outline = record_values.named_points(record["polygon"], "polygon", 3)
        return ObjectRecord(name, record_values.box_around(outline), (outline,), **others)
    for side in ("line", "point"):
        if record.get(side) is not None:
            stated = [record[side]] if side == "point" else record[side]
            return ObjectRecord(name, record_values.box_around(record_values.named_points(stated, side, 1)), **others)
    if any(record.get(side) is not None for side in _MASKS):
        raise record_values.UnusableRecord(
            "", "have a mask behind an address, which is not opened; want a box or a polygon"
        )
    raise record_values.UnusableRecord(
        "", "have no bounding_box, polygon, line or point, which is an object without a place"
    )


def _answers(classifications: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Each question with its answer: a text, the name of a choice, or those of several."""
    for one in classifications:
        name = (one.get("name") or one.get("title")) if isinstance(one, dict) else None
        if not isinstance(name, str):
            continue
        several = one.get("checklist_answers", one.get("answers"))
        if isinstance(several, list):
            yield name, [_text(answer) for answer in several]
        else:
            stated = (one.get(key) for key in ("radio_answer", "text_answer", "answer"))
            yield name, _text(next((answer for answer in stated if answer is not None), None))


def _text(answer: Any) -> Any:
    """What an `answer` says: its content, its name or its title; itself where it is plain."""
    if not isinstance(answer, dict):
        return answer
    return next((answer[key] for key in ("content", "name", "title", "value") if key in answer), None)
