from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bboxprep.errors import TargetError
from bboxprep.pipeline.resume.batch_result import BatchResult, OutputCounts, SourceCounts
from bboxprep.pipeline.resume.fingerprint import NO_STAMP, BatchFingerprint, FileStamp, ImageFiles, OutputFile
from bboxprep.pipeline.resume.journal import (
    FOLDER,
    NAME,
    Journal,
    PlannedFiles,
    RunEnd,
    journal_key,
    open_journal,
)
from bboxprep.pipeline.resume.terms import terms_as_text

PLAN = PlannedFiles(("images/a.jpg",), ("images",))


def result(*names: str, path: str = "") -> BatchResult:
    files = (OutputFile(path),) if path else ()
    images = tuple(ImageFiles(name, FileStamp(1, 2), "", files) for name in names)
    return BatchResult("train", b"c", images, SourceCounts(), OutputCounts(), (), b"", b"", ())


def names(journal: Journal) -> list[list[str]]:
    return [[name for _, name in keys] for keys in journal.batches.values()]


def edit(dest: Path, *statements: str) -> None:
    with closing(sqlite3.connect(dest / FOLDER / NAME)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def filled(dest: Path) -> None:
    with open_journal(dest) as journal:
        journal.begin({"recipe": "1"}, PLAN)
        journal.add(result("a", "b"))
        journal.note_end(RunEnd("state", (("data.yaml", NO_STAMP),)), {})


def test_what_is_noted_is_there_the_next_time_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_journal(tmp_path) as journal:  # noqa: PT012
        journal.begin({"recipe": "1"}, PLAN)
        journal.add(result("a", "b", path="images/a.jpg"))
        journal.add(result("c"))
        raise ZeroDivisionError
    with open_journal(tmp_path) as journal:
        assert journal.terms == {"recipe": "1"}
        assert journal.plan == PLAN
        assert journal.end is None
        assert journal.batches == {1: [("train", "a"), ("train", "b")], 2: [("train", "c")]}
        assert list(journal.files()) == ["images/a.jpg"] * 2
        whole = result("a", "b", path="images/a.jpg")
        assert journal.result(1) == whole
        assert journal.fingerprint(1) == BatchFingerprint("train", b"c", whole.images)
        assert journal.result(3) is None
        journal.note_end(RunEnd("state", ()), {})
    with open_journal(tmp_path) as journal:
        assert journal.end == RunEnd("state", ())
        journal.note_plan(PlannedFiles())
        assert journal.end is None


def test_a_new_run_forgets_the_old_one(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        journal.begin({"recipe": "2"}, PlannedFiles())
        assert (names(journal), journal.plan, journal.end, journal.terms) == ([], PlannedFiles(), None, {"recipe": "2"})


def test_batches_that_are_not_kept_are_forgotten_and_new_ones_are_kept(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        for batch in (result("a", "b"), result("c"), result("b", path="new")):
            journal.add(batch)
    with open_journal(tmp_path) as journal:
        journal.add(result("d"))
        journal.prune({1, 3})
    with open_journal(tmp_path) as journal:
        assert names(journal) == [["a", "b"], ["b"], ["d"]]
        assert journal.result(3) == result("b", path="new")
        assert list(journal.files()) == ["new"]


def test_names_that_are_no_text_are_found_again(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.add(result("\udcff.jpg"))
    with open_journal(tmp_path) as journal:
        assert journal.batches == {1: [journal_key(("train", "\udcff.jpg"))]}


def test_a_journal_is_for_one_run_at_a_time(tmp_path: Path) -> None:
    with open_journal(tmp_path):
        for anew in (False, True):
            if not hasattr(os, "fork"):
                pytest.skip("no fork here")
            child = os.fork()
            if not child:
                os._exit(_refused(tmp_path, anew))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    with open_journal(tmp_path) as journal:
        assert names(journal) == []


def _refused(dest: Path, anew: bool) -> int:
    try:
        with open_journal(dest, anew=anew):
            return 0
    except TargetError as error:
        return 17 if str(error) == f"{dest}: another run is writing here" else 1
    except BaseException:  # noqa: BLE001  # nothing may come back into the test that was forked
        return 2


def overwrite_with_text(dest: Path) -> None:
    (dest / FOLDER / NAME).write_bytes(b"no database\n" * 500)


def overwrite_the_middle(dest: Path) -> None:
    path = dest / FOLDER / NAME
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 12288)


def add_a_view(dest: Path) -> None:
    endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, x'90' AS result FROM n"
    edit(dest, "DROP TABLE batches", f"CREATE VIEW batches AS {endless}")


def add_a_trigger(dest: Path) -> None:
    edit(dest, "CREATE TRIGGER t AFTER INSERT ON batches BEGIN DELETE FROM terms; END")


def of_other_tables(dest: Path) -> None:
    edit(dest, "ALTER TABLE batches ADD COLUMN more TEXT")


@pytest.mark.parametrize(
    "spoil", [overwrite_with_text, overwrite_the_middle, add_a_view, add_a_trigger, of_other_tables]
)
def test_what_is_no_journal_is_refused_and_begun_anew_if_that_is_allowed(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    filled(tmp_path)
    spoil(tmp_path)
    said = r"journal\.sqlite: is damaged or not a journal of this version .*; `overwrite=True` begins anew"
    with pytest.raises(TargetError, match=said), open_journal(tmp_path):
        pass
    with open_journal(tmp_path, anew=True) as journal:
        assert (names(journal), journal.plan, journal.terms) == ([], PlannedFiles(), {})
        journal.add(result("a"))
    with open_journal(tmp_path) as journal:
        assert names(journal) == [["a"]]


@pytest.mark.parametrize(
    "value",
    ["x'dd' || x'ffffffff'", "x'c1'", "zeroblob(100)", "'text'", "17", f"x'{'91' * 3000}'"],
)
def test_what_cannot_be_read_in_it_is_as_if_it_were_not_there(tmp_path: Path, value: str) -> None:
    filled(tmp_path)
    edit(
        tmp_path,
        f"INSERT INTO batches VALUES (9, {value}, {value})",
        *(f"INSERT OR REPLACE INTO notes VALUES ('{name}', {value})" for name in ("plan", "end")),
        f"INSERT OR REPLACE INTO terms VALUES ('recipe', {value})",
    )
    with open_journal(tmp_path) as journal:
        assert names(journal) == [["a", "b"]]
        assert (journal.plan, journal.end) == (PlannedFiles(), None)
        assert isinstance(journal.terms["recipe"], str)
        journal.prune({1})
        assert journal.result(1) == result("a", "b")
        assert journal.connection.execute("SELECT id FROM batches").fetchall() == [(1,)]


def test_what_is_too_much_to_read_is_left_unread(tmp_path: Path) -> None:
    filled(tmp_path)
    edit(tmp_path, f"INSERT INTO batches VALUES (9, zeroblob({2**28 + 1}), zeroblob({2**28 + 1}))")
    with open_journal(tmp_path) as journal:
        assert names(journal) == [["a", "b"]]


@pytest.mark.parametrize("place", [".", NAME, f"{NAME}-wal"])
def test_a_link_out_of_the_output_is_refused(tmp_path: Path, place: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "dest" / FOLDER
    outside.mkdir()
    folder.parent.mkdir()
    try:
        if place == ".":
            folder.symlink_to(outside)
        else:
            folder.mkdir()
            (folder / place).symlink_to(outside / "file")
    except OSError:
        pytest.skip("no symbolic links here")
    with pytest.raises(TargetError, match="is a link"), open_journal(tmp_path / "dest", anew=True):
        pass
    assert list(outside.iterdir()) == []


def test_a_place_that_cannot_be_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for dest in (tmp_path / "file" / "below", tmp_path / "a\0b"):
        with pytest.raises(TargetError, match="cannot be used"), open_journal(dest):
            pass


def test_terms_are_text_whatever_they_hold() -> None:
    found = terms_as_text({"a": {"z": 1, "b": "\udcff"}, "n": float("nan"), "big": 10**30, "path": Path("x")})
    assert found == {"a": '{"b": "\\udcff", "z": 1}', "n": "NaN", "big": "1" + "0" * 30, "path": '"x"'}
    assert msgspec.json.encode(found)


class Breaking(sqlite3.Connection):
    """A connection that fails after some statements, as where the disk is full."""

    left = 0

    def execute(self, *given: Any) -> sqlite3.Cursor:
        if not Breaking.left:
            raise sqlite3.OperationalError("disk I/O error")
        Breaking.left -= 1
        return super().execute(*given)


def test_a_journal_has_all_of_its_tables_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = []
    for left in range(10):
        Breaking.left, dest = left, tmp_path / str(left)
        with monkeypatch.context() as broken:
            broken.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Breaking))
            with pytest.raises(TargetError, match=r"journal\.sqlite: cannot be used"), open_journal(dest) as journal:
                journal.begin({"recipe": "1"}, PLAN)
        with closing(sqlite3.connect(dest / FOLDER / NAME)) as connection:
            tables.append(len(connection.execute("SELECT name FROM sqlite_schema").fetchall()))
        with open_journal(dest) as journal:
            assert (journal.terms, journal.plan) == ({}, PlannedFiles())
    assert set(tables) == {0, 3}
