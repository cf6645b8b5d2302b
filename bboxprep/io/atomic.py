"""Atomic writes: a reader sees a whole file or none. Each file is written beside its place under a temporary name, then
renamed. `write_unfinished` is for the files of an output that says of itself that it is unfinished.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import IO, TypeVar, cast

from bboxprep.errors import StorageError, TargetError
from bboxprep.io.paths import BINARY, error_reason
from bboxprep.io.remote import is_stored

Result = TypeVar("Result")
Place = Path | str
"""The path of an output file, as `output_path` gives it."""


def output_path(root: Path, path: str) -> Place:
    """The file at `path` below `root`: as text where possible, which is quicker to make for every image."""
    return cast("Path", root / path) if is_stored(root) else f"{root}{os.sep}{path}"


def write_bytes(path: Place, data: bytes, *, lasting: bool = False) -> None:
    """Write `data` to `path`, and make its folders. A `lasting` file is whole or absent after a power failure too.

    Raises `TargetError`.
    """
    try:
        if is_stored(path):
            path.put(data)
        else:
            _write_beside(path, data, lasting=lasting)
    except (StorageError, OSError, ValueError) as error:
        raise _target_error(error, path) from error


def write_unfinished(path: Place, data: bytes) -> None:
    """Write `data` to `path`, and make its folders, as a part of an unfinished output, whose journal says which files
    are whole: a new file is made in its place, in half the time. One that is there is replaced as by `write_bytes`.

    Raises `TargetError`.
    """
    try:
        handle = -1 if is_stored(path) else os.open(path, _NEW, 0o666)
    except (OSError, ValueError):
        handle = -1
    if handle < 0:  # it is there, or its folder is not
        write_bytes(path, data)
        return
    try:
        try:
            write_all(handle, data)
        finally:
            os.close(handle)
    except BaseException as error:
        Path(path).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _target_error(error, path) from error
        raise


def write_chunks(path: Place, chunks: Iterable[bytes]) -> None:
    """Write `chunks` one after the other to `path`, as `write_bytes` does. Raises `TargetError`."""
    with AtomicWriter(path) as file:
        for chunk in chunks:
            file.write(chunk)


class AtomicWriter:
    """A context manager that writes a file in parts; the file appears at its `path` at the end, on an error not at all.

    A `lasting` file is on the disk before it appears. `size` counts the bytes written. Raises `TargetError`.
    """

    def __init__(self, path: Place, *, lasting: bool = False) -> None:
        self._path = path
        self._lasting = lasting
        self._temporary = ""
        self._spool: TemporaryDirectory[str] | None = None  # of a file that a storage takes in one piece
        self.size = 0

    def __enter__(self) -> AtomicWriter:
        with as_target_error(self._path):
            self._file: IO[bytes]
            if is_stored(self._path):
                self._spool = TemporaryDirectory(prefix=TEMPORARY)
                self._temporary = os.path.join(self._spool.name, "file")  # noqa: PTH118
                self._file = Path(self._temporary).open("wb")
            else:
                handle, self._temporary = _temporary_beside(self._path)
                self._file = os.fdopen(handle, "wb")
        return self

    @property
    def stream(self) -> IO[bytes]:
        """The open file, for a library that writes to one."""
        return self._file

    def write(self, *chunks: bytes) -> None:
        """Add `chunks` at the end, one after the other."""
        with as_target_error(self._path):
            for chunk in chunks:
                self.size += self._file.write(chunk)

    def __exit__(self, kind: object, *_: object) -> None:
        whole = False
        try:
            with as_target_error(self._path):
                self._file.flush()
                if kind is None and self._lasting:
                    os.fsync(self._file.fileno())
                self._file.close()
                if kind is None:
                    self._put()
                    whole = True
        finally:
            if not whole or self._spool:
                Path(self._temporary).unlink(missing_ok=True)
            if self._spool:
                self._spool.cleanup()

    def _put(self) -> None:
        if is_stored(self._path):
            self._path.put_file(Path(self._temporary))
        else:
            os.replace(self._temporary, self._path)  # noqa: PTH105


@contextmanager
def as_target_error(path: PurePath | str, words: str = "cannot be written") -> Iterator[None]:
    """Turn an `OSError` about the output at `path` into a `TargetError` with the message `words`."""
    try:
        yield
    except (StorageError, OSError, ValueError) as error:
        raise _target_error(error, path, words) from error


def _target_error(error: Exception, path: PurePath | str, words: str = "cannot be written") -> TargetError:
    if isinstance(error, StorageError):
        return TargetError(f"{error}; what is done stays, `resume=True` goes on from there")
    return TargetError(f"{path}: {words} ({error_reason(error)})")


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are. Raises `TargetError`."""
    write_bytes(path, as_utf8(path, text))


def as_utf8(path: Path | str, text: str) -> bytes:
    """`text` as UTF-8, to be written to `path`. Raises `TargetError`."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TargetError(f"{path}: cannot be written ({error.object[error.start]!r} is no character)") from error


def _write_beside(path: Place, data: bytes, *, lasting: bool) -> None:
    """Write with system calls, because there is a label file for every image."""

    def fill(handle: int) -> None:
        write_all(handle, data)
        if lasting:
            os.fsync(handle)

    replace_file(path, fill)


def replace_file(path: Place, fill: Callable[[int], Result]) -> Result:
    """``fill(handle)`` of a new file, open for reading and writing, that then takes the place of `path`; after an error
    nothing has changed. Raises `OSError`.
    """
    handle, temporary = _temporary_beside(path)
    try:
        try:
            result = fill(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return result


def write_all(handle: int, data: bytes) -> None:
    """Write `data` to the open file `handle`. Raises `OSError`."""
    written = os.write(handle, data)
    while written < len(data):
        written += os.write(handle, memoryview(data)[written:])


def _temporary_beside(path: Place) -> tuple[int, str]:
    """A new file, open, in the folder of `path`, which is made; and its name."""
    folder = os.path.dirname(path)  # noqa: PTH120  (of 100,000 paths)
    while True:
        name = os.path.join(folder, temporary_name())  # noqa: PTH118
        try:
            return os.open(name, _NEW, 0o666), name
        except FileNotFoundError:
            Path(folder).mkdir(parents=True, exist_ok=True)
            return os.open(name, _NEW, 0o666), name
        except FileExistsError:  # left by a killed process that had the same number
            continue


def temporary_name() -> str:
    """A new name for an unfinished file of this process."""
    return f"{own_temporary()}{next(_numbers)}"


def own_temporary() -> str:
    """The prefix of the names of this process's unfinished files."""
    return f"{TEMPORARY}{os.getpid()}-"


TEMPORARY = ".bboxprep-"
"""The prefix of the names of unfinished files."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY | getattr(os, "O_NOFOLLOW", 0)
_numbers = count()
