"""The journal of an output on this machine or in a storage.

In a storage the journal is kept as objects below ``.bboxprep``: `head` with the terms and the plan, and one object for
each block of results, put when the block is done, so that a run can continue on any machine. While a run has it open,
it is a temporary file of this machine, and every change is mirrored.

A storage has no locks. The object `lock` names the process that writes. It is put only if it does not exist, so that of
two runs one has it. It is void once its process has ended (on this machine), or was not renewed for `LEASE` seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePath
from socket import gethostname
from sqlite3 import Connection
from tempfile import TemporaryDirectory
from time import time
from typing import cast

import msgspec

from bboxprep.errors import TargetError
from bboxprep.io.atomic import TEMPORARY, as_target_error
from bboxprep.io.paths import read_bytes
from bboxprep.io.remote import StoredPath, is_stored
from bboxprep.pipeline.resume import journal as local
from bboxprep.pipeline.resume.journal import FOLDER, End, Journal, Key, PlannedFiles

LEASE = 900  # s
_RENEWED = 60  # s
_MOST_BYTES = 1 << 28


@contextmanager
def open_journal(dest: Path, *, anew: bool = False) -> Iterator[Journal]:
    """The journal of the output at `dest`, made if need be, and locked. One that cannot be read is replaced, if `anew`.
    Raises `TargetError` where another run has it, or it cannot be read or written.
    """
    if not is_stored(dest):
        with local.open_journal(dest, anew=anew) as journal:
            yield journal
        return
    folder = dest / FOLDER
    with (
        _locked(dest, folder / "lock") as lock,
        TemporaryDirectory(prefix=TEMPORARY) as room,
        local.open_journal(Path(room)) as kept,
    ):
        yield _Mirrored.read(kept.connection, folder, lock, anew=anew)


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """The object `head`: the terms, and the notes by their names."""

    terms: dict[str, str]
    notes: dict[str, bytes]


class _Mirrored(Journal):
    """A journal whose changes are all mirrored below `folder`."""

    def __init__(self, connection: Connection, folder: StoredPath, lock: _Lock) -> None:
        super().__init__(connection)
        self._folder, self._lock = folder, lock
        self._put: dict[int, bytes] = {}

    @classmethod
    def read(cls, connection: Connection, folder: StoredPath, lock: _Lock, *, anew: bool) -> _Mirrored:
        """The journal below `folder`, read into the empty database of `connection`. Raises `TargetError`."""
        path, head = folder / "head", _Head({}, {})
        if path.is_file():
            try:
                head = msgspec.msgpack.decode(read_bytes(cast("Path", path), _MOST_BYTES), type=_Head)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if not anew:
                    raise TargetError(f"{path}: is no journal of this version; `overwrite=True` begins anew") from error
        connection.executemany("INSERT INTO terms VALUES (?, ?)", head.terms.items())
        connection.executemany("INSERT INTO notes VALUES (?, ?)", head.notes.items())
        for entry in (folder / "blocks").scan() if (folder / "blocks").is_dir() else ():
            if entry.name.isdecimal():
                block = (int(entry.name), (folder / "blocks" / entry.name).read_bytes())
                connection.execute("INSERT INTO blocks VALUES (?, ?)", block)
        connection.commit()
        journal = cls(connection, folder, lock)
        journal._put = dict(journal._hashes())
        return journal

    def begin(self, terms: Mapping[str, str]) -> None:
        super().begin(terms)
        self._mirror_blocks()
        self._mirror_head()

    def note_plan(self, plan: PlannedFiles) -> None:
        super().note_plan(plan)
        self._mirror_head()

    def note_end(self, end: End) -> None:
        super().note_end(end)
        self._mirror_head()

    def add(self, results: bytes) -> None:
        super().add(results)
        self._lock.renew()
        (number,) = self.connection.execute("SELECT max(id) FROM blocks").fetchone()
        self._write(number, results)

    def keep(self, keys: Iterable[Key]) -> None:
        super().keep(keys)
        self._mirror_blocks()

    def _mirror_head(self) -> None:
        notes = dict(self.connection.execute("SELECT name, value FROM notes").fetchall())
        with as_target_error(self._folder):
            (self._folder / "head").put(msgspec.msgpack.encode(_Head(self.terms, notes)))

    def _mirror_blocks(self) -> None:
        """Put the blocks that have changed, and remove those that are gone."""
        now = dict(self._hashes())
        for number in self._put.keys() - now.keys():
            with as_target_error(self._folder):
                self._object(number).unlink(missing_ok=True)
        for number, hashed in now.items():
            if self._put.get(number) != hashed:
                (results,) = self.connection.execute("SELECT results FROM blocks WHERE id = ?", (number,)).fetchone()
                self._write(number, results)
        self._put = now

    def _write(self, number: int, results: bytes) -> None:
        with as_target_error(self._folder):
            self._object(number).put(results)
        self._put[number] = _hashed(results)

    def _object(self, number: int) -> StoredPath:
        return self._folder / "blocks" / f"{number:08}"

    def _hashes(self) -> Iterator[tuple[int, bytes]]:
        for number, results in self.connection.execute("SELECT id, results FROM blocks"):
            yield number, _hashed(results)


def _hashed(results: bytes) -> bytes:
    return blake2b(results, digest_size=16).digest()


class _Holder(msgspec.Struct, frozen=True):
    """The process that writes: its machine, its id, its random `token`, and when it last renewed the lock."""

    host: str
    process: int
    token: str
    since: float

    @property
    def is_at_work(self) -> bool:
        """Whether it still runs, as far as can be known."""
        if self.host != gethostname() or sys.platform == "win32":
            return time() - self.since < LEASE
        return self.token in _own or (self.process != os.getpid() and _runs(self.process))


_own: set[str] = set()  # the tokens of this process


@dataclass
class _Lock:
    """The lock at `path`, which this process holds."""

    path: StoredPath
    token: str = field(default_factory=lambda: os.urandom(8).hex())
    since: float = field(default_factory=time)

    @property
    def content(self) -> bytes:
        """The content of the object."""
        return msgspec.json.encode(_Holder(gethostname(), os.getpid(), self.token, self.since))

    def renew(self) -> None:
        """Renew the lock, if that was done some time ago."""
        if time() - self.since > _RENEWED:
            self.since = time()
            with as_target_error(self.path):
                self.path.put(self.content)


@contextmanager
def _locked(dest: PurePath, path: StoredPath) -> Iterator[_Lock]:
    lock = _Lock(path)
    with as_target_error(dest):
        taken = path.put_first(lock.content)
    if not taken:
        holder = _holder(path)
        if holder and holder.is_at_work:
            raise TargetError(f"{dest}: another run is writing here ({holder.host}, process {holder.process})")
        with as_target_error(dest):
            path.put(lock.content)
    _own.add(lock.token)
    try:
        yield lock
    finally:
        _own.discard(lock.token)
        with as_target_error(dest):
            path.unlink(missing_ok=True)


def _holder(path: StoredPath) -> _Holder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Holder)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
