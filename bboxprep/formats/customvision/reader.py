"""Azure: the list of images that the API of Custom Vision gives, and the JSON lines that AutoML takes.

An image of Custom Vision has regions: a tag, left and top, width and height, as fractions of the image. Its file is
called like the end of its address or like its id, whichever is there; nothing is fetched. A tag without a region is one
of the whole image, which is counted; one whose image has no regions at all, not even an empty list, nobody tagged.

A line of AutoML has labels, each with two corners or with polygons, and whether it is a crowd region; all coordinates
are fractions. Classes have the order in which they are first seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats import image_lookup, json_text, locate_images, object_records, record_values
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.customvision.layout import DOCUMENTS, LAYOUT
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.geometry.affine import Points
from bboxprep.io import paths
from bboxprep.io.lenient_json import BadJson, decode, excerpt, number, whole
from bboxprep.model.dataset import Dataset

Json = Mapping[str, Any]

_ADDRESSES = ("image_url", "originalImageUri", "imageUri", "resizedImageUri")
_UNLABELLED = "nobody tagged it in Custom Vision"
_CORNERS = ("topX", "topY", "bottomX", "bottomY")


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""

    def content(document: LabelDocument) -> object_records.DocumentContent:
        findings: list[Finding] = []
        records = list(_records(document, options.encoding, _finder(document.path.parent), findings))
        return object_records.DocumentContent(records, (), findings)

    field = "address or id"
    return object_records.documents_dataset(root, "customvision", DOCUMENTS, LAYOUT, content, field, probe, True)


def _finder(folder: Path) -> Callable[[str], bool]:
    """Whether a name or an address is that of an image below `folder`."""
    allowed = paths.AllowedFolders(paths.resolved(folder))
    lookup = image_lookup.ImageLookup(lambda: locate_images.images_below(folder, allowed))
    return lambda text: bool(lookup.find(text).path)


def _records(
    document: LabelDocument, encoding: str, is_there: Callable[[str], bool], findings: list[Finding]
) -> Iterator[object_records.ImageRecord]:
    """The images that `document` lists; adds to `findings` what is about none. Raises `AnnotationError`."""
    rows: list[tuple[str, dict[str, Any]]] = []
    for where, raw in _rows(document.path, encoding):
        try:
            rows.append((where, decode(raw, dict[str, Any])))
        except BadJson as error:
            findings.append(Finding("record-unreadable", str(error), document.shown, where))
    if tagged := sum(_is_tagged_whole(row) for _, row in rows):
        words = f"not read: tags of whole images, which have no region (of {tagged:,} images)"
        findings.append(Finding("shape-unread", words, document.shown))
    names = locate_images.below_common([_address(row) for _, row in rows])
    for (where, row), name in zip(rows, names, strict=True):
        identity = str(row.get("id") or "")
        named = identity if identity and not is_there(name) and is_there(identity) else name
        yield _line(row, where, named) if "image_url" in row else _image(row, where, named or identity)


def _address(row: Json) -> str:
    """Where the image of `row` lies: a path, or an address without its query, which may be a key to a container."""
    place = next((value for key in _ADDRESSES if isinstance(value := row.get(key), str) and value), "")
    return place.partition("?")[0] if "://" in place else place


def _rows(path: Path, encoding: str) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    """Where each image stands in the document at `path`, and its JSON. Raises `AnnotationError`."""
    data = json_text.read_json_text(path, encoding)
    if data.lstrip()[:1] != b"[":
        yield from ((f"line {number_of_line}", line) for number_of_line, line in json_text.numbered_lines(data))
        return
    try:
        rows = decode(data, list[msgspec.Raw])
    except BadJson as error:
        raise AnnotationError(path, "", f"want a list of images, as Custom Vision gives it ({error})") from error
    yield from ((f"[{place}]", row) for place, row in enumerate(rows))


def _image(row: Json, where: str, name: str) -> object_records.ImageRecord:
    """The record of an image of Custom Vision."""
    objects, notes = _objects(row.get("regions"), f"{where}.regions", _region)
    return object_records.ImageRecord.of(
        name,
        objects,
        notes,
        where=where,
        declared=record_values.stated_size(row.get("width"), row.get("height")),
        unlabelled=_UNLABELLED if row.get("regions") is None and not row.get("tags") else "",
    )


def _is_tagged_whole(row: Json) -> bool:
    """Whether a tag of the image has none of its regions; "Negative" says that there is none."""
    named = [one.get("tagName") for one in _maps(row.get("regions"))]
    tags = [one.get("tagName") for one in _maps(row.get("tags"))]
    return any(isinstance(tag, str) and tag not in named and tag.lower() != "negative" for tag in tags)


def _maps(value: Any) -> list[Json]:
    """The objects in the list `value`."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _line(row: Json, where: str, name: str) -> object_records.ImageRecord:
    """The record of a line of AutoML."""
    stated = row.get("image_details")
    details = stated if isinstance(stated, dict) else {}
    objects, notes = _objects(row.get("label"), f"{where}.label", _label)
    return object_records.ImageRecord.of(
        name,
        objects,
        notes,
        where=where,
        declared=record_values.stated_size(_pixels(details.get("width")), _pixels(details.get("height"))),
        unlabelled="its line has no label" if row.get("label") is None else "",
    )


def _pixels(value: Any) -> Any:
    return value.strip().removesuffix("px") if isinstance(value, str) else value


def _objects(
    records: Any, where: str, read_one: Callable[[Json], object_records.ObjectRecord]
) -> tuple[list[object_records.ObjectRecord], list[Finding]]:
    """The objects of the `records` in the list at `where`, and findings about them that name no file."""
    objects: list[object_records.ObjectRecord] = []
    findings: list[Finding] = []
    for place, record in enumerate(records if isinstance(records, list) else ()):
        try:
            objects.append(read_one(record_values.json_object(record, "a class and a place")))
        except record_values.UnusableRecord as error:
            name = (record.get("tagName") or record.get("label")) if isinstance(record, dict) else ""
            findings.append(error.finding(f"{where}[{place}]", name))
    return objects, findings


def _region(record: Json) -> object_records.ObjectRecord:
    """The object that a region of Custom Vision is. Raises `UnusableRecord`."""
    return object_records.ObjectRecord(
        record_values.class_name(record.get("tagName"), "tagName"), record_values.named_box(record, "")
    )


def _label(record: Json) -> object_records.ObjectRecord:
    """The object that a label of AutoML is. Raises `UnusableRecord`."""
    name = record_values.class_name(record.get("label"), "label")
    is_crowd = record.get("isCrowd") is True or bool(whole(record.get("isCrowd")))
    if record.get("polygon") is not None:
        rings = [_ring(one) for one in _parts(record["polygon"])]
        return object_records.ObjectRecord(name, record_values.box_around(*rings), tuple(rings), crowd=is_crowd)
    x0, y0, x1, y1 = record_values.coordinates([record.get(key) for key in _CORNERS], ", ".join(_CORNERS))
    return object_records.ObjectRecord(name, (x0, y0, x1, y1), crowd=is_crowd)


def _parts(value: Any) -> Sequence[Any]:
    """The parts of an outline: lists of numbers, or one list of numbers. Raises `UnusableRecord`."""
    if not isinstance(value, list) or not value:
        raise record_values.UnusableRecord("polygon", f"have {excerpt(value)}, want lists of x, y")
    return value if number(value[0]) is None else [value]


def _ring(part: Any) -> Points:
    """One part of an outline, fractions (P, 2). Raises `UnusableRecord`."""
    values = part if isinstance(part, list) else []
    if len(values) < 6 or len(values) % 2:
        raise record_values.UnusableRecord("polygon", f"have {excerpt(part)}, want 3 or more points x, y")
    return np.array(record_values.coordinates(values, "polygon")).reshape(-1, 2)
