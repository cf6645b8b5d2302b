"""Scans a COCO document once, in windows, and keeps the byte range of each record: the file may exceed the memory.

The JSON is never decoded as a whole. For each list (images, annotations, categories) the scan notes the start and the
length of every record; a record is decoded when it is used. A window is cut between two records, at the bytes ``},{``.
These bytes may also lie in a string or a nested list, so the part before the cut is decoded: if that succeeds, its
brackets are balanced and the cut is right. What follows the first window of a long list is cut into parts ahead, which
several processes decode (`record_parts`).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import AnnotationError
from bboxprep.formats.api import MapEngine
from bboxprep.formats.coco.json_ends import end_of_value, ends_of_records
from bboxprep.formats.coco.record_parts import Extract, PartReader, RecordPart, records_in, spans
from bboxprep.formats.coco.record_ranges import RecordRanges, refuse_other_text
from bboxprep.io import lenient_json
from bboxprep.io.lenient_json import BadJson
from bboxprep.io.paths import source_error
from bboxprep.io.text import as_utf8, utf8_copy
from bboxprep.model.categories import MOST_CLASSES

LISTS = ("images", "annotations", "categories")
WINDOW = 8 << 20  # bytes that are scanned together; it grows for a longer record
MOST_VALUE = 64 << 20  # bytes of a record, and of a value beside the lists

_MOST_EXPLAINED = 1 << 28  # bytes of an invalid file that is read again as a whole, to name the line
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NONE = np.zeros(0, dtype=np.int64)

Collect = Callable[[str, Any], None]
"""A callback that gets the name of a list, and what `Extract` returned for the next records of it."""


class Document(msgspec.Struct, frozen=True, eq=False):
    """One annotation file: the byte ranges of the records of its three lists, and its other members (`extra`).
    `labelled`: it has a list of annotations, be it empty.
    """

    path: Path
    images: RecordRanges
    annotations: RecordRanges
    categories: RecordRanges
    extra: Mapping[str, object]
    labelled: bool = True


def load(
    path: Path,
    extract: Extract = lambda _name, _records: None,
    collect: Collect = lambda _name, _found: None,
    encoding: str = "",
    spread: MapEngine = map,
) -> Document:
    """The document at `path`. `extract` is called with the records of its lists, where `spread` runs, and `collect`
    with its results, in the order of the records.

    Raises `AnnotationError` if it cannot be read or is not a document of boxes.
    """
    try:
        text = utf8_copy(path, encoding)
        with text.open("rb") as file:
            scan = _Scan(text, text.stat().st_size, _Window(file), extract, collect, spread)
            scan.run()
    except OSError as error:
        raise source_error(error, path) from error
    except BadJson as error:
        raise _explained(path, text, str(error)) from error
    for name, problem in scan.faults.items():
        raise AnnotationError(path, name, problem)
    if "images" not in scan.members:
        have = ", ".join(scan.members) or "nothing"
        raise AnnotationError(path, "images", f"missing (have {have}, want a list of images)")
    images, annotations, categories = (scan.ranges(text, name) for name in LISTS)
    refuse_other_text(path, categories, range(min(len(categories), MOST_CLASSES)))
    if len(annotations) and (kind := _other_kind(annotations[0])):
        raise AnnotationError(
            path, "annotations[0]", f"have {kind}, want boxes (COCO calls that file instances_*.json)"
        )
    return Document(path, images, annotations, categories, scan.extra, "annotations" in scan.starts)


@dataclass
class _Window:
    """The part of a file that is in memory, from the offset `start` on."""

    file: BinaryIO
    data: bytes = b""
    start: int = 0

    def more(self) -> bool:
        """Double the window, or read a first one; False at the end of the file. Raises `BadJson`."""
        room = MOST_VALUE - len(self.data)
        if room <= 0:
            raise BadJson(f"a value of more than {MOST_VALUE:,} bytes")
        new = self.file.read(min(max(WINDOW, len(self.data)), room))
        self.data += new
        return bool(new)

    def move_to(self, start: int) -> None:
        """Go on from the offset `start`."""
        self.file.seek(start)
        self.data, self.start = b"", start

    def drop(self, count: int) -> None:
        self.data = self.data[count:]
        self.start += count

    def next_byte(self) -> bytes:
        """Drop white space and return the next byte without dropping it; b"" at the end of the file."""
        while True:
            stripped = self.data.lstrip()
            self.drop(len(self.data) - len(stripped))
            if self.data or not self.more():
                return self.data[:1]

    def take(self, wanted: bytes) -> None:
        """Drop the next byte, which must be `wanted`. Raises `BadJson`."""
        if self.next_byte() != wanted:
            raise BadJson(f"want {wanted.decode()}")
        self.drop(1)

    def value(self) -> bytes:
        """Drop the next JSON value and return its bytes. Raises `BadJson`."""
        while (end := end_of_value(self.data)) < 0:
            if not self.more():
                raise BadJson("the file ends within a value")
        value = self.data[:end]
        self.drop(end)
        return value


class _Scan(msgspec.Struct):
    """One scan of a document."""

    path: Path  # of the text in UTF-8
    length: int  # of that file
    window: _Window
    extract: Extract
    collect: Collect
    spread: MapEngine
    members: dict[str, None] = msgspec.field(default_factory=dict)
    extra: dict[str, object] = msgspec.field(default_factory=dict)
    faults: dict[str, str] = msgspec.field(default_factory=dict)
    starts: dict[str, list[NDArray[np.int64]]] = msgspec.field(default_factory=dict)
    lengths: dict[str, list[NDArray[np.int64]]] = msgspec.field(default_factory=dict)

    def run(self) -> None:
        window = self.window
        window.more()
        window.drop(len(window.data) - len(window.data.removeprefix(codecs.BOM_UTF8)))
        window.take(b"{")
        if window.next_byte() != b"}":
            self._member()
            while window.next_byte() == b",":
                window.drop(1)
                self._member()
        window.take(b"}")
        if window.next_byte():
            raise BadJson("something follows the document")

    def ranges(self, path: Path, name: str) -> RecordRanges:
        starts, lengths = (np.concatenate([_NONE, *parts.get(name, ())]) for parts in (self.starts, self.lengths))
        return RecordRanges(path, starts, lengths)

    def _member(self) -> None:
        name = lenient_json.decode(self._key(), str)
        self.window.take(b":")
        if name in self.members:
            self.faults[name] = "stands twice"
        self.members[name] = None
        first = self.window.next_byte()
        if name not in LISTS:
            self._other(name, self.window.value())
            return
        if first == b"[":
            self.starts[name], self.lengths[name] = [], []
            self.window.drop(1)
            for part in self._parts(PartReader(self.path, name, self.extract)):
                self.starts[name].append(part.starts)
                self.lengths[name].append(part.lengths)
                self.collect(name, part.found)
        elif self.window.value().strip() != b"null":
            self.faults.setdefault(name, "want a list")

    def _other(self, name: str, value: bytes) -> None:
        try:
            self.extra[name] = lenient_json.decode_with_nan(value, object, lenient_json.as_text_tokens)
        except BadJson as error:
            if not _is_json(value):
                raise
            self.faults[name] = f"cannot be read ({error})"

    def _key(self) -> bytes:
        self.window.next_byte()
        while (found := _STRING.match(self.window.data)) is None:
            if self.window.data[:1] not in (b'"', b"") or not self.window.more():
                raise BadJson("want a name in double quotes")
        self.window.drop(found.end())
        return found[0]

    def _parts(self, reader: PartReader) -> Iterator[RecordPart]:
        """The records of the list that comes next: a window of them, then all others by `spread`, and where that stops
        window by window.
        """
        window, ahead = self.window, True
        if window.next_byte() == b"]":
            window.drop(1)
            return
        while True:
            size, records = self._batch()
            yield reader.part(window.data[:size], window.start, records)
            window.drop(size)
            if self._list_ends():
                return
            if ahead and self.length - window.start > 2 * WINDOW:
                yield from self._ahead(reader)
                ahead = False

    def _ahead(self, reader: PartReader) -> Iterator[RecordPart]:
        """The parts that `reader` finds from here on, as far as they are whole records; the window follows them."""
        end = 0
        cut = spans(reader.path, self.window.start, self.length, WINDOW, MOST_VALUE)
        for part in self.spread(reader, cut):
            if part is None:
                break
            yield part
            end = part.end
        if end:
            self.window.move_to(end)
            self.window.take(b",")
            self.window.next_byte()

    def _list_ends(self) -> bool:
        """Whether the list ends here; if not, the comma before its next record is dropped. Raises `BadJson`."""
        window = self.window
        if window.next_byte() == b",":
            window.drop(1)
            if window.next_byte() == b"]":
                raise BadJson("a comma before the end of a list")
            return False
        if window.next_byte() != b"]":
            raise BadJson("want a comma or the end of a list")
        window.drop(1)
        return True

    def _batch(self) -> tuple[int, Sequence[msgspec.Raw]]:
        """The number of bytes of the next records, and the records."""
        while True:
            data = self.window.data
            for end in ends_of_records(data):
                try:
                    return end, records_in(data[:end])
                except BadJson as error:
                    # The bracket of the list itself closes the array that `records_in` opens, so the list ends in this
                    # part. The byte that is reported counts from 1, and the added "[" too: hence 2.
                    if beyond := lenient_json.what_follows(str(error)):
                        end = len(data[: beyond - 2].rstrip()) - 1
                        return end, records_in(data[:end])
            if not self.window.more():
                raise BadJson("a list is not whole")


def _is_json(value: bytes) -> bool:
    """Whether `value` is well-formed JSON of any type."""
    try:
        lenient_json.decode_with_nan(value, msgspec.Raw, lenient_json.as_long_tokens)
    except BadJson:
        return False
    return True


def _explained(path: Path, text: Path, problem: str) -> AnnotationError:
    """The error for an invalid document at `path`, in UTF-8 at `text`; with line and column if it is small enough to be
    read again.
    """
    if text.stat().st_size > _MOST_EXPLAINED:
        return AnnotationError(path, "", f"not JSON ({problem})")
    data = lenient_json.as_long_tokens(as_utf8(text.read_bytes()))
    start = data[:4096].strip()
    if not start:
        return AnnotationError(path, "", "the file is empty (want a COCO document)")
    try:
        lenient_json.decode(data, dict[str, msgspec.Raw])
    except BadJson as error:
        problem = str(error)
    if problem.startswith("Expected `object`"):
        results = start.startswith(b"[") and b'"image_id"' in start
        have = "a list of results, which names no images or classes" if results else "another kind of JSON"
        return AnnotationError(path, "", f"have {have}; want an object with images, annotations and categories")
    where, words = lenient_json.line_and_column(data, problem)
    return AnnotationError(path, where, f"not JSON ({words})")


def _other_kind(first: bytes) -> str:
    """The COCO task (captions, panoptic …) of a record that is no box; "" if it may be a box."""
    try:
        record = lenient_json.decode(first, dict[str, msgspec.Raw])
    except BadJson:
        return ""
    if "segments_info" in record:
        return "panoptic segments"
    return "captions" if "caption" in record and not record.keys() & {"bbox", "segmentation"} else ""
