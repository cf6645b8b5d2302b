"""Archives read in place, each with the methods of a file system of fsspec: .zip, .tar and TFRecord (also gzipped),
and .parquet.

All members are checked before any is read. A read returns at most the size that the archive states for its member, so
a caller can limit it beforehand. The version of a member is its checksum where the archive has one (zip), else the
version of the archive with the member's time.
"""

from __future__ import annotations

import atexit
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from gzip import BadGzipFile, GzipFile
from io import BufferedReader, FileIO
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from bboxprep.errors import MissingPackageError, StorageError
from bboxprep.io.archive_names import is_record_name
from bboxprep.io.fsspec_errors import EXTRA, DamagedError, as_storage_error, remote_stat
from bboxprep.io.parquet_rows import ParquetFiles
from bboxprep.io.safe_names import safe_relative
from bboxprep.io.tfrecord_files import GZIP, HEAD_BYTES, TfRecordFiles, is_head

_MOST_MEMBERS = 1 << 24
_MOST_UNPACKED = 1 << 30  # bytes of a small gzipped archive once unpacked
_MOST_INFLATED = 100  # bytes from each byte of a large one: images hardly shrink
_MOST_FOLDERS = 256  # above a member: a path of the system has 4,096 characters
_FAULTS = (zipfile.BadZipFile, tarfile.TarError, BadGzipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def archive_at(text: str) -> Any:
    """The members of the archive at `text`.

    Raises `StorageError` where it is no archive or has a member that is refused, and `UsageError` where a package is
    missing.
    """
    with as_storage_error(text):
        file, version = _opened(text)
        if text.lower().endswith(".parquet"):
            return ParquetFiles(text, file, version)
        if is_record_name(text):
            return TfRecordFiles(text, _as_records(text, file), version)
        if text.lower().endswith(".zip"):
            archive = zipfile.ZipFile(file)
            return _Members(text, _zipped(archive), archive.open)
        tar = tarfile.open(fileobj=file if text.lower().endswith(".tar") else _unpacked(text, file), mode="r:")  # noqa: SIM115
        return _Members(text, _tarred(text, tar, version), tar.extractfile)


class _LocalFile(FileIO):
    """A file that is open as long as one of its members is read, and then closed without a warning."""

    def __del__(self) -> None:
        self.close()

    def _dealloc_warn(self, source: object) -> None:
        """Say nothing where a buffer around it is collected."""


def _opened(text: str) -> tuple[IO[bytes], str]:
    """The file at `text` and its version; one of a storage wants fsspec. Raises `UsageError` where that is missing."""
    if "://" not in text:
        local = _LocalFile(text)
        return BufferedReader(local), str(os.fstat(local.fileno()).st_mtime_ns)
    try:
        import fsspec
    except ImportError as error:
        raise MissingPackageError(f"{text}: fsspec is not installed; {EXTRA}") from error
    place = fsspec.open(text, "rb")
    return place.open(), str(remote_stat(place.fs.info(place.path)).st_mtime_ns)


def _as_records(text: str, file: IO[bytes]) -> IO[bytes]:
    """The TFRecord `file`, unpacked where it is gzipped: the length of a record may have the magic number of gzip."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return _unpacked(text, file) if head.startswith(GZIP) and not is_head(head) else file


def _unpacked(text: str, file: IO[bytes]) -> IO[bytes]:
    """The gzipped `file`, unpacked into a temporary one: gzip cannot seek, so every step back would start over."""
    whole = TemporaryFile(prefix="bboxprep-")  # noqa: SIM115  (read until this process ends)
    atexit.register(whole.close)
    most = _MOST_UNPACKED + _MOST_INFLATED * file.seek(0, 2)
    file.seek(0)
    with GzipFile(fileobj=file) as packed:
        while chunk := packed.read(1 << 20):
            if whole.tell() > most:
                raise StorageError(f"{text}: unpacks to more than {most:,} bytes")
            whole.write(chunk)
    whole.seek(0)
    return whole


class _Member(NamedTuple):
    """A file or `folder` in an archive: `size` in bytes, `own` the library's record of it."""

    name: str
    folder: bool
    size: int
    version: str
    own: Any


def _zipped(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")  # some Windows programs write backslashes
        yield _Member(name, name.endswith("/"), info.file_size, f"{info.CRC:08x}", info)


def _tarred(text: str, tar: tarfile.TarFile, version: str) -> Iterator[_Member]:
    for info in tar:
        if not (info.isfile() or info.isdir()):
            raise StorageError(f"{text}: has a member {info.name[:200]!r} that is a link or a device; want files alone")
        yield _Member(info.name, info.isdir(), info.size, f"{version}-{info.mtime}", info)


class _Members:
    """The members of the archive at `text`; `opens` opens one by its own record."""

    def __init__(self, text: str, members: Iterator[_Member], opens: Callable[[Any], Any]) -> None:
        self._text, self._opens = text, opens
        self._files: dict[str, _Member] = {}
        self._folders: dict[str, dict[str, None]] = {"": {}}
        for count, member in enumerate(members):
            if count >= _MOST_MEMBERS:
                raise StorageError(f"{text}: has more than {_MOST_MEMBERS:,} members")
            self._add(member)

    def _add(self, member: _Member) -> None:
        """Add a member. Raises `StorageError` where its path leads out of the archive or is taken."""
        name = member.name
        if PurePosixPath(name).parts and not safe_relative(name):
            raise StorageError(f"{self._text}: has a member {name[:200]!r}, which leads out of it")
        if (deep := name.count("/")) > _MOST_FOLDERS:
            have = f"{name[:80]!r}... below {deep:,} folders"
            raise StorageError(f"{self._text}: has a member {have}, want at most {_MOST_FOLDERS}")
        path = "/".join(PurePosixPath(name).parts)
        if path in self._files or (not member.folder and path in self._folders):
            raise StorageError(f"{self._text}: has two members {path[:200]!r}")
        if member.folder:
            self._folders.setdefault(path, {})
        else:
            self._files[path] = member
        while path:
            folder, _, last = path.rpartition("/")
            if folder in self._files:
                raise StorageError(f"{self._text}: has two members {folder[:200]!r}")
            known = folder in self._folders
            self._folders.setdefault(folder, {})[last] = None
            path = "" if known else folder

    def ls(self, name: str, *, detail: bool = True) -> list[dict[str, Any]]:  # noqa: ARG002
        """The entries of a folder. Raises `FileNotFoundError`, and `NotADirectoryError` for a file."""
        folder = name.strip("/")
        if folder in self._files:
            raise NotADirectoryError(name)
        if folder not in self._folders:
            raise FileNotFoundError(name)
        return [self.info(f"{folder}/{last}") for last in self._folders[folder]]

    def info(self, name: str) -> dict[str, Any]:
        """Type, size (bytes) and version of a file or a folder. Raises `FileNotFoundError`."""
        name = name.strip("/")
        if name in self._folders:
            return {"name": name, "type": "directory", "size": 0}
        member = self._member(name)
        return {"name": name, "type": "file", "size": member.size, "ETag": member.version}

    def open(self, name: str, mode: str = "rb") -> IO[bytes]:  # noqa: ARG002
        """A file, open for reading."""
        file: IO[bytes] = self._opens(self._member(name.strip("/")).own)
        return file

    def cat_file(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes of a file from `start` to `end`. Raises `DamagedError` where they do not unpack."""
        member, start = self._member(name.strip("/")), start or 0
        try:
            with self.open(name) as file:
                file.seek(start)
                return file.read(max(0, (member.size if end is None else end) - start))
        except _FAULTS as error:
            raise DamagedError(f"damaged in its archive: {error}") from error

    def _member(self, name: str) -> _Member:
        try:
            return self._files[name]
        except KeyError:
            raise FileNotFoundError(name) from None
