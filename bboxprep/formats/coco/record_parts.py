"""Cuts the rest of a long list of records into parts, which several processes decode.

A part ends between two records, at the bytes ``},{``. These may also lie in a string or in a nested list. A part that
is whole records ends where one ends, so the next one begins where one begins: the parts are right up to the first that
is not, and from there on the list is read in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.coco.json_ends import BOUNDARY
from bboxprep.formats.coco.record_ranges import read_range
from bboxprep.io import lenient_json
from bboxprep.io.lenient_json import BadJson

_FIRST = re.compile(rb"[^\s,]")
_NEAR = 1 << 16  # bytes that are searched together for the end of a part

Extract = Callable[[str, Sequence[msgspec.Raw]], Any]
"""A function of the name of a list and some of its records, which are valid during the call only; its result and it
itself are pickled.
"""


class RecordPart(NamedTuple):
    """Consecutive records of a list: their byte offsets `starts` (N,) and `lengths` (N,) in the file, both int64, and
    what `Extract` returned for them.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    found: Any

    @property
    def end(self) -> int:
        """The offset behind the last record."""
        return int(self.starts[-1] + self.lengths[-1])


class PartReader(msgspec.Struct, frozen=True):
    """Reads parts of the list `name` of the UTF-8 file at `path`; plain data, which is pickled for worker processes."""

    path: Path
    name: str
    extract: Extract

    def __call__(self, span: tuple[int, int]) -> RecordPart | None:
        """The records from the byte ``span[0]`` up to ``span[1]``; None where these bytes are not whole records."""
        start, end = span
        data = read_range(self.path, start, end - start)
        if len(data) < end - start:
            return None
        try:
            return self.part(data, start, records_in(data))
        except BadJson:
            return None

    def part(self, data: bytes, start: int, records: Sequence[msgspec.Raw]) -> RecordPart:
        """The part of these `records`, which are all in `data`, the bytes of the file from `start` on."""
        lengths = np.array(list(map(len, records)), dtype=np.int64)
        if lengths.sum() + len(records) - 1 == len(data):  # single commas between records, no white space
            starts = np.cumsum(lengths + 1) - (lengths + 1)
        else:
            starts = np.array(list(_starts(data, records)), dtype=np.int64)
        return RecordPart(start + starts, lengths, self.extract(self.name, records))


def spans(path: Path, start: int, length: int, size: int, most: int) -> Iterator[tuple[int, int]]:
    """The first and the last byte of each part, of `size` bytes or a little more, of the records that begin at `start`
    in the file at `path`, which has `length` bytes. What is left at the end is in no part, nor is anything behind
    `most` bytes without a boundary.
    """
    while length - start > size:
        near = start + size
        while (found := BOUNDARY.search(read_range(path, near, _NEAR))) is None:
            near += _NEAR // 2
            if near > min(start + most, length):
                return
        yield start, near + found.start() + 1
        start = near + found.end() - 1


def records_in(data: bytes) -> Sequence[msgspec.Raw]:
    """The undecoded records in `data`, which are separated by commas. Raises `BadJson`."""
    return lenient_json.decode_with_nan(b"[%b]" % data, list[msgspec.Raw], lenient_json.as_long_tokens)


def _starts(data: bytes, records: Sequence[msgspec.Raw]) -> Iterator[int]:
    """The offset of each of `records` in `data`, which starts with them; white space may lie between."""
    place = 0
    for record in records:
        found = _FIRST.search(data, place)
        place = found.start() if found else place
        yield place
        place += len(record)
