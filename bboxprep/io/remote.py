"""Paths of objects in a bucket and of members of an archive.

A `StoredPath` has the methods of `pathlib.Path`: ``s3://bucket/key``, ``photos.zip!/images/1.jpg``. fsspec does the
work (``pip install 'bboxprep[remote]'``). A missing file is a `FileNotFoundError`; any other failure of a storage is a
`StorageError`, which ends the run.

universal_pathlib (0.3) was tried by script, not by our tests: its ``rglob`` takes a folder ``x*y`` for a pattern, and
it asks a storage 2,001 times for the sizes of 2,000 files, where one listing has them all.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath
from posixpath import normpath
from typing import IO, Any, Literal, TypeGuard, cast

import msgspec

from bboxprep.errors import UsageError
from bboxprep.io.archive_names import INSIDE, SIGN, is_archive_name
from bboxprep.io.fsspec_errors import RemoteStat, as_storage_error, filesystem_of, in_pieces, remote_stat
from bboxprep.io.kept_answers import kept

_URL = re.compile(r"[a-z][a-z0-9+.-]*://")
_SAME = {"s3a": "s3", "gcs": "gs"}  # second names of a protocol
_WINDOW = 1 << 20  # bytes read at once


def open_path(text: str | PurePath) -> Path:
    """The path that `text` names: a local one, an object (``s3://…``), an archive as a folder (``photos.zip``), or a
    folder in one (``photos.zip/train``).

    Typed as a Path, because a `StoredPath` has the same methods. Caches of storages and archives are cleared.
    """
    forget()
    if isinstance(text, StoredPath):
        return cast("Path", text)
    if isinstance(text, str) and _URL.match(text) and not text.startswith("file://"):
        protocol, _, rest = text.partition("://")
        path = cast("Path", StoredPath(f"{_SAME.get(protocol, protocol)}://{rest}"))
        return opened(path) if is_archive_name(text) else member(path)
    path = Path(text.removeprefix("file://") if isinstance(text, str) else text)
    return opened(path) if is_archive_name(path.name) and path.is_file() else member(path)


def opened(archive: Path) -> Path:
    """The `archive` as a folder of its members."""
    return cast("Path", StoredPath(f"{archive if is_stored(archive) else archive.as_posix()}{INSIDE}"))


def forget() -> None:
    """Clear the caches of archives and folders, since they may have changed."""
    _opened.cache_clear()
    _stats.clear()


def member(path: Path) -> Path:
    """`path`, as a `StoredPath` where one of its folders is an archive."""
    for parent in path.parents:
        if is_archive_name(parent.name) and parent.is_file():
            return opened(parent) / path.relative_to(parent)
    return path


def unpacked_name(archive: str) -> str:
    """The name of an opened archive, as the last part of a path has it, without its suffix."""
    return SIGN.sub("", archive)


def plain_path(path: PurePath) -> str:
    """`path` as POSIX text, in which an archive is named like a folder. `open_path` is the inverse."""
    return SIGN.sub(r"\1", str(path)) if is_stored(path) else path.as_posix()


def is_stored(path: PurePath | str) -> TypeGuard[StoredPath]:
    """Whether `path` is in a bucket or an archive."""
    return isinstance(path, StoredPath)


class RemoteEntry(msgspec.Struct, frozen=True):
    """An entry of a folder, with the methods of `os.DirEntry`. There are no links."""

    name: str
    path: str
    folder: bool

    def is_symlink(self) -> bool:
        """False."""
        return False

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Whether it is a folder."""
        return self.folder

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Whether it is a file."""
        return not self.folder


class StoredPath(PurePosixPath):
    """See the module. Methods do what those of `pathlib.Path` do, and may raise `StorageError` too."""

    __slots__ = ()

    def __str__(self) -> str:
        text = super().__str__()
        return text.replace(":/", "://", 1) if self._is_url else text

    def __fspath__(self) -> str:
        raise TypeError(f"{self} is no local path")

    def __reduce__(self) -> tuple[Any, ...]:
        if self.parts[:1] == ("memory:",):
            raise UsageError(f"{self}: memory is not shared between processes; want `workers=1` and no cluster")
        return type(self), (str(self),)

    @property
    def _is_url(self) -> bool:
        first = next(iter(self.parts), "")
        return first.endswith(":") and len(first) > 2

    @property
    def _archive(self) -> int | None:
        """The index of the part that is an archive; None without one."""
        return next((at for at, part in enumerate(self.parts) if part[-1] == INSIDE and SIGN.search(part)), None)

    @property
    def is_packed(self) -> bool:
        """Whether it is, or lies in, an archive."""
        return self._archive is not None

    def is_absolute(self) -> bool:
        """True."""
        return True

    def absolute(self) -> StoredPath:
        """This path."""
        return self

    def resolve(self, *, strict: bool = False) -> StoredPath:  # noqa: ARG002
        """Without ``..``, which never leads out of the bucket or archive; links to an archive's file are followed."""
        path, top = self.normal(), self._top
        return path if self._is_url else type(self)(Path(*path.parts[:top]).resolve().as_posix(), *path.parts[top:])

    def normal(self) -> StoredPath:
        """Without ``..``."""
        below = normpath("/" + "/".join(self.parts[self._top :])).lstrip("/")
        return type(self)(*self.parts[: self._top], below)

    @property
    def _top(self) -> int:
        """The number of parts that name the bucket or the archive."""
        archive = self._archive
        return min(2, len(self.parts)) if archive is None else archive + 1

    @kept
    def stat(self) -> RemoteStat:
        """Kind, size (bytes) and version. Raises `FileNotFoundError`."""
        if known := _stats.get(str(self.parent), {}).get(self.name):
            return known
        files, inner = self._where()
        with as_storage_error(self):
            return remote_stat(files.info(inner))

    def exists(self) -> bool:
        """Whether a file or a folder is there."""
        return self._is(bool)

    def is_file(self) -> bool:
        """Whether a file is there."""
        return self._is(stat.S_ISREG)

    def is_dir(self) -> bool:
        """Whether a folder is there."""
        return self._is(stat.S_ISDIR)

    def _is(self, kind: Any) -> bool:
        try:
            return bool(kind(self.stat().st_mode))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def is_symlink(self) -> bool:
        """False."""
        return False

    def samefile(self, other: PurePath) -> bool:
        """Whether `other` is this path."""
        return self == other

    def open(self, mode: Literal["rb"] = "rb") -> IO[bytes]:
        """The file, open for reading; a small one is fetched at once."""
        if self.stat().st_size <= _WINDOW:
            return BytesIO(self.read_bytes())
        files, inner = self._where()
        with as_storage_error(self):
            return in_pieces(self, files.open(inner, mode), _WINDOW)

    def read_bytes(self) -> bytes:
        """The whole file."""
        return self.read_range(0, None)

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole file as text."""
        return self.read_bytes().decode(encoding)

    @kept
    def read_range(self, start: int, end: int | None) -> bytes:
        """The bytes of the file from `start` up to `end`."""
        files, inner = self._where()
        with as_storage_error(self):
            return bytes(files.cat_file(inner, start=start or None, end=end))

    def scan(self) -> Iterator[RemoteEntry]:
        """The entries of the folder. Their sizes are cached, so that `stat` needs no request for each file."""
        found = self._listed()
        _stats[str(self)] = {name: each for name, each in found.items() if stat.S_ISREG(each.st_mode) and each.st_size}
        for name, each in found.items():
            yield RemoteEntry(name, str(self / name), stat.S_ISDIR(each.st_mode))

    def iterdir(self) -> Iterator[StoredPath]:
        """The paths in the folder."""
        yield from (self / name for name in self._listed())

    def glob(self, pattern: str) -> Iterator[StoredPath]:
        """The paths below the folder that match `pattern`; each of its parts matches one level."""
        first, _, rest = pattern.partition("/")
        for path in self.iterdir() if self.is_dir() else ():
            if fnmatchcase(path.name, first):
                yield from path.glob(rest) if rest else (path,)

    def rglob(self, pattern: str) -> Iterator[StoredPath]:
        """All paths below the folder whose names match `pattern`."""
        for entry in list(self.scan()) if self.is_dir() else ():
            if fnmatchcase(entry.name, pattern):
                yield self / entry.name
            if entry.folder:
                yield from (self / entry.name).rglob(pattern)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a storage has no folders, only files with a common prefix."""

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove the file."""
        files, inner = self._where()
        _stats.pop(str(self.parent), None)
        try:
            with as_storage_error(self):
                files.rm_file(inner)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def put(self, data: bytes) -> None:
        """Write the file, whole or not at all."""
        files, inner = self._where()
        _stats.pop(str(self.parent), None)
        with as_storage_error(self):
            files.pipe_file(inner, data)

    def put_file(self, path: Path) -> None:
        """Write the file, whole or not at all, from the local file at `path`."""
        files, inner = self._where()
        _stats.pop(str(self.parent), None)
        with as_storage_error(self):
            files.put_file(str(path), inner)

    def put_first(self, data: bytes) -> bool:
        """Write the file unless it exists; whether it was written. Of two simultaneous calls, one returns True."""
        files, inner = self._where()
        try:
            with as_storage_error(self):
                files.pipe_file(inner, data, mode="create")
        except FileExistsError:
            return False
        return True

    def remove_tree(self) -> None:
        """Remove the folder with all files below it."""
        files, inner = self._where()
        _stats.clear()
        with as_storage_error(self):
            if any(sign in inner for sign in "*?["):  # `rm` would take it for a pattern
                for path in files.find(inner):
                    files.rm_file(path)
            else:
                files.rm(inner, recursive=True)

    @kept
    def _listed(self) -> Mapping[str, RemoteStat]:
        files, inner = self._where()
        with as_storage_error(self):
            found = files.ls(inner, detail=True)
        if [str(entry["name"]).strip("/") for entry in found] == [inner.strip("/")] and found[0]["type"] == "file":
            raise NotADirectoryError(str(self))
        names = ((PurePosixPath(entry["name"]).name, entry) for entry in found)
        own = inner.strip("/")
        return {name: remote_stat(entry) for name, entry in sorted(names, key=_name) if entry["name"].strip("/") != own}

    def _where(self) -> tuple[Any, str]:
        """The file system, and the path in it."""
        last = self._archive
        if last is not None:
            archive = str(type(self)(*self.parts[: last + 1])).removesuffix(INSIDE)
            return _opened(archive, os.getpid()), "/".join(self.parts[last + 1 :])
        if not self._is_url:
            raise FileNotFoundError(str(self))
        return filesystem_of(self.parts[0][:-1]), "/".join(self.parts[1:])


@cache
def _opened(archive: str, _process: int) -> Any:
    """The file system of an archive. Each process opens its own, since a shared open file has one position."""
    from bboxprep.io.archives import archive_at  # slow to import

    return archive_at(archive)


def _name(entry: tuple[str, object]) -> str:
    return entry[0]


_stats: dict[str, dict[str, RemoteStat]] = {}  # of the files in scanned folders, by folder and name


def walk(folder: StoredPath) -> Iterator[tuple[StoredPath, list[str], list[str]]]:
    """`folder` and all folders below it, each with the names of its folders and files, as `os.walk` yields them."""
    entries = list(folder.scan())
    folders = [entry.name for entry in entries if entry.folder]
    yield folder, folders, [entry.name for entry in entries if not entry.folder]
    for name in folders:
        yield from walk(folder / name)


def common_folder(paths: Iterable[StoredPath]) -> StoredPath:
    """The folder that all of `paths` lie in. Raises ValueError where there is none."""
    parts = list(zip(*(path.parts for path in paths), strict=False))
    alike = [part[0] for part in parts if len(set(part)) == 1]
    if parts[: len(alike)] != [part for part in parts if len(set(part)) == 1] or not alike:
        raise ValueError("they have no common folder")
    return StoredPath(*alike)
