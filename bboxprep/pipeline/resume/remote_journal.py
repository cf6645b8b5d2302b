"""The journal of an output on this machine or in a storage.

In a storage the journal consists of objects below ``.bboxprep``: `head` with the terms and the plan, and one object for
each batch with its lines, put when it is done, so that a run can continue on any machine. An open journal is a
temporary file of this machine, and every change of it is copied to the storage.

A storage has no locks. The object `lock` names the process that writes. It is put only if it does not exist, so that
only one of two runs gets it. It expires when its process has ended (on this machine), or has not renewed it for `LEASE`
seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from bboxprep.pipeline.resume.batch_result import BatchResult, decode_result, encode_result
from bboxprep.pipeline.resume.journal import FOLDER, Journal, PlannedFiles, RunEnd
from bboxprep.pipeline.resume.result_lines import LineStore

LEASE = 900  # s
_RENEWAL = 60  # s
_MAX_OBJECT_BYTES = 1 << 28
BATCHES = "batches"  # the folder of the objects of batches


@contextmanager
def open_journal(dest: Path, *, anew: bool = False) -> Iterator[Journal]:
    """Open and lock the journal of the output at `dest`; create it where there is none. With `anew`, a journal that
    cannot be read is replaced. Raises `TargetError` where another run has locked it, or it cannot be read or written.
    """
    if not is_stored(dest):
        with local.open_journal(dest, anew=anew) as journal:
            yield journal
        return
    folder = dest / FOLDER
    with (
        _locked(dest, folder / "lock") as lock,
        TemporaryDirectory(prefix=TEMPORARY) as temporary,
        local.open_journal(Path(temporary)) as journal,
    ):
        yield _MirroredJournal.read(journal, folder, lock, anew=anew)


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """The object `head`: the terms, and the notes by name."""

    terms: dict[str, str]
    notes: dict[str, bytes]


class _MirroredJournal(Journal):
    """A journal whose changes are all copied to the storage, below `folder`."""

    def __init__(self, connection: Connection, lines: LineStore, folder: StoredPath, lock: _Lock) -> None:
        super().__init__(connection, lines)
        self._folder, self._lock = folder, lock

    @classmethod
    def read(cls, empty: Journal, folder: StoredPath, lock: _Lock, *, anew: bool) -> _MirroredJournal:
        """The journal below `folder`, read into the `empty` one. Raises `TargetError`."""
        path, head = folder / "head", _Head({}, {})
        if path.is_file():
            try:
                head = msgspec.msgpack.decode(read_bytes(cast("Path", path), _MAX_OBJECT_BYTES), type=_Head)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if not anew:
                    raise TargetError(
                        f"{path}: is not a journal of this version; `overwrite=True` begins anew"
                    ) from error
        connection = empty.connection
        connection.executemany("INSERT INTO terms VALUES (?, ?)", head.terms.items())
        connection.executemany("INSERT INTO notes VALUES (?, ?)", head.notes.items())
        for entry in (folder / BATCHES).scan() if (folder / BATCHES).is_dir() else ():
            if entry.name.isdecimal():
                _insert_object(empty, int(entry.name), (folder / BATCHES / entry.name).read_bytes())
        connection.commit()
        return cls(connection, empty.lines_file, folder, lock)

    def begin(self, terms: Mapping[str, str], plan: PlannedFiles) -> None:
        earlier = self._all_numbers()
        super().begin(terms, plan)
        self._remove_objects(earlier)
        self._mirror_head()

    def note_plan(self, plan: PlannedFiles) -> None:
        super().note_plan(plan)
        self._mirror_head()

    def note_end(self, end: RunEnd, starts: Mapping[int, tuple[int, int]]) -> None:  # noqa: ARG002
        """Store the `end`. The objects of batches keep their lines, for an object is not shortened in its place."""
        super().note_end(end, {})
        self._mirror_head()

    def add(self, result: BatchResult) -> int:
        number = super().add(result)
        self._lock.renew()
        with as_target_error(self._folder):
            self._object(number).put(encode_result(result))
        return number

    def prune(self, numbers: Collection[int]) -> None:
        earlier = self._all_numbers()
        super().prune(numbers)
        self._remove_objects(earlier - self._all_numbers())

    def _mirror_head(self) -> None:
        notes = dict(self.connection.execute("SELECT name, value FROM notes").fetchall())
        with as_target_error(self._folder):
            (self._folder / "head").put(msgspec.msgpack.encode(_Head(self.terms, notes)))

    def _remove_objects(self, numbers: Collection[int]) -> None:
        for number in numbers:
            with as_target_error(self._folder):
                self._object(number).unlink(missing_ok=True)

    def _object(self, number: int) -> StoredPath:
        return self._folder / BATCHES / f"{number:08}"

    def _all_numbers(self) -> set[int]:
        return {number for (number,) in self.connection.execute("SELECT id FROM batches")}


def _insert_object(journal: Journal, number: int, data: bytes) -> None:
    """Store the batch `number`, whose object is `data`, in `journal`; one that cannot be read only keeps its number."""
    try:
        journal.insert(decode_result(data), number)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        journal.connection.execute("INSERT INTO batches VALUES (?, x'', x'')", (number,))


class _LockHolder(msgspec.Struct, frozen=True):
    """The process that holds the lock: its machine, its id, a random `token`, and the time of the last renewal."""

    host: str
    process: int
    token: str
    since: float

    @property
    def is_at_work(self) -> bool:
        """Whether the process still runs; on another machine, whether the lock has not expired."""
        if self.host != gethostname() or sys.platform == "win32":
            return time() - self.since < LEASE
        return self.token in _own_tokens or (self.process != os.getpid() and _runs(self.process))


_own_tokens: set[str] = set()  # of the locks that this process holds


@dataclass
class _Lock:
    """The lock at `path`, which this process holds."""

    path: StoredPath
    token: str = field(default_factory=lambda: os.urandom(8).hex())
    since: float = field(default_factory=time)

    @property
    def content(self) -> bytes:
        """The content of the object `lock`."""
        return msgspec.json.encode(_LockHolder(gethostname(), os.getpid(), self.token, self.since))

    def renew(self) -> None:
        """Renew the lock where the last renewal is `_RENEWAL` seconds old."""
        if time() - self.since > _RENEWAL:
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
    _own_tokens.add(lock.token)
    try:
        yield lock
    finally:
        _own_tokens.discard(lock.token)
        with as_target_error(dest):
            path.unlink(missing_ok=True)


def _holder(path: StoredPath) -> _LockHolder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_LockHolder)
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
