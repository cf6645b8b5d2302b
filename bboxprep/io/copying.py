"""Puts a file of the source into the output as it is: as a copy, a hard link or a symbolic link, with its SHA-256.

A copy shares its blocks with the source where the file system can (a reflink: Btrfs, XFS, bcachefs), until either of
them is changed. Else the bytes are read once, hashed and written. ``os.copy_file_range`` is not used: the bytes have to
be read for the hash, and to write what was read costs no more (160 KB on tmpfs: 216 us, with it 217; on ext4 439 us,
with it 507).

A symbolic link is followed first, so that the output never depends on one of the source. What is no regular file is
refused, and never waited for.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal

from bboxprep.errors import ImageError
from bboxprep.io.atomic import AtomicWriter, Place, as_target_error, replace_file, temporary_name, write_all
from bboxprep.io.paths import BINARY, source_error
from bboxprep.io.remote import is_stored

if sys.platform == "linux":
    from fcntl import ioctl

Check = Callable[[int], None]
"""Looks at an open file, by its descriptor, before it is used."""


def accept(_: int) -> None:
    """Accept any file: the default of `Check`."""


ImagePlacement = Literal["copy", "link", "symlink", "none"]
"""How an image whose bytes stay as they are gets into an output (see `pipeline.run_options`); "none": not at all."""

_CHUNK = 1 << 20  # bytes
_FICLONE = 0x40049409  # the request of ioctl_ficlone(2)
_FLAGS = os.O_RDONLY | BINARY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_FILE = "cannot be read (want a file)"


def read_file(source: Path) -> bytes:
    """The bytes of the file `source`. Raises `ImageError` where it is no file that can be read."""
    origin = _origin(source)
    if is_stored(origin):
        return b"".join(_stream(source))
    with _opened(origin, source) as handle:
        return b"".join(_chunks(handle, source))


def copy_file(source: Path, path: Place, check: Check = accept) -> str:
    """Copy the file `source` to `path`, in the place of any other file. Returns the SHA-256 of the copy.

    `check` is called with the descriptor of the open file, and raises where it is not the one that is wanted. Raises
    `ImageError` where `source` is no file that can be read, and `TargetError`.
    """
    origin = _origin(source)
    if is_stored(origin) or is_stored(path):
        with AtomicWriter(path) as file:
            return _hashed(_stream(origin), file.write)
    with _opened(origin, source) as handle:
        check(handle)
        with as_target_error(path):
            return replace_file(path, partial(_fill, handle=handle, source=source))


def link_file(source: Path, path: Place, check: Check = accept, *, symbolic: bool = False) -> str:
    """Make `path` a hard link to the file `source`, in the place of any other file; if `symbolic`, a symbolic link to
    its absolute path. Returns the SHA-256 of the file; `check` is as for `copy_file`.

    Raises `ImageError` where `source` is no file that can be read, and `TargetError` where no such link can be made.
    """
    origin = _origin(source)
    with as_target_error(path, f"cannot be a link to {origin}, `images='copy'` can"):
        if is_stored(origin) or is_stored(path):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        with _opened(origin, source) as handle:
            check(handle)
            digest = _hashed(_chunks(handle, source))
            _link(origin.resolve() if symbolic else origin, path, os.symlink if symbolic else os.link)
            _refuse_exchanged(handle, source, path)
    return digest


def _refuse_exchanged(handle: int, source: Path, path: Place) -> None:
    """Remove the new link at `path` and raise `ImageError` where it leads to another file than the open `handle`."""
    try:
        same = os.path.samestat(os.fstat(handle), os.stat(path))  # noqa: PTH116  (of text)
    except FileNotFoundError:
        same = False
    if not same:
        Path(path).unlink(missing_ok=True)
        raise ImageError(source, "", "was exchanged for another file while it was read")


def _origin(source: Path) -> Path:
    """`source` with its links followed. Raises `ImageError` where that is no file: to open a pipe would block."""
    origin = source
    try:
        mode = (source.stat() if is_stored(source) else os.lstat(source)).st_mode
        if stat.S_ISLNK(mode):
            origin = source.resolve(strict=True)
            mode = origin.stat().st_mode
    except (OSError, RuntimeError, ValueError) as error:
        raise source_error(error, source, ImageError) from error
    if not stat.S_ISREG(mode):
        raise ImageError(source, "", _NO_FILE)
    return origin


@contextmanager
def _opened(origin: Path, source: Path) -> Iterator[int]:
    """The file `origin`, open; errors name it `source`. It may have become a link or a pipe since `_origin` looked."""
    try:
        handle = os.open(origin, _FLAGS)
    except (OSError, ValueError) as error:
        raise source_error(error, source, ImageError) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ImageError(source, "", _NO_FILE)
        yield handle
    finally:
        os.close(handle)


def _fill(target: int, handle: int, source: Path) -> str:
    """Copy the open file `handle` to the open file `target`, as blocks that both share where that is possible."""
    if _share_blocks(target, handle):
        return _hashed(_chunks(target, source))  # the copy itself: the source may change from now on
    return _hashed(_chunks(handle, source), partial(write_all, target))


def _share_blocks(target: int, handle: int) -> bool:
    """Make `target` a reflink of `handle`; whether that was possible. Once refused, it is not tried again there."""
    places = os.fstat(handle).st_dev, os.fstat(target).st_dev
    if sys.platform != "linux" or places in _without_reflinks:
        return False
    try:
        ioctl(target, _FICLONE, handle)
    except OSError:
        _without_reflinks.add(places)
        return False
    return True


def _hashed(chunks: Iterable[bytes], write: Callable[[bytes], object] = len) -> str:
    """The SHA-256 of `chunks`, each of which is given to `write`."""
    hashed = sha256()
    for chunk in chunks:
        hashed.update(chunk)
        write(chunk)
    return hashed.hexdigest()


def _chunks(handle: int, source: Path) -> Iterator[bytes]:
    """The content of the open file `handle`, in parts. Raises `ImageError`, which names it `source`."""
    try:
        while chunk := os.read(handle, _CHUNK):
            yield chunk
    except OSError as error:
        raise source_error(error, source, ImageError) from error


def _stream(source: Path) -> Iterator[bytes]:
    """The content of the file `source`, which may lie in a storage, in parts. Raises `ImageError`."""
    try:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except (OSError, ValueError) as error:
        raise source_error(error, source, ImageError) from error


def _link(origin: Path, path: Place, link: Callable[[Path, Place], None]) -> None:
    """Make `path` a `link` to `origin`, in the place of any other file. Raises `OSError`."""
    try:
        link(origin, path)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        link(origin, path)
    except FileExistsError:
        beside = Path(path).with_name(temporary_name())
        link(origin, beside)
        try:
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)  # still there where both are links to one file


_without_reflinks: set[tuple[int, int]] = set()  # devices of source and copy between which none can be made
