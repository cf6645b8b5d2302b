"""Atomic writes: a reader sees a whole file or none. Each file is written beside its place under a temporary name, then
renamed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import IO, cast

from bboxprep.errors import ImageError, StorageError, TargetError
from bboxprep.io.paths import BINARY, error_reason, source_error
from bboxprep.io.remote import is_stored

Place = Path | str
"""The path of an output file, as `output_path` gives it."""

_CHUNK = 1 << 20  # bytes


def spool_dir(root: Path) -> str | None:
    """The folder for temporary files of an output at `root`; None for that of the system."""
    return None if is_stored(root) else str(root)


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


def link_or_copy(source: Path, path: Place) -> str:
    """Put the file `source` at `path`: as a hard link where the file system allows, else as a copy.

    A symbolic link is followed first, so the output never depends on one. Returns the SHA-256 of a copy, "" for a link.
    Raises `ImageError` where `source` is no file that can be read, and `TargetError`.
    """
    origin = _origin(source)
    if not (is_stored(origin) or is_stored(path)) and _linked(origin, path):
        return ""
    hashed = sha256()
    with AtomicWriter(path) as file:
        for chunk in _chunks(origin):
            hashed.update(chunk)
            file.write(chunk)
    return hashed.hexdigest()


def _origin(source: Path) -> Path:
    """`source` with its links followed. Raises `ImageError` where that is no file: to read a pipe would block."""
    origin = source
    try:
        mode = (source.stat() if is_stored(source) else os.lstat(source)).st_mode
        if stat.S_ISLNK(mode):
            origin = source.resolve(strict=True)
            mode = origin.stat().st_mode
    except (OSError, RuntimeError, ValueError) as error:
        raise source_error(error, source, ImageError) from error
    if not stat.S_ISREG(mode):
        raise ImageError(source, "", "cannot be read (want a file)")
    return origin


def _chunks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except (OSError, ValueError) as error:
        raise source_error(error, source, ImageError) from error


def _linked(origin: Path, path: Place) -> bool:
    """Make `path` a hard link to `origin`, in the place of any other file; whether that was possible."""
    try:
        try:
            _link(origin, path)
        except FileExistsError:
            if not Path(path).samefile(origin):
                _link_over(origin, Path(path))
    except (OSError, ValueError):
        return False
    return True


def _link_over(origin: Path, path: Path) -> None:
    beside = path.with_name(_temporary_name())
    os.link(origin, beside)
    try:
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _write_beside(path: Place, data: bytes, *, lasting: bool) -> None:
    """Write with system calls, because there is a label file for every image."""
    handle, temporary = _temporary_beside(path)
    try:
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(handle, left) :]
            if lasting:
                os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _temporary_beside(path: Place) -> tuple[int, str]:
    """A new file, open, in the folder of `path`, which is made; and its name."""
    folder = os.path.dirname(path)  # noqa: PTH120  (of 100,000 paths)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY | getattr(os, "O_NOFOLLOW", 0)
    while True:
        name = os.path.join(folder, _temporary_name())  # noqa: PTH118
        try:
            return os.open(name, flags, 0o666), name
        except FileNotFoundError:
            Path(folder).mkdir(parents=True, exist_ok=True)
            return os.open(name, flags, 0o666), name
        except FileExistsError:  # left by a killed process that had the same number
            continue


def _temporary_name() -> str:
    return f"{own_temporary()}{next(_numbers)}"


def own_temporary() -> str:
    """The prefix of the names of this process's unfinished files."""
    return f"{TEMPORARY}{os.getpid()}-"


def _link(origin: Path, path: Place) -> None:
    try:
        os.link(origin, path)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        os.link(origin, path)


TEMPORARY = ".bboxprep-"
"""The prefix of the names of unfinished files."""

_numbers = count()
