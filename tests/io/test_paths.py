from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.io.paths import exists_safely, is_within, read_bytes, read_lines, read_start, resolved

shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_file_is_read_up_to_a_limit_and_only_if_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(AnnotationError, match="have 5 bytes, want at most 4"):
        read_bytes(path, 4)
    for none in (tmp_path, tmp_path / "gone", tmp_path / "a\0b"):
        with pytest.raises(AnnotationError, match="cannot be read"):
            read_bytes(none, 5)


def test_lines_come_one_by_one_and_none_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n\nthree")
    assert list(read_lines(path, 5)) == [b"one\n", b"\n", b"three"]
    lines = read_lines(path, 4)
    assert [next(lines), next(lines)] == [b"one\n", b"\n"]
    with pytest.raises(AnnotationError, match="have a line of more than 4 bytes"):
        next(lines)
    with pytest.raises(AnnotationError, match="cannot be read"):
        next(read_lines(tmp_path, 4))


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_counts_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "circle").symlink_to("circle")
    root = resolved(tmp_path / "in")
    assert is_within(tmp_path / "in" / "gone", root)
    assert is_within(tmp_path / "in" / "link", root, resolved(tmp_path / "out"))
    for path in ("link", "link/deeper", "..", "../out", "circle", "a\0b"):
        assert not is_within(tmp_path / "in" / path, root)
    assert resolved(tmp_path / "in" / "link") == resolved(tmp_path / "out")
    for path in ("circle", "a\0b"):
        assert resolved(tmp_path / "in" / path).name == path
    assert exists_safely(tmp_path / "in" / "link")
    assert not exists_safely(tmp_path / "in" / "a\0b")


def test_a_link_that_may_not_be_read_leads_nowhere(tmp_path: Path) -> None:
    for process in sorted(Path("/proc").glob("[0-9]*/exe")):
        try:
            process.readlink()
        except OSError:  # of another user, or of the kernel
            (tmp_path / "link").symlink_to(process)
            assert not is_within(tmp_path / "link", resolved(tmp_path))
            assert resolved(tmp_path / "link").name == "link"
            return
    pytest.skip("every link may be read here")


@shared_folder
@given(data=st.binary(max_size=9), most=st.integers(0, 12), result=st.integers(1, 5))
def test_a_file_is_read_from_its_start_up_to_a_limit(tmp_path: Path, data: bytes, most: int, result: int) -> None:
    (tmp_path / "file.bin").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        whole = os.read
        patch.setattr(os, "read", lambda handle, size: whole(handle, min(size, result)))  # as a network may do it
        assert read_start(tmp_path / "file.bin", most) == data[:most]
