"""The journal of a run lists the finished images. A run that is killed loses no more than its unfinished blocks.

The journal is one SQLite file in the folder ``.bboxprep`` of the output. Trainers do not need it; without it an output
cannot be resumed or updated. It stores the terms of the run, all paths that the run may write, and the results of all
finished images. It is locked while it is open, so that two runs never write one output; a kill unlocks it.

Files are written before their results are added. Neither is flushed to the disk during the run: a kill loses no written
data, and after a power failure a later run finds lost files, since it always compares the bytes of files with the
journal. The terms and the paths are flushed before the first file: without them it would be unknown whose files lie
there. At the end all files are flushed together, before the run record says that the output is complete: an fsync of
every label file would take longer than the run.

The lines of a result are not stored in it, only their place (`result_lines`).

A journal is untrusted input: a damaged block is done again, and no path in it is followed out of the output.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bboxprep.errors import TargetError
from bboxprep.findings import escape_surrogates
from bboxprep.io.paths import error_reason
from bboxprep.pipeline.resume.batch_result import BatchResult, decode_result, encode_result
from bboxprep.pipeline.resume.fingerprint import BatchFingerprint, FileStamp
from bboxprep.pipeline.resume.result_lines import LinesPlace, LineStore, ResultLines

FOLDER = ".bboxprep"
NAME = "journal.sqlite"

_MAX_ENTRY_BYTES = 1 << 28
_MAX_PLACE_BYTES = 100
_PAGE_BYTES = 1 << 14  # four times the default: a result of a batch takes hundreds of pages
_UNFLUSHED = "PRAGMA synchronous = NORMAL"
_SCHEMA = """
CREATE TABLE terms (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE notes (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE batches (id INTEGER PRIMARY KEY, result BLOB NOT NULL, lines BLOB NOT NULL);
"""  # made in one transaction, so that a journal has all of its tables or none
_UNREADABLE = (
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
)  # error codes of a file that is not a journal

Key = tuple[str, str]


class PlannedFiles(msgspec.Struct, frozen=True, array_like=True):
    """The plan of the output: the paths of its `files` that the run, or an earlier one, writes, and the
    `entries` of the output folder that hold them or files that it shares.
    """

    files: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


class _Entries(msgspec.Struct, frozen=True, array_like=True):
    """A `PlannedFiles` of which only the `entries` are decoded."""

    files: msgspec.Raw
    entries: tuple[str, ...] = ()


class RunEnd(msgspec.Struct, frozen=True, array_like=True):
    """The end of a run: `state`, a hash of the data of the dataset that is in no result, and the path and stamp of each
    file that is written once for the dataset.
    """

    state: str
    files: tuple[tuple[str, FileStamp], ...]


class Journal:
    """An open journal; see `open_journal`."""

    def __init__(self, connection: sqlite3.Connection, lines: LineStore) -> None:
        self.connection = connection
        self.lines_file = lines
        self._numbers = self._stored_numbers()
        self._keys = dict(self._index())

    @property
    def terms(self) -> dict[str, str]:
        """The terms of the run, as JSON by name; empty where no run has begun."""
        found = self.connection.execute("SELECT name, value FROM terms").fetchall()
        return {str(name): str(value) for name, value in found}

    @property
    def plan(self) -> PlannedFiles:
        """The files that the run may write; empty where no run has begun."""
        return self._note("plan", PlannedFiles) or PlannedFiles()

    @property
    def entries(self) -> tuple[str, ...]:
        """The entries of the `plan`; its files are not decoded."""
        plan: _Entries | None = self._note("plan", _Entries)
        return plan.entries if plan else ()

    @property
    def end(self) -> RunEnd | None:
        """The end of the run; None where it has not ended."""
        end: RunEnd | None = self._note("end", RunEnd)
        return end

    def begin(self, terms: Mapping[str, str], plan: PlannedFiles) -> None:
        """Delete everything, and store the `terms` and the `plan` of a new run, at once and on the disk."""
        with self._lasting():
            for table in ("terms", "notes", "batches"):
                self.connection.execute(f"DELETE FROM {table}")
            self.connection.executemany("INSERT INTO terms VALUES (?, ?)", terms.items())
            self._set("plan", plan)
        self.lines_file.remove()
        self._numbers, self._keys = [], {}

    def note_plan(self, plan: PlannedFiles) -> None:
        """Delete the `end` of the earlier run and store the `plan` of a run that resumes it, at once and on the disk,
        before it writes any file.
        """
        with self._lasting():
            self.connection.execute("DELETE FROM notes WHERE name = 'end'")
            self._set("plan", plan)

    def note_end(self, end: RunEnd, starts: Mapping[int, tuple[int, int]]) -> None:
        """Store the `end`, and where the lines of each batch start in the files of the output: rows, sidecar."""
        for number, (rows, sidecar) in starts.items():
            if place := self._place(number):
                moved = msgspec.structs.replace(place, finished=True, rows=rows, sidecar=sidecar)
                values = (msgspec.msgpack.encode(moved), number)
                self.connection.execute("UPDATE batches SET lines = ? WHERE id = ?", values)
        self._set("end", end)
        self.connection.commit()
        self.lines_file.remove()

    @property
    def batches(self) -> Mapping[int, Sequence[Key]]:
        """The keys of the images of each batch that an earlier run has written, by its number, in rising order.

        An image may be in two of them, where a run that redid its batch was stopped.
        """
        return self._keys

    def files(self) -> Iterator[str]:
        """The paths of all files of all batches."""
        for number in self._keys:
            if fingerprint := self.fingerprint(number):
                yield from (file.path for image in fingerprint.images for file in image.files)

    def result(self, number: int) -> BatchResult | None:
        """The result of the batch `number`, without its lines; None where it has none."""
        return _decoded(decode_result, self._data(number))

    def lines(self, number: int) -> ResultLines | None:
        """The lines of the batch `number`; None where it has none, or they are no longer there."""
        place = self._place(number)
        return self.lines_file.read(place) if place else None

    def fingerprint(self, number: int) -> BatchFingerprint | None:
        """The fingerprint of the batch `number`; None where it has no result."""
        return _decoded(_decode_fingerprint, self._data(number))

    def add(self, result: BatchResult) -> int:
        """Add the result of a batch; returns its number. Raises `TargetError`."""
        number = self.insert(result)
        self.connection.commit()
        return number

    def insert(self, result: BatchResult, number: int | None = None) -> int:
        """Store the result of a batch, under the next number where none is given, and return that; not yet committed.

        Raises `TargetError`.
        """
        place = self.lines_file.add(ResultLines(result.rows, result.sidecar))
        rest = encode_result(msgspec.structs.replace(result, rows=b"", sidecar=b""))
        values = (number, rest, msgspec.msgpack.encode(place))
        return self.connection.execute("INSERT INTO batches VALUES (?, ?, ?)", values).lastrowid or 0

    def prune(self, numbers: Collection[int]) -> None:
        """Delete all batches of earlier runs except those with these `numbers`."""
        outdated = [(number,) for number in self._numbers if number not in numbers]
        self.connection.executemany("DELETE FROM batches WHERE id = ?", outdated)
        self.connection.commit()

    @contextmanager
    def _lasting(self) -> Iterator[None]:
        """A transaction that is flushed to the disk; the others are not."""
        self.connection.execute("PRAGMA synchronous = FULL")
        yield
        self.connection.commit()
        self.connection.execute(_UNFLUSHED)

    def _index(self) -> Iterator[tuple[int, list[Key]]]:
        for number in self._numbers:
            if fingerprint := self.fingerprint(number):
                yield number, fingerprint.keys

    def _stored_numbers(self) -> list[int]:
        return [number for (number,) in self.connection.execute("SELECT id FROM batches ORDER BY id").fetchall()]

    def _data(self, number: int, column: str = "result", most: int = _MAX_ENTRY_BYTES) -> Any:
        query = f"SELECT {column} FROM batches WHERE id = ? AND length({column}) <= ?"  # of our own words
        found = self.connection.execute(query, (number, most)).fetchone()
        return found and found[0]

    def _place(self, number: int) -> LinesPlace | None:
        return _decoded(_decode_place, self._data(number, "lines", _MAX_PLACE_BYTES))

    def _note(self, name: str, kind: type[Any]) -> Any:
        found = self.connection.execute(
            "SELECT value FROM notes WHERE name = ? AND length(value) <= ?", (name, _MAX_ENTRY_BYTES)
        ).fetchone()
        return _decoded(partial(msgspec.msgpack.decode, type=kind), found and found[0])

    def _set(self, name: str, value: object) -> None:
        self.connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, msgspec.msgpack.encode(value)))


_decode_fingerprint = msgspec.msgpack.Decoder(BatchFingerprint).decode
_decode_place = msgspec.msgpack.Decoder(LinesPlace).decode
_Value = TypeVar("_Value")


def _decoded(decode: Callable[[Any], _Value], data: Any) -> _Value | None:
    """``decode(data)``; None where `data` is None or damaged."""
    try:
        return None if data is None else decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return None


@contextmanager
def open_journal(dest: Path, *, anew: bool = False) -> Iterator[Journal]:
    """Open and lock the journal of the output at `dest`; create it where there is none. With `anew`, a journal that
    cannot be read is replaced. Raises `TargetError` where another run has locked it, or it cannot be read or written.
    """
    path = dest / FOLDER / NAME
    with _faults_named(dest, path), _files_named(path):
        _make_folder(path.parent)
        lines = LineStore(path.with_name(f"{NAME}-lines"), dest)
        connection, journal = _opened(path, lines, anew=anew)
    with _faults_named(dest, path), closing(connection), closing(journal.lines_file):
        yield journal


def journal_key(key: Key) -> Key:
    """`key` with lone surrogates escaped, which SQLite cannot store."""
    return key if key[1].isascii() and key[0].isascii() else (escape_surrogates(key[0]), escape_surrogates(key[1]))


def _make_folder(folder: Path) -> None:
    """Create `folder`. Raises `OSError`, also where it is or contains a link, which may lead out of the output."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except ValueError as error:  # a NUL in the name
        raise OSError(str(error)) from error
    for path in (folder, *folder.iterdir()):
        if path.is_symlink():
            raise OSError(f"{path.name} is a link")


def _opened(path: Path, lines: LineStore, *, anew: bool) -> tuple[sqlite3.Connection, Journal]:
    try:
        return _locked(path, lines)
    except sqlite3.Error as error:
        if not anew or _code(error) not in _UNREADABLE:
            raise
        for file in sorted(path.parent.glob(f"{NAME}*")):
            file.unlink()
        return _locked(path, lines)


def _locked(path: Path, lines: LineStore) -> tuple[sqlite3.Connection, Journal]:
    """The locked journal at `path`, with its tables. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(path, timeout=0, isolation_level="IMMEDIATE")
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(_UNFLUSHED)
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute(_TABLES).fetchall()
        _check_tables(found)
        for statement in () if found else filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        connection.commit()
        return connection, Journal(connection, lines)
    except BaseException:
        connection.close()
        raise


_TABLES = "SELECT type, name, sql FROM sqlite_schema ORDER BY name"


def _check_tables(found: list[tuple[str, str, str | None]]) -> None:
    """Raise `_ForeignError` unless there are no tables or exactly ours: a view or a trigger could do anything."""
    if found and found != _tables():
        raise _ForeignError("its tables are not those of this version")


@cache
def _tables() -> list[tuple[str, str, str | None]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_SCHEMA)
        return connection.execute(_TABLES).fetchall()


class _ForeignError(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_NOTADB


@contextmanager
def _files_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(f"{error.filename or path}: cannot be used ({error_reason(error)})") from error


@contextmanager
def _faults_named(dest: Path, path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise TargetError(_problem(dest, path, error)) from error


def _problem(dest: Path, path: Path, error: sqlite3.Error) -> str:
    code = _code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"{dest}: another run is writing here"
    if code == sqlite3.SQLITE_FULL:
        return f"{path}: cannot be written (no space left); what is done stays, `resume=True` goes on from there"
    if code in _UNREADABLE:
        return f"{path}: is damaged or not a journal of this version ({error}); `overwrite=True` begins anew"
    return f"{path}: cannot be used ({error})"


def _code(error: sqlite3.Error) -> int:
    """The primary code of `error`, 0 where it has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
