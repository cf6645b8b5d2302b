from __future__ import annotations

import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bboxprep.errors import ImageError, TargetError
from bboxprep.io import atomic
from bboxprep.io.atomic import link_or_copy, write_bytes, write_text

shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def names_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@shared_folder
@given(first=st.binary(), then=st.binary())
def test_what_is_written_is_there_whole_and_alone(tmp_path: Path, first: bytes, then: bytes) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    for data in (first, then):
        write_bytes(path, data)
        assert path.read_bytes() == data
        assert names_below(tmp_path) == ["new", "new/folder", "new/folder/file.bin"]


@shared_folder
@given(text=st.text())
def test_text_is_utf_8_with_its_line_ends(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / "file.txt", text)
    assert (tmp_path / "file.txt").read_bytes() == text.encode("utf-8")


def test_a_folder_in_the_way_is_a_target_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(TargetError, match=r"taken: cannot be written"):
        write_bytes(tmp_path / "taken", b"data")
    assert names_below(tmp_path) == ["taken", "taken/inside"]


def test_a_file_where_a_folder_should_be_is_a_target_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"here first")
    with pytest.raises(TargetError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "below", b"data")
    assert (tmp_path / "file").read_bytes() == b"here first"


def test_a_failure_half_way_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")
    no_bytes: Any = object()
    with pytest.raises(TypeError):
        write_bytes(path, no_bytes)
    assert path.read_bytes() == b"old"
    assert names_below(tmp_path) == ["file.bin"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000], ids=["with a nul", "too long"])
def test_a_name_that_no_file_can_have_is_a_target_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "source").write_bytes(b"data")
    with pytest.raises(TargetError, match="cannot be written"):
        write_bytes(tmp_path / name, b"data")
    with pytest.raises(TargetError, match="cannot be written"):
        link_or_copy(tmp_path / "source", tmp_path / name)
    assert names_below(tmp_path) == ["source"]


def test_text_that_is_no_text_is_a_target_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"'\\ud800' is no character"):
        write_text(tmp_path / "file.txt", "a\ud800")
    assert names_below(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@shared_folder
@given(data=st.binary())
def test_a_linked_or_copied_file_has_the_bytes_and_the_source_its_own(tmp_path: Path, data: bytes) -> None:
    source, path = tmp_path / "source.jpg", tmp_path / "out" / "copy.jpg"
    source.write_bytes(data)
    before = source.stat().st_mtime_ns
    path.unlink(missing_ok=True)
    link_or_copy(source, path)
    assert path.read_bytes() == data == source.read_bytes()
    assert source.stat().st_mtime_ns == before
    assert names_below(tmp_path) == ["out", "out/copy.jpg", "source.jpg"]


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.jpg").write_bytes(b"data")
    try:
        (tmp_path / "alias.jpg").symlink_to("real.jpg")
    except OSError:
        pytest.skip("no symbolic links here")
    link_or_copy(tmp_path / "alias.jpg", tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").is_symlink()
    assert (tmp_path / "out.jpg").read_bytes() == b"data"


def test_what_a_link_stands_in_the_place_of_is_replaced_and_its_other_names_are_not(tmp_path: Path) -> None:
    (tmp_path / "source.jpg").write_bytes(b"new")
    (tmp_path / "older.jpg").write_bytes(b"old")
    os.link(tmp_path / "older.jpg", tmp_path / "out.jpg")
    for _ in range(2):
        assert link_or_copy(tmp_path / "source.jpg", tmp_path / "out.jpg") == ""
        assert (tmp_path / "out.jpg").samefile(tmp_path / "source.jpg")
    assert (tmp_path / "older.jpg").read_bytes() == b"old"
    assert names_below(tmp_path) == ["older.jpg", "out.jpg", "source.jpg"]


def test_a_folder_in_the_way_is_a_target_error_and_a_missing_source_an_image_error(tmp_path: Path) -> None:
    (tmp_path / "source.jpg").write_bytes(b"new")
    (tmp_path / "taken.jpg").mkdir()
    with pytest.raises(TargetError, match=r"taken\.jpg: cannot be written"):
        link_or_copy(tmp_path / "source.jpg", tmp_path / "taken.jpg")
    with pytest.raises(ImageError, match=r"absent\.jpg: cannot be read"):
        link_or_copy(tmp_path / "absent.jpg", tmp_path / "out.jpg")
    assert names_below(tmp_path) == ["source.jpg", "taken.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_file_is_neither_linked_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "alias.jpg").symlink_to("pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "alias.jpg", "folder.jpg"):
        with pytest.raises(ImageError, match=r"cannot be read \(want a file\)"):
            link_or_copy(tmp_path / name, tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").exists()


def test_what_another_process_of_this_number_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    number = int(atomic._temporary_name().rpartition("-")[2])
    left = [tmp_path / f"{atomic.own_temporary()}{number + step}" for step in range(1, 4)]
    for path in left:
        path.write_bytes(b"half")
    write_bytes(tmp_path / "file.txt", b"whole", lasting=True)
    assert (tmp_path / "file.txt").read_bytes() == b"whole"
    assert [path.read_bytes() for path in left] == [b"half"] * 3


def test_another_file_system_gets_a_copy(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("only one file system here")
    source = elsewhere / f"bboxprep-test-{os.getpid()}"
    try:
        source.write_bytes(b"data")
        assert link_or_copy(source, tmp_path / "out.jpg") == sha256(b"data").hexdigest()
    finally:
        source.unlink(missing_ok=True)
    assert (tmp_path / "out.jpg").read_bytes() == b"data"
    assert names_below(tmp_path) == ["out.jpg"]


def test_a_copy_is_made_in_pieces_where_no_link_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("another file system")

    data = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(data)
    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == data
    assert not (tmp_path / "b").samefile(tmp_path / "a")
