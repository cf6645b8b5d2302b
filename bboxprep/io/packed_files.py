"""One file that holds many, with the methods of a file system of fsspec that reading takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from io import BytesIO
from typing import IO, Any


class PackedFiles(ABC):
    """The files in one file of that `version`, all in one folder."""

    def __init__(self, version: str) -> None:
        self._version = version

    @abstractmethod
    def _members(self) -> Iterable[str]:
        """The names of all files."""

    @abstractmethod
    def _read(self, name: str) -> bytes:
        """The bytes of a file. Raises `FileNotFoundError`."""

    def ls(self, name: str, *, detail: bool = True) -> list[dict[str, Any]]:  # noqa: ARG002
        """All files; there is one folder."""
        if name.strip("/"):
            raise FileNotFoundError(name)
        return [{"name": member, "type": "file", "size": None} for member in self._members()]

    def info(self, name: str) -> dict[str, Any]:
        """Type, size (bytes) and version of a file. Raises `FileNotFoundError`."""
        if not name.strip("/"):
            return {"name": "", "type": "directory", "size": 0}
        return {"name": name, "type": "file", "size": len(self._read(name)), "ETag": self._version}

    def open(self, name: str, mode: str = "rb") -> IO[bytes]:  # noqa: ARG002
        """A file, open for reading."""
        return BytesIO(self._read(name))

    def cat_file(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes of a file from `start` to `end`."""
        return self._read(name)[start or 0 : end]
