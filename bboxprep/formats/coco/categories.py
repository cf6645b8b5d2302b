"""Reads the class table of COCO (``categories``): merges the tables of all files and keeps the ids of the source.

Classes of several files with the same name are one class. Roboflow adds a class that is only the parent of the others;
it is left out, since every class number after it would be one too high.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.coco.document import Document
from bboxprep.io.lenient_json import BadJson, Key, as_text_tokens, decode_with_nan, excerpt, key, whole
from bboxprep.model.categories import MOST_CLASSES, MOST_KEYPOINTS, Categories, Category, is_involution, unnamed_classes

Table = Mapping[Key, Category]  # the classes of one file by the ids that its records use


class CocoClasses(msgspec.Struct, frozen=True):
    """The class table of a dataset, and for each file the row that an id of its records means."""

    categories: Categories
    rows: tuple[Mapping[Key, int], ...]
    findings: tuple[Finding, ...] = ()


def read_classes(documents: Sequence[Document], shown: Sequence[str], used: Sequence[frozenset[Key]]) -> CocoClasses:
    """The classes of `documents`, which findings name `shown`; the records use the category ids `used`.

    Raises `AnnotationError` where two classes of a file share an id.
    """
    tables: list[Table] = []
    findings: list[Finding] = []
    stated = any(len(document.categories) for document in documents)
    for document, name, ids in zip(documents, shown, used, strict=True):
        table, found = _table(document, name) if document.categories else _bare_table(ids, name if stated else "")
        tables.append(table)
        findings += found
    merged = _merged(tables)
    classes, notes = _without_parent(merged, used)
    known = [category.id for category in classes.categories if category.id is not None]
    if len(set(known)) < len(known):
        notes.append("the files give one id to several classes; new ids are given on writing")
    findings += [Finding("record-repaired", note, shown[0], "categories") for note in notes]
    if not stated:
        findings += unnamed_classes(classes.categories.names, shown[0])
    return CocoClasses(replace(classes.categories, stated=stated), classes.rows, tuple(findings))


def _table(document: Document, path: str) -> tuple[Table, list[Finding]]:
    table: dict[Key, Category] = {}
    findings = []
    if len(document.categories) > MOST_CLASSES:
        words = f"have {len(document.categories):,} classes, want at most {MOST_CLASSES:,}"
        raise AnnotationError(document.path, "categories", words)
    for index, raw in enumerate(document.categories):
        where = f"categories[{index}]"
        record = _record(raw)
        identity = key(record.get("id"))
        if identity is None:
            findings.append(Finding("record-unreadable", "want an object with an id; left out", path, where))
            continue
        category, problem = _category(record, identity)
        if problem:
            findings.append(Finding("record-repaired", problem, path, where))
        known = table.setdefault(identity, category)
        if known.name != category.name:
            words = f"have {identity!r} for {category.name!r}, want an id other than that of {known.name!r}"
            raise AnnotationError(document.path, f"{where}.id", words)
    return dict(_by_id(table)), findings


def _bare_table(used: frozenset[Key], path: str) -> tuple[Table, list[Finding]]:
    """A class for each id in use; and the finding on the file at `path`, where others of the dataset have a table."""
    table = {identity: Category(str(identity), whole(identity)) for identity in used}
    words = "the file has no class table; its classes are named by their ids"
    findings = [Finding("record-repaired", words, path, "categories")] if used and path else []
    return dict(_by_id(table)), findings


def _by_id(table: Table) -> list[tuple[Key, Category]]:
    numeric = all(isinstance(identity, int) for identity in table)
    return sorted(table.items(), key=lambda item: (item[0], "") if numeric else (0, str(item[0])))


def _record(raw: bytes) -> Mapping[str, Any]:
    try:
        return decode_with_nan(raw, dict[str, Any], as_text_tokens)
    except BadJson:
        return {}


def _category(record: Mapping[str, Any], identity: Key) -> tuple[Category, str]:
    """The class in `record`, and messages about repairs."""
    name, parent, points, skeleton = (record.get(field) for field in ("name", "supercategory", "keypoints", "skeleton"))
    pairs = tuple(_pair(pair) for pair in skeleton) if isinstance(skeleton, list) else ()
    listed = isinstance(points, list) and len(points) <= MOST_KEYPOINTS
    names = tuple(map(str, points)) if listed and points else ()
    flip = _flip_idx(record.get("flip_idx", []), len(names))
    repaired = [
        f"{field}: have {excerpt(record.get(field))}, want {wanted}"
        for field, wanted, right in (
            ("name", "text", isinstance(name, str)),
            ("keypoints", f"a list of {MOST_KEYPOINTS} names at most", points is None or listed),
            ("skeleton", "a list of pairs", skeleton is None or (isinstance(skeleton, list) and None not in pairs)),
            ("flip_idx", "the partner of each keypoint", flip is not None),
        )
        if not right
    ]
    category = Category(
        name=str(identity if name is None else name),
        id=whole(identity),
        supercategory="" if parent is None else str(parent),
        keypoints=names,
        skeleton=tuple(pair for pair in pairs if pair is not None),
        flip_idx=flip or (),
        extra={field: value for field, value in record.items() if field not in _KNOWN},
    )
    return category, "; ".join(repaired)


_KNOWN = {"id", "name", "supercategory", "keypoints", "skeleton", "flip_idx"}


def _flip_idx(value: object, count: int) -> tuple[int, ...] | None:
    """The partner of each of `count` keypoints in a mirror: YOLO's word, which COCO's writer here borrows.

    () where there is none, None where it is something else.
    """
    order = tuple(whole(index) for index in value) if isinstance(value, list) else (None,)
    known = tuple(index for index in order if index is not None)
    return known if known == order and len(known) in (0, count) and is_involution(known) else None


def _pair(value: object) -> tuple[int, int] | None:
    ends = [whole(end) for end in value] if isinstance(value, list) else []
    return (ends[0], ends[1]) if len(ends) == 2 and ends[0] is not None and ends[1] is not None else None


def _merged(tables: Sequence[Table]) -> CocoClasses:
    """One table of all: the k-th class of a name is the same in every file, and the first file describes it."""
    found: dict[tuple[str, int], Category] = {}
    named: list[dict[Key, tuple[str, int]]] = []
    for table in tables:
        seen: Counter[str] = Counter()
        named.append({})
        for identity, category in table.items():
            name = (category.name, seen[category.name])
            seen[category.name] += 1
            named[-1][identity] = name
            found.setdefault(name, category)
    if all(category.id is not None for category in found.values()):
        found = dict(sorted(found.items(), key=lambda item: item[1].id or 0))
    row_of = {name: row for row, name in enumerate(found)}
    rows = tuple({identity: row_of[name] for identity, name in names.items()} for names in named)
    return CocoClasses(Categories(tuple(found.values())), rows)


def _without_parent(classes: CocoClasses, used: Sequence[frozenset[Key]]) -> tuple[CocoClasses, list[str]]:
    above = Counter(category.supercategory for category in classes.categories)
    in_use = {rows.get(identity) for rows, ids in zip(classes.rows, used, strict=True) for identity in ids}
    items = classes.categories.items
    for row, parent in enumerate(items):
        if row in in_use or len(items) == 1 or parent.supercategory not in {"", "none"}:
            continue
        if above[parent.name] - (parent.supercategory == parent.name) == len(items) - 1:
            rows = tuple({key: at - (at > row) for key, at in table.items() if at != row} for table in classes.rows)
            words = f"class {parent.name!r} is only the parent of all others and has no objects; left out"
            return CocoClasses(Categories(items[:row] + items[row + 1 :]), rows), [words]
    return classes, []
