"""The file systems of fsspec by protocol; their exceptions become `StorageError` with one line of text."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from io import BufferedReader, RawIOBase
from pathlib import PurePath
from typing import IO, Any, NamedTuple

from bboxprep.errors import BboxprepError, MissingPackageError, StorageError, UsageError

EXTRA = "pip install 'bboxprep[remote]' brings it"


class RemoteStat(NamedTuple):
    """The stat of a remote file, with the names of `os.stat_result`; `st_mtime_ns` is a number that changes with the
    content, no time.
    """

    st_mode: int
    st_size: int
    st_mtime_ns: int


def remote_stat(info: Mapping[str, Any]) -> RemoteStat:
    """The stat in a backend's `info`."""
    mode = stat.S_IFDIR if info["type"] == "directory" else stat.S_IFREG
    version = next((info[name] for name in _VERSIONS if info.get(name)), "")
    number = int.from_bytes(blake2b(str(version).encode(), digest_size=6).digest(), "big")
    return RemoteStat(mode, int(info.get("size") or 0), number)


_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "CRC", "LastModified", "mtime", "created")


def filesystem_of(protocol: str) -> Any:
    """Fsspec's file system; each process makes its own, for connections do not survive a fork. Raises `UsageError`."""
    try:
        import fsspec

        kind = fsspec.get_filesystem_class(protocol)
        missing = _required_by(kind)
        if not missing:
            return kind(use_listings_cache=False)
    except ImportError as error:
        brings = EXTRA if protocol in _BROUGHT or error.name == "fsspec" else "no extra of bboxprep brings it"
        raise MissingPackageError(f"{protocol}://: {_first_line(error)}; {brings}") from error
    except Exception as error:  # each backend has its own
        raise UsageError(f"{protocol}://: {_first_line(error) or type(error).__name__}") from error
    words = f"wants {' and '.join(missing)}, which a bucket URL does not contain"
    raise UsageError(f"{protocol}://: {words}; want s3://, gs:// or the like")


@cache
def _required_by(kind: type) -> list[str]:
    """The arguments without which a file system cannot be made."""
    from inspect import signature  # slow to import

    given = list(signature(kind.__init__).parameters.values())[1:]  # type: ignore[misc]  # of the class
    return [one.name for one in given if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]


_BROUGHT = ("s3",)


class DamagedError(OSError):
    """One file exists but cannot be read; others may be readable."""


@contextmanager
def as_storage_error(path: PurePath | str) -> Iterator[None]:
    """Turn any exception of a backend into a `StorageError`, except errors about a single file."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, DamagedError, BboxprepError):
        raise
    except Exception as error:
        raise StorageError(f"{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    words = _first_line(error) or type(error).__name__
    refused = isinstance(error, PermissionError) and "denied" not in words.lower()
    return f"access is refused ({words})" if refused else words


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def in_pieces(path: PurePath, file: Any, size: int) -> IO[bytes]:
    """The backend's open `file`, at `path`, read with a buffer of `size` bytes."""
    return BufferedReader(_Raw(path, file), size)


class _Raw(RawIOBase):
    """A backend's open file as a raw stream, its errors as `StorageError`."""

    def __init__(self, path: PurePath, file: Any) -> None:
        self._path, self._file = path, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        with as_storage_error(self._path):
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        with as_storage_error(self._path):
            found = self._file.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._file.close()
        super().close()
