"""Reads JSON records of a file by their byte ranges."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import AnnotationError
from bboxprep.io.paths import refuse_passing
from bboxprep.io.remote import is_stored
from bboxprep.io.text import decode, not_decoded


@dataclass(frozen=True, eq=False)
class RecordRanges(Sequence[bytes]):
    """The N records of one list in the file at `path`, read on access.

    `starts` (N,) int64 are the byte offsets of the records in the file, from the first byte of each (``{``); `lengths`
    (N,) int64 are their bytes, up to and including the last (``}``). Between two records lie a comma and white space. A
    record is b"" if the file can no longer be read.
    """

    path: Path
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    _open: _Open = field(default_factory=lambda: _Open(), repr=False)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return self._open.read(self.path, int(self.starts[index]), int(self.lengths[index]))

    def joined(self, places: NDArray[np.int64]) -> bytes:
        """The records at `places` (K,) int64, separated by commas.

        Consecutive records are read with one call, from the start of the first to the end of the last: the bytes
        between them are the commas of the file.
        """
        if not len(places):
            return b""
        apart = np.flatnonzero(np.diff(places) != 1)  # ends of runs of consecutive records, without the last end
        firsts, lasts = places[np.concatenate(([0], apart + 1))], places[np.concatenate((apart, [-1]))]
        starts = self.starts[firsts]
        lengths = self.starts[lasts] + self.lengths[lasts] - starts
        return b",".join(self._open.read_all(self.path, starts.tolist(), lengths.tolist()))


def read_range(path: Path, start: int, length: int) -> bytes:
    """Up to `length` bytes of the file at `path` from `start` on; b"" where it cannot be read."""
    return _Open().read(path, start, length)


def refuse_other_text(path: Path, records: RecordRanges, places: Iterable[int]) -> None:
    """Raise `AnnotationError` where one of the `records` at `places` in the document at `path` is not UTF-8 text.

    msgspec looks into strings only where it decodes them.
    """
    for place in places:
        try:
            decode(records[place])
        except UnicodeDecodeError as error:
            at = int(records.starts[place]) + error.start
            raise AnnotationError(path, f"byte {at}", not_decoded(error)) from error


class _Open:
    """Keeps a file open, with one descriptor for each process, since forked processes would share the position.

    It is a bare descriptor, since a file object that the garbage collector finds first would raise a ResourceWarning.
    """

    def __init__(self) -> None:
        self._descriptor = -1
        self._process = 0
        self._lock = Lock()

    def read(self, path: Path, start: int, length: int) -> bytes:
        return self.read_all(path, (start,), (length,))[0]

    def read_all(self, path: Path, starts: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        if is_stored(path):
            return [path.read_range(start, start + length) for start, length in zip(starts, lengths, strict=True)]
        if self._process != os.getpid():
            self._close()
            self._process, self._lock = os.getpid(), Lock()
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            places = zip(starts, lengths, strict=True)
            if hasattr(os, "pread"):
                return [os.pread(self._descriptor, length, start) for start, length in places]
            with self._lock:
                return [_seek_and_read(self._descriptor, start, length) for start, length in places]
        except OSError as error:
            refuse_passing(error, path)
            return [b""] * len(starts)

    def _close(self) -> None:
        if self._descriptor >= 0:
            with suppress(OSError):  # what was read stays true
                os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self._close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Open, ()


def _seek_and_read(descriptor: int, start: int, length: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    return os.read(descriptor, length)
