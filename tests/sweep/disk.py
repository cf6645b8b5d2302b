"""A disk as it may be after the power is cut: what a run had written and not synced is lost, whole or in part.

The changes of a run are read from what strace saw. As on file systems with a journal, changes of names (new, renamed
and removed files) last in their order up to some point; the sync of a folder or of all makes those before it last. The
bytes of a file last when that file is synced. Those that do not may be gone, or what was added zeros.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Bytes = Literal["lost", "zeros"]

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)", re.MULTILINE)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PLACE = re.compile(r"<((?:\\x[0-9a-f]{2})*)>")
_AT = re.compile(r'<((?:\\x[0-9a-f]{2})*)>, "((?:\\x[0-9a-f]{2})*)"')
_PLAIN = {"unlinkat": "unlink", "mkdirat": "mkdir", "renameat": "rename", "linkat": "link"}
_UNKNOWN = re.compile(
    r"copy_file_range|sendfile|splice|writev|pwritev|fallocate|symlink(?:at)?|renameat2?|truncate|dup[23]?"
)


@dataclass(eq=False)
class Node:
    """A file, or a folder if it has no `data`. `synced` are the bytes that last; None where none do."""

    data: bytearray | None
    synced: bytes | None = None

    def after(self, kept: Bytes) -> bytes:
        """Its bytes after a cut."""
        synced = self.synced or b""
        return synced.ljust(len(self.data or b""), b"\0") if kept == "zeros" else synced


Names = dict[str, Node]  # by absolute path


@dataclass(frozen=True)
class Change:
    """A change of names: the file or folder at `path` is moved or linked `to` a place, is removed, or is the new
    `node`.
    """

    kind: str
    path: str
    to: str = ""
    node: Node | None = None

    def make(self, names: Names) -> None:
        """Change `names`."""
        if self.node is not None:
            names[self.path] = self.node
        elif self.kind == "link":
            names[self.to] = names[self.path]
        elif self.kind == "rename":
            names |= self._moved(names, self.path, self.to)
        elif self.kind == "exchange":
            names |= self._moved(names, self.path, self.to) | self._moved(names, self.to, self.path)
        else:
            del names[self.path]

    @staticmethod
    def _moved(names: Names, path: str, to: str) -> Names:
        """Take what is at `path` and below it out of `names`; it is returned as at `to`."""
        own = [each for each in names if each == path or each.startswith(f"{path}/")]
        return {to + each[len(path) :]: names.pop(each) for each in own}


@dataclass
class Disk:
    """The files below `folder` as a run sees them, and what of them lasts: the `names` of now, those that last, and the
    `pending` changes between the two.
    """

    folder: Path
    names: Names = field(default_factory=dict)
    lasting: Names = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)
    _open: dict[int, Node] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """The disk with what lies in ``out`` below `folder` by now; all of it lasts."""
        found: Names = {}
        for path in sorted((folder / "out").rglob("*")):
            data = None if path.is_dir() else path.read_bytes()
            found[str(path)] = Node(None if data is None else bytearray(data), data)
        if (folder / "out").exists():
            found[str(folder / "out")] = Node(None)
        return cls(folder, dict(found), dict(found))

    def follow(self, log: str) -> Iterator[str]:
        """Do what the `log` of strace says, call by call; gives the name of each call that has changed something."""
        for name, words, ended in _CALL.findall(log):
            if int(ended) >= 0 and self._does(name, words, int(ended)):
                yield name

    def write(self, changes: int, kept: Bytes) -> None:
        """Make the real folder what it is after a cut, when so many of the `pending` changes last. Any ``out*`` must
        not be there.
        """
        names = dict(self.lasting)
        for change in self.pending[:changes]:
            change.make(names)
        for path, node in sorted(names.items()):
            if node.data is None:
                Path(path).mkdir(parents=True, exist_ok=True)
            else:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                Path(path).write_bytes(node.after(kept))

    def _does(self, name: str, words: str, ended: int) -> bool:
        """Do one call, which `ended` with that number; whether it has changed what lies below the folder."""
        found = _AT.findall(words) or [(os.fsencode(self.folder).hex(), text) for text in _TEXT.findall(words)]
        paths = [os.path.normpath(Path(self._text(base), self._text(text))) for base, text in found[:2]]
        name = _PLAIN.get(name, name)
        if name == "openat":
            return self._opens(paths[0], words, ended)
        if name == "renameat2" and "RENAME_EXCHANGE" in words:
            return self._is_ours(paths[0]) and self._do(Change("exchange", paths[0], paths[1]))
        if name in ("rename", "link", "mkdir", "unlink", "rmdir"):
            paths = paths[: 2 if name in ("rename", "link") else 1]
            made = Node(None) if name == "mkdir" else None
            return self._is_ours(paths[0]) and self._do(Change(name, paths[0], "".join(paths[1:]), made))
        first = re.match(r"\d+(?=[<,]|$)", words)
        number = int(first[0]) if first else -1
        if name in ("fsync", "fdatasync", "syncfs"):
            return self._syncs(name, number, words)
        node = self._open.get(number)
        if node is None:
            assert not (_UNKNOWN.fullmatch(name) and any(map(self._is_ours, paths))), f"{name} is not known here"
            return False
        assert not _UNKNOWN.fullmatch(name), f"{name} is not known here"
        return self._writes(name, number, node, words, ended)

    def _opens(self, path: str, words: str, number: int) -> bool:
        self._open.pop(number, None)
        if not self._is_ours(path) or "O_DIRECTORY" in words:
            return False
        new = path not in self.names
        if new:
            if "O_CREAT" not in words:
                return False
            self._do(Change("create", path, node=Node(bytearray())))
        node = self.names[path]
        self._open[number], self._places[number] = node, 0
        if "O_TRUNC" in words and node.data:
            node.data.clear()
            return True
        return new

    def _writes(self, name: str, number: int, node: Node, words: str, ended: int) -> bool:
        if name == "close":
            del self._open[number]
        elif name == "lseek":
            self._places[number] = ended
        elif name == "read":
            self._places[number] += ended
        elif name == "write":
            data = _bytes(words)[:ended]
            self._put(node, self._places[number], data)
            self._places[number] += ended
        elif name == "pwrite64":
            self._put(node, int(words.rsplit(",", 1)[1]), _bytes(words)[:ended])
        elif name == "ftruncate" and node.data is not None:
            length = int(words.rsplit(",", 1)[1])
            node.data[:] = node.data[:length].ljust(length, b"\0")
        return name in ("write", "pwrite64", "ftruncate")

    def _syncs(self, name: str, number: int, words: str) -> bool:
        place = _PLACE.search(words)
        if not place or not self._is_ours(self._text(place[1])):
            return False
        node = self._open.get(number)
        if name != "syncfs" and node is not None and node.data is not None:
            node.synced = bytes(node.data)
            return True
        for each in self.names.values() if name == "syncfs" else ():
            each.synced = None if each.data is None else bytes(each.data)
        self.lasting, self.pending = dict(self.names), []
        return True

    def _do(self, change: Change) -> bool:
        change.make(self.names)
        self.pending.append(change)
        return True

    def _is_ours(self, path: str) -> bool:
        return path.startswith(str(self.folder / "out"))

    @staticmethod
    def _text(escaped: str) -> str:
        return os.fsdecode(bytes.fromhex(escaped.replace("\\x", "")))

    @staticmethod
    def _put(node: Node, place: int, data: bytes) -> None:
        assert node.data is not None
        node.data.extend(bytes(max(0, place - len(node.data))))
        node.data[place : place + len(data)] = data


def _bytes(words: str) -> bytes:
    """The bytes of the first text of a call."""
    found = _TEXT.search(words)
    return bytes.fromhex(found[1].replace("\\x", "")) if found else b""
