from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from bboxprep.errors import TargetError
from bboxprep.pipeline.output.output_folder import check_target, check_terms, clear_target, entries
from bboxprep.pipeline.output.run_record import INCOMPLETE, RECORD, RunRecord, write_record


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def complete(dest: Path) -> None:
    (dest / "images").mkdir(parents=True)
    (dest / "images" / "a.jpg").write_bytes(b"a")
    write_record(dest, RunRecord(recipe={}, entries=("images",)))


def test_a_new_or_empty_folder_will_do(tmp_path: Path, source: Path) -> None:
    check_target(tmp_path / "new", source)
    (tmp_path / "empty").mkdir()
    check_target(tmp_path / "empty", source)


def test_the_files_of_others_are_never_touched(tmp_path: Path, source: Path) -> None:
    complete(tmp_path / "dest")
    (tmp_path / "dest" / "weights.pt").write_bytes(b"w")
    with pytest.raises(TargetError, match=r"holds other files \(weights.pt\)"):
        check_target(tmp_path / "dest", source)


@pytest.mark.parametrize("unfinished", [False, True])
def test_our_own_output_may_be_cleared(tmp_path: Path, source: Path, unfinished: bool) -> None:
    dest = tmp_path / "dest"
    complete(dest)
    if unfinished:
        (dest / RECORD).unlink()
        (dest / INCOMPLETE).write_text("", encoding="utf-8")
    check_target(dest, source)
    clear_target(dest)
    assert entries(dest) == ([INCOMPLETE] if unfinished else [])


OLD = {"recipe": '{"letterbox":640}', "source": '["/a"]'}


@pytest.mark.parametrize(
    ("finished", "resume", "old", "new", "said"),
    [
        (True, False, OLD, OLD, None),
        (True, True, OLD, OLD, None),
        (False, True, OLD, OLD, None),
        (
            False,
            False,
            OLD,
            OLD,
            "unfinished output of an earlier run; `resume=True` goes on from there, `overwrite=True`",
        ),
        (True, False, {}, OLD, "earlier run, whose journal is missing; `overwrite=True`"),
        (
            True,
            True,
            OLD,
            {**OLD, "recipe": "null"},
            r'another recipe \({"letterbox":640} before, now null\); `overwrite=True`',
        ),
        (False, True, OLD, {**OLD, "sidecar": "true"}, r"another sidecar \(nothing before, now true\)"),
        (
            False,
            True,
            {**OLD, "source": "[" + "1," * 99 + "1]"},
            OLD,
            r"another source \(\[1,(1,)+1?\.\.\. before, now",
        ),
        (
            *(False, True, {**OLD, "recipe": f"[{'1,' * 99}0]"}, {**OLD, "recipe": f"[{'1,' * 99}9]", "a": "1"}),
            r"another recipe \(\.\.\.(1,)+0\] before, now \.\.\.(1,)+9\]\)",
        ),
    ],
)
def test_a_run_goes_on_by_the_same_terms_alone(
    tmp_path: Path, finished: bool, resume: bool, old: dict[str, str], new: dict[str, str], said: str | None
) -> None:
    complete(tmp_path)
    if not finished:
        (tmp_path / RECORD).unlink()
    with pytest.raises(TargetError, match=said) if said else nullcontext():
        check_terms(tmp_path, old, new, resume=resume)


@pytest.mark.parametrize("place", [".", "..", "inside"])
def test_source_and_output_may_not_lie_in_each_other(source: Path, place: str) -> None:
    with pytest.raises(TargetError, match="never modified"):
        check_target(source / place, source)


def test_a_file_is_no_folder(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TargetError, match="is a file, want a folder"):
        check_target(tmp_path / "file", source)


def test_a_record_that_cannot_be_read_proves_nothing(tmp_path: Path, source: Path) -> None:
    complete(tmp_path / "dest")
    (tmp_path / "dest" / RECORD).write_text("[1]", encoding="utf-8")
    with pytest.raises(TargetError, match="holds other files"):
        check_target(tmp_path / "dest", source)
