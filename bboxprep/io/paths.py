"""Paths and files from untrusted sources: paths relative to a root, allowed folders, reads up to a limit."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path, PurePath
from typing import cast

from bboxprep.errors import AnnotationError, SourceError, UsageError
from bboxprep.io import remote
from bboxprep.io.remote import is_stored, plain_path, unpacked_name

USUAL_SUFFIXES = {".jpeg": ".jpg", ".mpo": ".jpg", ".tiff": ".tif"}  # of other suffixes that trainers know as well
IMAGE_SUFFIXES = frozenset(  # of image files; matched in lower case
    {
        ".avif",
        ".bmp",
        ".gif",
        ".heic",
        ".heif",
        ".hif",
        ".j2c",
        ".j2k",
        ".jfif",
        ".jp2",
        ".jpe",
        ".jpeg",
        ".jpf",
        ".jpg",
    }
    | {".jpx", ".jxl", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)
_CHUNK = 1 << 20  # bytes
_ABOUT_PATHS = frozenset(  # errors that tell something about a path, and would be the same again
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM}
    | {errno.EINVAL, errno.EILSEQ, errno.ENODEV, errno.ENXIO, errno.EBADF}
)
BINARY = getattr(os, "O_BINARY", 0)
"""The flag of `os.open` that stops Windows from changing line ends; 0 elsewhere."""
_AT_ONCE = os.O_RDONLY | BINARY | getattr(os, "O_NONBLOCK", 0)  # does not wait for the other end of a pipe


NOT_FOLLOWED = "not followed (`follow_links` names a folder that links may lead into)"
READ_ONCE = "a link to a folder that is read at its own place; not read twice"
LINK_OUT = f"a link that leads out of the dataset; {NOT_FOLLOWED}"


def relative_path(path: PurePath, root: PurePath) -> str:
    """`path` below the folder `root`, POSIX, as findings and records name a file; "" for `root` itself. The whole path
    where it lies elsewhere, or where `root` is the root of the file system.

    A member of an archive is named like a file in a folder: ``train-00000.tar/00000007.jpg``. `remote.open_path` of
    ``root / name`` leads back to the file. Text alone decides: no link is followed.
    """
    return _below(plain_path(path), root)


def text_below(path: str, root: PurePath) -> str:
    """`relative_path` of the local path whose text is `path`, which takes a tenth of the time."""
    return _below(path if os.sep == "/" else path.replace(os.sep, "/"), root)


def _below(text: str, root: PurePath) -> str:
    top, begin = _beginning(root)
    return "" if text == top else text.removeprefix(begin)


@lru_cache(maxsize=64)
def _beginning(root: PurePath) -> tuple[str, str]:
    """`root` as text, and the prefix of all paths below it. Cached, because it is used for every image."""
    top = plain_path(root)
    return top, "" if str(root) == root.anchor else f"{top}/"


class AllowedFolders:
    """The folders that a data set may be read from. Links are followed, so that none leads to another place; what is
    made with `links_admitted` keeps these.
    """

    def __init__(self, *roots: Path) -> None:
        self._roots = [*map(resolved, roots), *_admitted.get()]
        self._folders: dict[str, bool] = {}

    def admit(self, root: Path) -> None:
        """Add the folder `root`."""
        self._roots.append(resolved(root))
        self._folders.clear()

    def holds(self, path: Path) -> bool:
        """Whether `path` lies in one of the folders. Each folder on the way is resolved once."""
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
    """`path` with its links followed; only made absolute where that fails (a loop of links, an invalid name). Raises
    `UsageError` where it is relative to a working folder that is gone.
    """
    try:
        return _followed(path)
    except (OSError, RuntimeError, ValueError) as error:
        refuse_passing(error, path)
    try:
        return path.absolute()
    except OSError as error:
        raise UsageError(
            f"{path}: is relative to the working folder, which is gone ({error_reason(error)}); want an absolute path"
        ) from error


def _followed(path: Path) -> Path:
    """`path` with its links followed; nothing has to exist at its end.

    Strict first: otherwise Python 3.13 treats a loop or an unreadable link as an ordinary name. Raises `OSError`,
    RuntimeError or ValueError.
    """
    try:
        return path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return path.resolve()


def folder_name(path: Path) -> str:
    """The name of the folder at `path`, its links followed; that of an archive is without the suffix, as is that of the
    folder it would be unpacked into.
    """
    folder = resolved(path)
    return unpacked_name(folder.name) if is_stored(folder) else folder.name


def exists_safely(path: Path) -> bool:
    """Whether anything is at `path`; False for a name that no file system can hold."""
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        refuse_passing(error, path)
        return False


def is_file_safely(path: Path) -> bool:
    """Whether a file is at `path`, whatever its name is made of."""
    try:
        return path.is_file()
    except (OSError, ValueError) as error:
        refuse_passing(error, path)
        return False


def is_within(path: Path, *roots: Path) -> bool:
    """Whether `path`, its links followed, is or lies below one of the `resolved` `roots`, or a folder of
    `links_admitted`; False where that fails.
    """
    try:
        place = _followed(path)
    except (OSError, RuntimeError, ValueError) as error:
        refuse_passing(error, path)
        return False
    return any(place.is_relative_to(root) for root in (*roots, *_admitted.get()))


@contextmanager
def links_admitted(*folders: Path) -> Iterator[None]:
    """A context in which links may lead into `folders` too: an output of symbolic links has its images in its source, a
    data set of links (a snapshot of Hugging Face's cache) has its files elsewhere, and only a user can say that these
    are to be read.
    """
    token = _admitted.set((*_admitted.get(), *(resolved(folder) for folder in folders if not is_stored(folder))))
    try:
        yield
    finally:
        _admitted.reset(token)


def folder_of_links(text: str) -> tuple[Path, ...]:
    """The folder that `text` says links may lead into; none for "". Raises `UsageError` where it is no folder."""
    if text and not Path(text).is_dir():
        raise UsageError(f"`follow_links`: have {text!r}, want a folder that holds what the links lead to")
    return (Path(text),) if text else ()


_admitted: ContextVar[tuple[Path, ...]] = ContextVar("_admitted", default=())


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of the file at `path`. Raises `AnnotationError`; before it reads, for a file of more than `most` bytes
    and for a pipe or device, which would block.
    """
    try:
        remote_path: bool = is_stored(path)
        if remote_path:
            _refuse_other(path, path.stat(), most)
            return read_start(path, most)
        handle = os.open(path, _AT_ONCE)  # system calls, for there may be 100,000 files
        try:
            status = os.fstat(handle)
            _refuse_other(path, status, most)
            return _read(handle, status.st_size, most)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise source_error(error, path) from error


def _refuse_other(path: Path, status: os.stat_result, most: int) -> None:
    """Raise `AnnotationError` where the `status` of `path` is that of no file, or of one of more than `most` bytes."""
    if not stat.S_ISREG(status.st_mode):
        raise AnnotationError(path, "", "cannot be read (want a file)")
    if status.st_size > most:
        raise AnnotationError(path, "", f"have {status.st_size:,} bytes, want at most {most:,}")


def read_start(path: Path | str, most: int) -> bytes:
    """The first `most` bytes of the file at `path`. Raises `OSError`, and ValueError for an invalid name."""
    if is_stored(path):
        with path.open("rb") as file:
            return file.read(most)
    handle = os.open(path, os.O_RDONLY | BINARY)
    try:
        return _read(handle, os.fstat(handle).st_size, most)
    finally:
        os.close(handle)


def _read(handle: int, size: int, most: int) -> bytes:
    """The first `most` bytes of the open file `handle`, which has `size` bytes or more."""
    read, size = [], max(size, _CHUNK)
    while most and (chunk := os.read(handle, min(most, size))):
        read.append(chunk)
        most -= len(chunk)
    return b"".join(read)


def read_lines(path: Path, most: int) -> Iterator[bytes]:
    """The lines of the file at `path` with their line ends, one by one. Raises `AnnotationError`, also for a line of
    more than `most` bytes.
    """
    try:
        with path.open("rb") as file:
            while line := file.readline(most + 1):
                if len(line) > most:
                    raise AnnotationError(path, "", f"have a line of more than {most:,} bytes")
                yield line
    except (OSError, ValueError) as error:
        raise source_error(error, path) from error


def normalized(path: Path) -> Path:
    """`path` without ``..``, by its text alone."""
    return cast("Path", path.normal()) if is_stored(path) else Path(os.path.normpath(path))


def common_folder(paths: Sequence[Path]) -> Path:
    """The folder that all of `paths` lie in. Raises ValueError where there is none."""
    stored = [path for path in paths if is_stored(path)]
    if not stored:
        return Path(os.path.commonpath(paths))
    if len(stored) < len(paths):
        raise ValueError("they have no common folder")
    return cast("Path", remote.common_folder(stored))


def source_error(
    error: Exception, path: PurePath, kind: type[SourceError] = AnnotationError, words: str = "cannot be read"
) -> SourceError:
    """The system's `error` about the file or folder at `path` as an error of the package, as in
    ``PATH: cannot be read (Permission denied)``.
    """
    return kind(path, "", f"{words} ({error_reason(error)})")


def refuse_passing(error: BaseException | None, path: PurePath) -> None:
    """Raise `AnnotationError` where the system's `error` tells nothing about what is at `path`: a disk or a network
    failed, no descriptor was left. To take the path for absent would write another output without a word.
    """
    if isinstance(error, OSError) and error.errno is not None and error.errno not in _ABOUT_PATHS:
        raise source_error(error, path) from error


def error_reason(error: BaseException) -> str:
    """The reason in `error`, an `OSError`, or a ValueError (a NUL or half a surrogate pair in a name)."""
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)


def stem_of(name: str) -> str:
    """The `name` of a file without its suffix, as `os.path.splitext` has it, at a third of its cost."""
    stem, _, _ = name.rpartition(".")
    return stem if stem.strip(".") else name


def suffix_of(name: str) -> str:
    """The suffix of the `name` of a file, with its point."""
    return name[len(stem_of(name)) :]
