"""The classes of record files: from their label maps, and from the names and numbers that their objects state.

A label map numbers classes from 1 on; 0 is the background. An object states a name, a number or both. Where they
disagree the name counts, as it does for the object detection API. VoTT writes numbers from 0 on beside a label map from
1 on: all of its numbers are one less than the map's, which a finding says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.tfrecord.files import RecordFile, read_label_map
from bboxprep.io.paths import read_bytes, relative_path
from bboxprep.io.remote import opened
from bboxprep.io.tf_messages import LabelMapItem
from bboxprep.io.tfrecord_files import CLASSES
from bboxprep.model.categories import Categories, Category, unnamed_classes

_MOST_BYTES = 1 << 28

Pair = tuple[str, int | None]
"""The name of a class that objects state, or "", and its number, or None."""


class RecordClasses(msgspec.Struct, frozen=True):
    """How the objects of one record file name their classes: the label of each name, and the name of each number."""

    labels: Mapping[str, int]
    names: Mapping[int, str]

    def label(self, text: str, number: int | None) -> int | None:
        """The row of the class in the class table; None where nothing names it."""
        return self.labels.get(text or ("" if number is None else self.names.get(number, "")))


def read_classes(
    root: Path, records: Sequence[RecordFile]
) -> tuple[Categories, dict[Path, RecordClasses], list[Finding]]:
    """The class table, how each record file names its classes, and findings. Raises `AnnotationError`, and
    `StorageError` for a file that is damaged.
    """
    paths = dict.fromkeys(record.label_map for record in records if record.label_map)
    maps = {path: read_label_map(path) for path in paths}
    pairs = {record.path: _pairs(record.path) for record in records}
    items = {_name(item): item for own in maps.values() for item in own}
    others = _others(pairs, maps, records, items)
    names = [*items, *others]
    labels = {name: row for row, name in enumerate(names)}
    known, findings = {}, []
    for record in records:
        own = maps.get(record.label_map, []) if record.label_map else []
        numbered = {item.id: _name(item) for item in own}
        numbered = numbered or {number: unnamed(number) for _, number in pairs[record.path] if number}
        aliases = {item.display_name: labels[_name(item)] for item in own if item.display_name}
        known[record.path] = RecordClasses(aliases | labels, numbered)
        findings += _disputes(root, record, pairs[record.path], known[record.path], own)
    table = tuple(
        Category(name, id=items[name].id, keypoints=items[name].keypoints) if name in items else Category(name)
        for name in names
    )
    nameless = [name for name in others if others[name]]
    return Categories(table), known, [*findings, *unnamed_classes(nameless)]


def unnamed(number: int) -> str:
    """The name of a class of which only the number is known."""
    return f"class_{number}"


def _name(item: LabelMapItem) -> str:
    return item.name or item.display_name


def _pairs(record: Path) -> list[Pair]:
    """The pairs of name and number that the objects of a record file state, in the order in which they are seen."""
    try:
        return msgspec.json.decode(read_bytes(opened(record) / CLASSES, _MOST_BYTES), type=list[Pair])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnnotationError(record, "", f"its classes cannot be listed ({error})") from error


def _others(
    pairs: Mapping[Path, Sequence[Pair]],
    maps: Mapping[Path, Sequence[LabelMapItem]],
    records: Iterable[RecordFile],
    items: Mapping[str, LabelMapItem],
) -> dict[str, bool]:
    """The classes that no label map has, by number and name; of each whether only its number is known."""
    found: dict[tuple[int, str], bool] = {}
    aliases = {item.display_name for item in items.values()}
    for record in records:
        mapped = bool(record.label_map and maps[record.label_map])
        for text, number in pairs[record.path]:
            if text and text not in items and text not in aliases:
                found.setdefault((number or 0, text), False)
            elif not text and number and not mapped:
                found.setdefault((number, unnamed(number)), True)
    return {name: found[number, name] for number, name in sorted(found)}


def _disputes(
    root: Path, record: RecordFile, pairs: Sequence[Pair], classes: RecordClasses, items: Sequence[LabelMapItem]
) -> list[Finding]:
    """A finding where the objects of `record` state numbers that are not those of their names in its label map."""
    numbers = {classes.labels[name]: item.id for item in items for name in (item.name, item.display_name) if name}
    stated = [
        (text, number, numbers[classes.labels[text]])
        for text, number in pairs
        if text in classes.labels and number is not None and classes.labels[text] in numbers
    ]
    wrong = [(text, number, mapped) for text, number, mapped in stated if number != mapped]
    if not wrong:
        return []
    text, number, mapped = wrong[0]
    place, label_map = relative_path(record.path, root), record.label_map.name if record.label_map else ""
    if len(wrong) == len(stated) and all(number == mapped - 1 for _, number, mapped in wrong):
        words = f"its numbers of classes are one less than those of {label_map}, as VoTT writes them; the names count"
        return [Finding("record-repaired", words, place)]
    words = f"{text!r} has the number {number} here and {mapped} in {label_map} ({len(wrong)} classes); the names count"
    return [Finding("class-disputed", words, place)]
