from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import TargetError
from bboxprep.pipeline.record import INCOMPLETE, RECORD, write_record
from bboxprep.pipeline.target import check_target, clear_target, entries


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def complete(dest: Path) -> None:
    (dest / "images").mkdir(parents=True)
    (dest / "images" / "a.jpg").write_bytes(b"a")
    write_record(dest, {"entries": ["images"]})


def test_a_new_or_empty_folder_will_do(tmp_path: Path, source: Path) -> None:
    check_target(tmp_path / "new", source, overwrite=False)
    (tmp_path / "empty").mkdir()
    check_target(tmp_path / "empty", source, overwrite=False)


def test_the_files_of_others_are_never_touched(tmp_path: Path, source: Path) -> None:
    complete(tmp_path / "dest")
    (tmp_path / "dest" / "weights.pt").write_bytes(b"w")
    for overwrite in (False, True):
        with pytest.raises(TargetError):
            check_target(tmp_path / "dest", source, overwrite=overwrite)
    with pytest.raises(TargetError, match=r"holds other files \(weights.pt\)"):
        check_target(tmp_path / "dest", source, overwrite=True)


@pytest.mark.parametrize("unfinished", [False, True])
def test_our_own_output_is_replaced_where_that_is_wanted(tmp_path: Path, source: Path, unfinished: bool) -> None:
    dest = tmp_path / "dest"
    complete(dest)
    if unfinished:
        (dest / RECORD).unlink()
        (dest / INCOMPLETE).write_text("", encoding="utf-8")
    with pytest.raises(TargetError, match="--overwrite replaces it"):
        check_target(dest, source, overwrite=False)
    check_target(dest, source, overwrite=True)
    clear_target(dest)
    assert entries(dest) == []


@pytest.mark.parametrize("place", [".", "..", "inside"])
def test_source_and_output_may_not_lie_in_each_other(source: Path, place: str) -> None:
    with pytest.raises(TargetError, match="never modified"):
        check_target(source / place, source, overwrite=True)


def test_a_file_is_no_folder(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TargetError, match="is a file, want a folder"):
        check_target(tmp_path / "file", source, overwrite=False)


def test_a_record_that_cannot_be_read_proves_nothing(tmp_path: Path, source: Path) -> None:
    complete(tmp_path / "dest")
    (tmp_path / "dest" / RECORD).write_text("[1]", encoding="utf-8")
    with pytest.raises(TargetError, match="holds other files"):
        check_target(tmp_path / "dest", source, overwrite=True)
