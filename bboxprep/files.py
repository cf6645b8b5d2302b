"""A file is whole or absent: written beside its place under a temporary name, then renamed onto it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from bboxprep.errors import TargetError


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, making its folders; a reader sees the whole file or none. Raises `TargetError`."""
    write_chunks(path, (data,))


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Write `chunks` one after the other to `path`, as `write_bytes` does. Raises `TargetError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".bboxprep-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(chunks)
            Path(temporary).chmod(0o666 & ~_UMASK)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        raise TargetError(f"{path}: cannot be written ({_reason(error)})") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are. Raises `TargetError`."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TargetError(f"{path}: cannot be written ({error.object[error.start]!r} is no character)") from error
    write_bytes(path, data)


def link_or_copy(source: Path, path: Path) -> None:
    """Put the bytes of `source` at `path`: a hard link where the file system allows, else a copy.

    A symbolic link is followed first, so the output never depends on one. Raises `TargetError`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        real = source.resolve(strict=True)
        try:
            os.link(real, path)
        except FileExistsError:
            raise
        except OSError:
            write_bytes(path, real.read_bytes())
    except (OSError, ValueError) as error:
        raise TargetError(f"{path}: cannot be written from {source} ({_reason(error)})") from error


def _reason(error: OSError | ValueError) -> str:
    """The words for it. A name that no file system can hold (a NUL in it, half a surrogate pair) is a ValueError."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _read_umask()  # the only way to read it sets it for a moment, which threads must not see
