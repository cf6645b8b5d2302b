"""The lines of each result: those of its images in ``bboxprep.images.jsonl`` and in the sidecar.

They are most of a result, and the output holds them, so that the journal does not store them again: it stores their
place. That is one file beside the journal until the run ends, and then the two files of the output. A run that is
killed finds them in the first, a later run in the second. Where another program has changed them, or a power failure
has taken them, their checksum differs; the batch is then done again.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated, NamedTuple
from zlib import crc32

import msgspec

from bboxprep.io.atomic import as_target_error, write_all
from bboxprep.io.paths import BINARY
from bboxprep.pipeline.output.image_rows import IMAGES
from bboxprep.pipeline.sidecar.schema import SIDECAR

_Start = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**28)]
_OPEN = BINARY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # another program may put a pipe there


class ResultLines(NamedTuple):
    """The lines of a batch: its `rows` of ``bboxprep.images.jsonl`` and its `sidecar` lines."""

    rows: bytes
    sidecar: bytes

    @property
    def checksum(self) -> int:
        """The CRC-32 of both."""
        return crc32(self.sidecar, crc32(self.rows))


class LinesPlace(msgspec.Struct, frozen=True, array_like=True):
    """The place of the lines of a batch: where `rows` and `sidecar` begin, and how many bytes they are. They lie in the
    files of the output if `finished`, else in the file beside the journal.
    """

    finished: bool
    rows: _Start
    row_bytes: _Size
    sidecar: _Start
    sidecar_bytes: _Size
    checksum: _Start


class LineStore:
    """The lines of an unfinished run, in a file at `path`; those of a finished one lie below `dest`."""

    def __init__(self, path: Path, dest: Path) -> None:
        self._path = path
        self._dest = dest
        self._handle = -1

    def add(self, lines: ResultLines) -> LinesPlace:
        """Add `lines` at the end; returns their place. Raises `TargetError`."""
        rows, sidecar = map(len, lines)
        with as_target_error(self._path):
            if self._handle < 0:
                self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _OPEN, 0o666)
            start = os.fstat(self._handle).st_size
            for part in filter(None, lines):
                write_all(self._handle, part)
        return LinesPlace(False, start, rows, start + rows, sidecar, lines.checksum)

    def read(self, place: LinesPlace) -> ResultLines | None:
        """The lines at `place`; None where they cannot be read, or are no longer those."""
        rows, sidecar = (self._dest / IMAGES, self._dest / SIDECAR) if place.finished else (self._path, self._path)
        try:
            lines = ResultLines(
                _bytes_of(rows, place.rows, place.row_bytes), _bytes_of(sidecar, place.sidecar, place.sidecar_bytes)
            )
        except OSError:
            return None
        return lines if lines.checksum == place.checksum else None

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def remove(self) -> None:
        """Remove the file, whose lines no run needs. Raises `TargetError`."""
        self.close()
        with as_target_error(self._path):
            self._path.unlink(missing_ok=True)


def _bytes_of(path: Path, start: int, size: int) -> bytes:
    """So many bytes of the file at `path`, fewer where it ends before; where `size` is 0 it is not opened. Raises
    `OSError`, also for what is no file.
    """
    if not size:
        return b""
    with os.fdopen(os.open(path, os.O_RDONLY | _OPEN), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path}: is no file")
        file.seek(start)
        return file.read(size)
