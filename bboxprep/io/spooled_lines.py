"""Lines of a document that is written when all its images are known, kept outside of memory where they are many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile

from bboxprep.io.atomic import as_target_error
from bboxprep.io.remote import is_stored

_BYTES = 4 * 1024**2  # in memory; more go to a file
_PIECE = 1 << 18  # bytes of lines that are written to it together


class SpooledLines:
    """Lines of an output at `root`, in the order in which they were added; iterating gives them without their ends.

    Raises `TargetError` where the disk of `root` is full.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._spool = _spool(root)
        self._last: list[bytes] = []  # not written yet
        self._bytes = 0  # of these

    def add(self, line: bytes) -> None:
        """Add `line`, without its end. Several lines, with ends between them, are added as such."""
        self._last.append(line)
        self._bytes += len(line)
        if self._bytes >= _PIECE:
            self._write()

    def _write(self) -> None:
        with as_target_error(self._root):
            self._spool.write(b"\n".join([*self._last, b""]))
        self._last, self._bytes = [], 0

    def __iter__(self) -> Iterator[bytes]:
        self._write()
        self._spool.seek(0)
        for line in self._spool:
            yield line[:-1]

    def joined(self, between: bytes) -> Iterator[bytes]:
        """All lines in chunks, with `between` after each but the last."""
        for number, line in enumerate(self):
            yield (between if number else b"") + line

    def close(self) -> None:
        """Remove the lines."""
        self._spool.close()

    def __del__(self) -> None:
        self.close()


def _spool(root: Path) -> SpooledTemporaryFile[bytes]:
    """In the folder of the output if that is local."""
    return SpooledTemporaryFile(_BYTES, dir=None if is_stored(root) else str(root))
