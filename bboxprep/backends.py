"""The file systems of fsspec: buckets by protocol, archives by their file, and what they raise said in one line."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from io import BufferedReader, RawIOBase
from pathlib import PurePath, PurePosixPath
from typing import IO, Any, NamedTuple

from bboxprep.errors import StorageError, UsageError

_EXTRA = "pip install 'bboxprep[remote]' brings what is needed"


class Said(NamedTuple):
    """What a storage says of a file, by the names that `os.stat` has for it; `st_mtime_ns` changes with its content."""

    st_mode: int
    st_size: int
    st_mtime_ns: int


def said_of(info: Mapping[str, Any]) -> Said:
    """What a backend's `info` says of a file."""
    mode = stat.S_IFDIR if info["type"] == "directory" else stat.S_IFREG
    version = next((info[name] for name in _VERSIONS if info.get(name)), "")
    number = int.from_bytes(blake2b(str(version).encode(), digest_size=6).digest(), "big")
    return Said(mode, int(info.get("size") or 0), number)


_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "CRC", "LastModified", "mtime", "created")


def files_of(protocol: str) -> Any:
    """Fsspec's file system. Each process has its own: their connections outlive no fork."""
    try:
        import fsspec

        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        raise UsageError(f"{protocol}://: {_first_line(error)}; {_EXTRA}") from error
    except ValueError as error:
        raise UsageError(f"{protocol}://: {_first_line(error)}") from error


@cache
def archive_at(text: str, _process: int) -> Any:
    """Fsspec's file system of the archive at `text`, whose members have been checked."""
    try:
        import fsspec
    except ImportError as error:
        raise UsageError(f"{text}: fsspec is not installed; {_EXTRA}") from error
    with told(text):
        if text.lower().endswith(".zip"):
            files = fsspec.filesystem("zip", fo=text, skip_instance_cache=True)
            _check_members(text, [(info.filename, _is_plain(info.filename)) for info in files.zip.infolist()])
        elif text.lower().endswith(".parquet"):
            from bboxprep.parquet import ParquetFiles

            files = ParquetFiles(text)
        else:
            files = fsspec.filesystem("tar", fo=text, skip_instance_cache=True)
            _check_members(text, [(info.name, info.isfile() or info.isdir()) for info in files.tar.getmembers()])
            files.index = dict(_plainly_named(files.index))
    return files


def _check_members(text: str, members: list[tuple[str, bool]]) -> None:
    """Raise `StorageError` for an archive whose members would be somewhere else than in it, or twice in one place."""
    taken: set[str] = set()
    for name, plain in members:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if name.startswith(("/", "\\")) or ".." in parts or (parts and parts[0].endswith(":")) or "\0" in name:
            raise StorageError(f"{text}: has a member {name[:200]!r}, which leads out of it")
        if not plain:
            words = "that is a link or a device, or not named plainly; want files alone"
            raise StorageError(f"{text}: has a member {name[:200]!r} {words}")
        if _plain(name) in taken:
            raise StorageError(f"{text}: has two members {name[:200]!r}")
        taken.add(_plain(name))


def _plain(name: str) -> str:
    """`name` without what says nothing: ``./a//b/`` is ``a/b``."""
    return PurePosixPath(name).as_posix()


def _is_plain(name: str) -> bool:
    return _plain(name) == name.removesuffix("/")


def _plainly_named(index: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What fsspec knows of a tar file, as if ``tar cf photos.tar .`` had not named each member ``./…``."""
    for name, (info, *rest) in index.items():
        if (plain := _plain(name)) != ".":
            yield plain, ({**info, "name": plain}, *rest)


@contextmanager
def told(path: PurePath | str) -> Iterator[None]:
    """Whatever a backend raises, and they raise what they like, said in one line."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, StorageError, UsageError):
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
    """The open `file` of a backend, that at `path`, read by so many bytes."""
    return BufferedReader(_Raw(path, file), size)


class _Raw(RawIOBase):
    """The bytes of a file of a backend, and what it raises said as elsewhere."""

    def __init__(self, path: PurePath, file: Any) -> None:
        self._path, self._file = path, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        with told(self._path):
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        with told(self._path):
            found = self._file.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._file.close()
        super().close()
