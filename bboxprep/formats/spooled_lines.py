"""Lines of a document that is written when all its images are known, kept outside of memory where they are many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile

from bboxprep.io.atomic import as_target_error, line_spool


class SpooledLines:
    """Lines of bytes in the order in which they were added. Raises `TargetError` where the disk of `root` is full."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._spool: SpooledTemporaryFile[bytes] = line_spool(root)

    def add(self, line: bytes) -> None:
        """Add a line, which has no line break in it."""
        with as_target_error(self._root):
            self._spool.write(line + b"\n")

    def joined(self, between: bytes) -> Iterator[bytes]:
        """All lines in chunks, with `between` after each but the last."""
        self._spool.seek(0)
        for number, line in enumerate(self._spool):
            yield (between if number else b"") + line[:-1]

    def close(self) -> None:
        """Remove the lines."""
        self._spool.close()

    def __del__(self) -> None:
        self.close()
