from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bboxprep.errors import TargetError
from bboxprep.io import atomic
from bboxprep.io.atomic import write_bytes, write_text, write_unfinished

WRITERS = pytest.mark.parametrize("write", [write_bytes, write_unfinished])
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class Write(Protocol):
    def __call__(self, path: Path, data: bytes) -> None: ...


def names_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@WRITERS
@shared_folder
@given(first=st.binary(), then=st.binary())
def test_what_is_written_is_there_whole_and_alone(tmp_path: Path, write: Write, first: bytes, then: bytes) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    for data in (first, then):
        write(path, data)
        assert path.read_bytes() == data
        assert names_below(tmp_path) == ["new", "new/folder", "new/folder/file.bin"]


@shared_folder
@given(text=st.text())
def test_text_is_utf_8_with_its_line_ends(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / "file.txt", text)
    assert (tmp_path / "file.txt").read_bytes() == text.encode("utf-8")


@WRITERS
def test_a_folder_in_the_way_is_a_target_error_and_leaves_nothing(tmp_path: Path, write: Write) -> None:
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(TargetError, match=r"taken: cannot be written"):
        write(tmp_path / "taken", b"data")
    assert names_below(tmp_path) == ["taken", "taken/inside"]


@WRITERS
def test_a_file_where_a_folder_should_be_is_a_target_error(tmp_path: Path, write: Write) -> None:
    (tmp_path / "file").write_bytes(b"here first")
    with pytest.raises(TargetError, match="cannot be written"):
        write(tmp_path / "file" / "below", b"data")
    assert (tmp_path / "file").read_bytes() == b"here first"


@WRITERS
def test_a_failure_half_way_leaves_the_old_file_and_no_other(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")
    no_bytes: Any = object()
    with pytest.raises(TypeError):
        write(path, no_bytes)
    assert path.read_bytes() == b"old"
    assert names_below(tmp_path) == ["file.bin"]


@WRITERS
@pytest.mark.parametrize("name", ["a\0b", "x" * 5000], ids=["with a nul", "too long"])
def test_a_name_that_no_file_can_have_is_a_target_error(tmp_path: Path, write: Write, name: str) -> None:
    with pytest.raises(TargetError, match="cannot be written"):
        write(tmp_path / name, b"data")
    assert names_below(tmp_path) == []


def test_a_new_file_that_is_not_written_whole_is_not_left(tmp_path: Path) -> None:
    no_bytes: Any = object()
    with pytest.raises(TypeError):
        write_unfinished(tmp_path / "file.bin", no_bytes)
    assert names_below(tmp_path) == []


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    for name, target in (("link", tmp_path / "theirs"), ("dangling", tmp_path / "nowhere")):
        (tmp_path / name).symlink_to(target)
        write_unfinished(tmp_path / name, b"ours")
        assert (tmp_path / name).read_bytes() == b"ours"
    assert (tmp_path / "theirs").read_bytes() == b"theirs"
    assert names_below(tmp_path) == ["dangling", "link", "theirs"]


def test_text_that_is_no_text_is_a_target_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"'\\ud800' is no character"):
        write_text(tmp_path / "file.txt", "a\ud800")
    assert names_below(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_another_process_of_this_number_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    number = int(atomic.temporary_name().rpartition("-")[2])
    left = [tmp_path / f"{atomic.own_temporary()}{number + step}" for step in range(1, 4)]
    for path in left:
        path.write_bytes(b"half")
    write_bytes(tmp_path / "file.txt", b"whole", lasting=True)
    assert (tmp_path / "file.txt").read_bytes() == b"whole"
    assert [path.read_bytes() for path in left] == [b"half"] * 3
