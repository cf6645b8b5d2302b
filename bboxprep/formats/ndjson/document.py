"""Reads the lines of an NDJSON: what the first states of the dataset, and the rows of each image as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.json_text import numbered_lines, read_json_text
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.ndjson.options import KEYS
from bboxprep.formats.yolo_row_kinds import OutTask
from bboxprep.geometry.affine import Size
from bboxprep.io.hashing import bytes_sha256
from bboxprep.io.lenient_json import BadJson, decode, excerpt, whole
from bboxprep.model.categories import MOST_CLASSES

MOST_BYTES = 1 << 30
_LONGEST_SIDE = 2**31
_TASK_OF = {key: task for task, key in KEYS.items()}


class DatasetLine(msgspec.Struct, frozen=True):
    """The first line, as it stands."""

    type: Any = None
    task: Any = None
    path: Any = None
    class_names: Any = None
    kpt_shape: Any = None
    kpt_names: Any = None
    flip_idx: Any = None


class _ImageLine(msgspec.Struct, frozen=True):
    file: Any = None
    split: Any = None
    width: Any = None
    height: Any = None
    annotations: msgspec.Raw = msgspec.Raw(b"null")


class NdjsonEntry(msgspec.Struct, frozen=True):
    """The line of one image: its name, split and size, `where` it stands, and its rows as the text of a label file,
    those of `task`. `classes` is one more than the largest class in them.
    """

    name: str
    split: str
    declared: Size | None
    where: str
    labelled: bool = True
    task: OutTask = "detect"
    rows: bytes = b""
    classes: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def rows_place(self) -> str:
        """The place of the list of its rows."""
        return f"{self.where}: annotations.{KEYS[self.task]}"


class NdjsonDocument(msgspec.Struct, frozen=True):
    """A file: its first line, the entries of its images, and findings about lines that cannot be read."""

    head: DatasetLine
    entries: tuple[NdjsonEntry, ...]
    findings: tuple[Finding, ...]


def read_document(document: LabelDocument, encoding: str) -> NdjsonDocument:
    """The file of `document`. Raises `AnnotationError` where its first line is none of a dataset with boxes."""
    path = document.path
    numbered = numbered_lines(read_json_text(path, encoding))
    head = _head(path, *next(numbered, (1, b"")))
    entries: list[NdjsonEntry] = []
    findings: list[Finding] = []
    for number, line in numbered:
        try:
            entries.append(_entry(line, f"line {number}"))
        except BadJson as error:
            findings.append(Finding("record-unreadable", str(error), document.shown, f"line {number}"))
    return NdjsonDocument(head, tuple(entries), tuple(findings))


def _head(path: Path, number: int, line: bytes) -> DatasetLine:
    where = f"line {number}"
    try:
        head = decode(line, DatasetLine)
    except BadJson as error:
        raise AnnotationError(path, where, f"want an object about the dataset ({error})") from error
    if head.type != "dataset":
        raise AnnotationError(path, f"{where}: type", f"have {excerpt(head.type)}, want 'dataset'")
    if head.task is not None and head.task not in KEYS:
        words = f"have {excerpt(head.task)}, want labels with boxes: {', '.join(KEYS)}"
        raise AnnotationError(path, f"{where}: task", words)
    return head


def class_names(path: Path, head: DatasetLine) -> Mapping[int, str]:
    """The names of classes by number; none where `head` states none. Raises `AnnotationError`."""
    stated = head.class_names or {}
    listed = dict(enumerate(stated)) if isinstance(stated, list) else stated
    pairs = listed.items() if isinstance(listed, dict) else [(None, None)]
    names = {number: name for key, name in pairs if (number := whole(key)) is not None and isinstance(name, str)}
    if len(names) < len(pairs) or not all(0 <= number < MOST_CLASSES for number in names):
        raise AnnotationError(path, "class_names", f"have {excerpt(stated)}, want a name for each number of a class")
    return names


def _entry(line: bytes, where: str) -> NdjsonEntry:
    """The entry of a line. Raises `BadJson`."""
    image = decode(line, _ImageLine)
    width, height = whole(image.width) or 0, whole(image.height) or 0
    entry = NdjsonEntry(
        image.file if isinstance(image.file, str) else "",
        image.split if isinstance(image.split, str) else "",
        Size(width, height) if 0 < width < _LONGEST_SIDE and 0 < height < _LONGEST_SIDE else None,
        where,
    )
    if bytes(image.annotations) == b"null":
        return msgspec.structs.replace(entry, labelled=False)
    found = decode(image.annotations, dict[str, msgspec.Raw])
    key = next((key for key in found if key in _TASK_OF), "boxes")
    findings = []
    if others := [other for other in found if other != key]:
        words = f"not read: {', '.join(map(excerpt, others))}; Ultralytics takes the first of several keys alone"
        findings.append(Finding("shape-unread", words, where=f"{where}: annotations"))
    rows, classes = _rows(found.get(key, msgspec.Raw(b"[]")))
    return msgspec.structs.replace(entry, task=_TASK_OF[key], rows=rows, classes=classes, findings=tuple(findings))


def _rows(raw: msgspec.Raw) -> tuple[bytes, int]:
    """The rows in a list as lines of text, and one more than the largest class. Raises `BadJson`."""
    lines = list(map(_text, decode(raw, list[msgspec.Raw])))
    return b"\n".join(lines), max(map(_class, lines), default=-1) + 1


def _text(raw: msgspec.Raw) -> bytes:
    """The numbers of one row with blanks between, as they are written; NaN and Infinity stand in quotes."""
    text = bytes(raw).strip()
    inner = text[1:-1] if text[:1] == b"[" else text
    return b" ".join(inner.replace(b",", b" ").replace(b'"', b"").split()) or b"[]"


def _class(line: bytes) -> int:
    """The class of a row; -1 where it is none that a class table can hold."""
    word = line.partition(b" ")[0].removesuffix(b".0")
    return int(word) if word.isdigit() and len(word) < 6 and int(word) < MOST_CLASSES else -1


def digest_of(entries: Iterable[NdjsonEntry]) -> str:
    """The SHA-256 of the rows of `entries` of an image, the same where they are written and where they are read."""
    return bytes_sha256(b"".join(b"%b\n%b\n" % (entry.task.encode(), entry.rows) for entry in entries))


def texts_of(names: Any) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The names of keypoints by class in ``kpt_names``, -1 for all classes; what is no such name is left out."""
    pairs = names.items() if isinstance(names, dict) else [(-1, names)]
    for number, points in pairs:
        if isinstance(points, list) and all(isinstance(point, str) for point in points):
            yield -1 if (found := whole(number)) is None else found, tuple(points)
