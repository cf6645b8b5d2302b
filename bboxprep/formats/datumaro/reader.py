"""Datumaro: a document lists the items of a subset, each an image with its annotations.

The size of an image is stated height first. Classes are the labels in their order; labels that are points of a skeleton
are none. An item with neither an image nor annotations is left out. The split is called as the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.datumaro.annotations import read_annotations
from bboxprep.formats.datumaro.layout import DOCUMENTS, LAYOUT, folders_of_images
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.listed_images import ImageGroup, fullest_folder
from bboxprep.formats.object_records import ImageRecord, classes_of, json_digest, record_dataset
from bboxprep.formats.record_values import read_document, stated_size
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, decode, whole
from bboxprep.io.paths import IMAGE_SUFFIXES, dataset_folder, resolved, suffix_of
from bboxprep.model.categories import MOST_KEYPOINTS, Category
from bboxprep.model.dataset import Dataset


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""
    home = resolved(dataset_folder(root))
    findings: list[Finding] = []
    classes: list[Category] = []
    groups: list[ImageGroup[ImageRecord]] = []
    for document in DOCUMENTS.find(root, LAYOUT):
        items, labels = _content(document.path, options.encoding)
        classes += [category for category in labels if category is not None]
        names = ["" if category is None else category.name for category in labels]
        records = list(_records(document, items, names, findings))
        folder = fullest_folder(folders_of_images(document), [record.name for record in records], home)
        groups.append(ImageGroup.locate(document, document.word, records, folder, home, "id"))
    return record_dataset(root, "datumaro", classes_of(classes, ()), groups, probe, findings)


def _content(path: Path, encoding: str) -> tuple[list[msgspec.Raw], list[Category | None]]:
    """The items of a document, and its labels by number; None for one that is a point of a skeleton. Raises
    `AnnotationError`.
    """
    try:
        parts = decode(read_document(path, encoding), dict[str, msgspec.Raw])
        items = decode(parts.get("items", msgspec.Raw(b"null")), list[msgspec.Raw])
        categories = decode(parts.get("categories", msgspec.Raw(b"null")), dict[str, Any])
    except BadJson as error:
        raise AnnotationError(path, "", f"want categories and a list of items ({error})") from error
    table, points = categories.get("label"), categories.get("points")
    listed = table.get("labels") if isinstance(table, dict) else []
    rows = listed if isinstance(listed, list) else []
    names = [row.get("name") if isinstance(row, dict) else None for row in rows]
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise AnnotationError(path, "categories.label.labels", "want a name for each label")
    graphs = _graphs(points.get("items") if isinstance(points, dict) else [])
    inner = [isinstance(row, dict) and row.get("parent") in names and row.get("parent") != "" for row in rows]
    joints = {name for number, (own, _) in graphs.items() for name in own}
    return items, [
        None
        if is_point and name in joints
        else Category(str(name), keypoints=graphs.get(number, ((), ()))[0], skeleton=graphs.get(number, ((), ()))[1])
        for number, (name, is_point) in enumerate(zip(names, inner, strict=True))
    ]


def _graphs(items: Any) -> dict[int, tuple[tuple[str, ...], tuple[tuple[int, int], ...]]]:
    """The names of the keypoints of labels by number, and the pairs that a line joins, counted from 1."""
    found: dict[int, tuple[tuple[str, ...], tuple[tuple[int, int], ...]]] = {}
    for item in items if isinstance(items, list) else ():
        label = whole(item.get("label_id")) if isinstance(item, dict) else None
        names, joints = (item.get("labels"), item.get("joints")) if isinstance(item, dict) else ([], [])
        if label is None or not isinstance(names, list) or not 0 < len(names) <= MOST_KEYPOINTS:
            continue
        if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
            continue
        stated = joints if isinstance(joints, list) else []
        pairs = [tuple(map(whole, pair)) for pair in stated if isinstance(pair, list) and len(pair) == 2]
        first = int(not any(0 in pair for pair in pairs))
        ends = [(one - first + 1, other - first + 1) for one, other in pairs if one is not None and other is not None]
        found[label] = tuple(names), tuple(pair for pair in ends if all(1 <= end <= len(names) for end in pair))
    return found


def _records(
    document: LabelDocument, items: Sequence[msgspec.Raw], names: Sequence[str], findings: list[Finding]
) -> Iterator[ImageRecord]:
    """The images that `document` lists; adds to `findings` what is about none."""
    bare = 0
    for place, raw in enumerate(items):
        where = f"items[{place}]"
        try:
            item = decode(raw, dict[str, Any])
        except BadJson as error:
            findings.append(Finding("record-unreadable", str(error), document.shown, where))
            continue
        image, listed = item.get("image"), item.get("annotations")
        annotations = listed if isinstance(listed, list) else []
        if not isinstance(image, dict) and not annotations:
            bare += 1
            continue
        objects, notes = read_annotations(annotations, names, where)
        yield ImageRecord.of(
            _name(item, image if isinstance(image, dict) else {}),
            objects,
            notes,
            where=where,
            declared=_size(image),
            digest=json_digest(annotations),
        )
    if bare:
        words = f"items have neither an image nor annotations ({bare:,}); left out"
        findings.append(Finding("image-aside", words, document.shown))


def _name(item: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    """The path of the image of `item`, else its id."""
    path, identity = image.get("path"), item.get("id")
    if isinstance(path, str) and suffix_of(path).lower() in IMAGE_SUFFIXES:
        return path
    return f"{identity}.jpg" if isinstance(identity, str) and identity else ""


def _size(image: Any) -> Size | None:
    sides = image.get("size") if isinstance(image, dict) else None
    return stated_size(sides[1], sides[0]) if isinstance(sides, list) and len(sides) == 2 else None
