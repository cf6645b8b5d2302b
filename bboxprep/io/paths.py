"""Paths and files that somebody else may have made: named below a root, kept inside of it, read up to a limit."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import cast

from bboxprep.errors import AnnotationError, SourceError
from bboxprep.io import remote
from bboxprep.io.remote import RemoteEntry, is_stored, plain_path

IMAGE_SUFFIXES = frozenset(  # of the files that are taken for images; matched in lower case
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif"}
    | {".tiff", ".webp"}
)
_CHUNK = 1 << 20  # bytes
BINARY = getattr(os, "O_BINARY", 0)
"""The flag of `os.open` without which Windows changes line ends; 0 elsewhere."""


def relative_path(path: PurePath, root: PurePath) -> str:
    """`path` as findings and records name a file: POSIX, below the folder `root`; the whole path where it lies
    elsewhere or `root` is that of the file system; "" for `root` itself.

    A member of an archive is named like a file in a folder: ``train-00000.tar/00000007.jpg``. `remote.open_path` of
    ``root / name`` leads back to the file. Text alone decides: no link is followed.
    """
    text, top = plain_path(path), plain_path(root)
    if text == top:
        return ""
    return text if str(root) == root.anchor else text.removeprefix(f"{top}/")


class Fence:
    """The folders that a data set may be read from: holds what lies in them, links followed."""

    def __init__(self, *roots: Path) -> None:
        self._roots = [resolved(root) for root in roots]
        self._folders: dict[str, bool] = {}

    def admit(self, root: Path) -> None:
        """Take in the folder `root` as well."""
        self._roots.append(resolved(root))
        self._folders.clear()

    def holds(self, path: Path) -> bool:
        """Whether `path` lies inside. A folder is resolved once; a link in it for itself."""
        folder = os.path.dirname(str(path))  # noqa: PTH120  (of 100,000 paths)
        if folder not in self._folders:
            self._folders[folder] = is_within(path.parent, *self._roots)
        if path.name in ("", "..") or path.is_symlink():
            return is_within(path, *self._roots)
        return self._folders[folder] or is_within(path, *self._roots)


def dataset_folder(root: Path) -> Path:
    """The folder of the data set at `root`: `root` itself, or the folder of a file (a COCO JSON, a data.yaml)."""
    return root if root.is_dir() else root.parent


def resolved(path: Path) -> Path:
    """`path` with its links followed; as it stands where they lead nowhere (a circle, or a name that cannot be)."""
    try:
        return _followed(path)
    except (OSError, RuntimeError, ValueError):
        return path.absolute()


def _followed(path: Path) -> Path:
    """`path` with its links followed, though nothing may be at its end.

    Strictly as far as it leads: from Python 3.13 on, a circle or a link that may not be read is else taken for a place.
    Raises `OSError`, RuntimeError or ValueError.
    """
    try:
        return path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return path.resolve()


def exists_safely(path: Path) -> bool:
    """Whether anything is at `path`, whatever its name is made of."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_within(path: Path, *roots: Path) -> bool:
    """Whether `path`, its links followed, is or lies below one of the `resolved` `roots`; False where it cannot."""
    try:
        place = _followed(path)
    except (OSError, RuntimeError, ValueError):
        return False
    return any(place.is_relative_to(root) for root in roots)


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of the file at `path`. Raises `AnnotationError`, before it reads, where they are more than `most` or it
    is no file (a pipe would be waited for).
    """
    try:
        said = path.stat()
        if not stat.S_ISREG(said.st_mode):
            raise AnnotationError(path, "", "cannot be read (want a file)")
        if said.st_size > most:
            raise AnnotationError(path, "", f"have {said.st_size:,} bytes, want at most {most:,}")
        return read_start(path, most)
    except (OSError, ValueError) as error:
        raise source_error(error, path) from error


def read_start(path: Path, most: int) -> bytes:
    """The bytes of the file at `path`, the first `most` of them where they are more. Raises `OSError`, and ValueError
    for a name that cannot be.
    """
    if is_stored(path):
        with path.open("rb") as file:
            return file.read(most)
    handle = os.open(path, os.O_RDONLY | BINARY)  # by the calls of the system alone: there may be 100,000 files
    try:
        read, size = [], max(os.fstat(handle).st_size, _CHUNK)
        while most and (chunk := os.read(handle, min(most, size))):
            read.append(chunk)
            most -= len(chunk)
        return b"".join(read)
    finally:
        os.close(handle)


def read_lines(path: Path, most: int) -> Iterator[bytes]:
    """The lines of the file at `path` with their ends, one after the other. Raises `AnnotationError`, also where a line
    has more than `most` bytes.
    """
    try:
        with path.open("rb") as file:
            while line := file.readline(most + 1):
                if len(line) > most:
                    raise AnnotationError(path, "", f"have a line of more than {most:,} bytes")
                yield line
    except (OSError, ValueError) as error:
        raise source_error(error, path) from error


@contextmanager
def scan(folder: Path) -> Iterator[Iterable[os.DirEntry[str] | RemoteEntry]]:
    """What is in `folder`, in no order. Raises `OSError`."""
    if is_stored(folder):
        yield folder.scan()
        return
    with os.scandir(folder) as entries:
        yield entries


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """`folder` and all below, each with the names of the folders and of the files in it, links not followed."""
    if is_stored(folder):
        yield from cast("Iterator[tuple[Path, list[str], list[str]]]", remote.walk(folder))
        return
    yield from ((Path(place), folders, names) for place, folders, names in os.walk(folder))


def normalized(path: Path) -> Path:
    """`path` without ``..``, links or not."""
    return cast("Path", path.normal()) if is_stored(path) else Path(os.path.normpath(path))


def common_folder(paths: Sequence[Path]) -> Path:
    """The folder that all of `paths` lie in. Raises ValueError where there is none."""
    stored = [path for path in paths if is_stored(path)]
    if not stored:
        return Path(os.path.commonpath(paths))
    if len(stored) < len(paths):
        raise ValueError("no folder holds them all")
    return cast("Path", remote.common_folder(stored))


def source_error(
    error: Exception, path: PurePath, kind: type[SourceError] = AnnotationError, words: str = "cannot be read"
) -> SourceError:
    """What the system raised over the file or folder at `path` as an error of the package:
    ``PATH: cannot be read (Permission denied)``.
    """
    return kind(path, "", f"{words} ({error_reason(error)})")


def error_reason(error: BaseException) -> str:
    """The words for it. A name that no file system can hold (a NUL in it, half a surrogate pair) is a ValueError."""
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)


def stem_of(name: str) -> str:
    """The `name` of a file without its suffix, as `os.path.splitext` has it, at a third of its cost."""
    stem, _, _ = name.rpartition(".")
    return stem if stem.strip(".") else name


def suffix_of(name: str) -> str:
    """The suffix of the `name` of a file, with its point."""
    return name[len(stem_of(name)) :]
