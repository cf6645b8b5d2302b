"""VoTT: an export lists assets, each with its size and the regions that were drawn on it.

A region has a bounding box, left and top with width and height, and points, all edges in px. The points of a polygon
are its outline; of a line or a point only the box around it is held. Of several tags each is an object. Classes have
the order of the tags of the project. An asset that nobody visited is unlabelled, one without regions has no objects. A
video is left out; its frames are assets of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats import object_records, record_values
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.vott.layout import DOCUMENTS, LAYOUT
from bboxprep.io.lenient_json import BadJson, decode, excerpt, whole
from bboxprep.model.dataset import Dataset

_BOXES, _LINES = ("RECTANGLE", "SQUARE"), ("POLYLINE", "POINT")
_NOT_VISITED, _VIDEO = 0, 2  # a state and a type of assets


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""

    def content(document: LabelDocument) -> object_records.DocumentContent:
        assets, tags = _content(document.path, options.encoding)
        findings: list[Finding] = []
        return object_records.DocumentContent(list(_records(document, assets, findings)), tags, findings)

    return object_records.documents_dataset(root, "vott", DOCUMENTS, LAYOUT, content, "asset.name", probe)


def _content(path: Path, encoding: str) -> tuple[dict[str, msgspec.Raw], list[str]]:
    """The assets of a document by id, and the names of its tags. Raises `AnnotationError`."""
    try:
        parts = decode(record_values.read_document(path, encoding), dict[str, msgspec.Raw])
        assets = decode(parts.get("assets", msgspec.Raw(b"null")), dict[str, msgspec.Raw])
        tags = decode(parts.get("tags", msgspec.Raw(b"[]")), list[Any])
    except BadJson as error:
        raise AnnotationError(path, "", f"want tags and assets, as VoTT exports them ({error})") from error
    names = (tag.get("name") if isinstance(tag, dict) else None for tag in tags)
    return assets, [name for name in names if isinstance(name, str) and name.strip()]


def _records(
    document: LabelDocument, assets: Mapping[str, msgspec.Raw], findings: list[Finding]
) -> Iterator[object_records.ImageRecord]:
    """The images that `document` lists; adds to `findings` what is about none."""
    videos = 0
    for identity, raw in assets.items():
        where = f"assets[{excerpt(identity)}]"
        try:
            held = decode(raw, dict[str, Any])
        except BadJson as error:
            findings.append(Finding("record-unreadable", str(error), document.shown, where))
            continue
        stated, listed = held.get("asset"), held.get("regions")
        asset, regions = stated if isinstance(stated, dict) else {}, listed if isinstance(listed, list) else []
        if whole(asset.get("type")) == _VIDEO and not regions:
            videos += 1
            continue
        name, size = asset.get("name"), asset.get("size")
        sides = size if isinstance(size, dict) else {}
        objects, notes = _objects(regions, where)
        is_unlabelled = whole(asset.get("state")) == _NOT_VISITED and not regions
        yield object_records.ImageRecord.of(
            name if isinstance(name, str) else "",
            objects,
            notes,
            where=where,
            declared=record_values.stated_size(sides.get("width"), sides.get("height")),
            unlabelled="nobody visited it in VoTT" if is_unlabelled else "",
        )
    if videos:
        words = f"videos, whose frames are listed by themselves ({videos:,}); left out"
        findings.append(Finding("image-aside", words, document.shown))


def _objects(regions: Sequence[Any], where: str) -> tuple[list[object_records.ObjectRecord], list[Finding]]:
    """The objects of `regions`, one for each tag of each, and findings about them that name no file."""
    objects: list[object_records.ObjectRecord] = []
    findings: list[Finding] = []
    lines = 0
    for place, region in enumerate(regions):
        at = f"{where}.regions[{place}]"
        listed = region.get("tags") if isinstance(region, dict) else None
        tags = listed if isinstance(listed, list) and listed else [None]
        for tag in tags:
            try:
                objects.append(_object(record_values.json_object(region, "tags and points"), tag))
            except record_values.UnusableRecord as error:
                findings.append(error.finding(at, tag))
        lines += isinstance(region, dict) and region.get("type") in _LINES
    if lines:
        words = f"not read: {lines} lines or points; the box around each is kept"
        findings.append(Finding("shape-unread", words, where=where))
    return objects, findings


def _object(region: Mapping[str, Any], tag: object) -> object_records.ObjectRecord:
    """The object that `region` is with this `tag`. Raises `UnusableRecord`."""
    name, kind, stated = record_values.class_name(tag, "tags"), region.get("type"), region.get("boundingBox")
    if stated is not None and kind in _BOXES:
        return object_records.ObjectRecord(name, record_values.named_box(stated, "boundingBox"))
    outline = record_values.named_points(region.get("points"), "points", 3 if kind == "POLYGON" else 1)
    return object_records.ObjectRecord(name, record_values.box_around(outline), (outline,) if kind == "POLYGON" else ())
