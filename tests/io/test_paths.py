from __future__ import annotations

import errno
import os
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from posixpath import splitext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError, LayoutError, UsageError
from bboxprep.io.folder_listing import subfolders, walk
from bboxprep.io.hashing import file_sha256
from bboxprep.io.paths import (
    AllowedFolders,
    dataset_folder,
    exists_safely,
    is_file_safely,
    is_within,
    read_bytes,
    read_lines,
    read_start,
    relative_path,
    resolved,
    source_error,
    stem_of,
    suffix_of,
)
from bboxprep.io.remote import StoredPath, open_path, opened

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


@given(st.text("ab."))
def test_the_stem_and_the_suffix_are_those_of_os_path(name: str) -> None:
    assert (stem_of(name), suffix_of(name)) == splitext(name)


parts = st.lists(st.text("ab!.:é \\\0", min_size=1).filter(lambda part: part not in (".", "..")), max_size=4)


@given(top=st.sampled_from(["", "/", "/data", "s3://bucket"]), above=parts, below=parts)
def test_a_relative_path_joined_to_its_root_is_the_path_again(top: str, above: list[str], below: list[str]) -> None:
    kind = StoredPath if top.startswith("s3") else PurePosixPath
    root = kind(top, *above)
    path = root.joinpath(*below)
    shown = relative_path(path, root)
    assert root / shown == path
    assert PurePosixPath(shown).is_absolute() == (str(root) == "/" and bool(below))
    assert relative_path(path, kind(top, "elsewhere")) == str(path)
    beside = kind(top, *above, "a"), kind(top, *above, "ab", "c")
    assert relative_path(beside[1], beside[0]) == str(beside[1])  # their names begin alike


def test_a_windows_path_is_shown_with_slashes() -> None:
    assert relative_path(PureWindowsPath(r"C:\set\images\a.jpg"), PureWindowsPath(r"C:\set")) == "images/a.jpg"


def test_a_member_of_an_archive_is_named_like_a_file_in_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("images/a.jpg", b"a")
    (tmp_path / "odd!").mkdir()
    (tmp_path / "odd!" / "a.jpg").write_bytes(b"b")
    inside = opened(tmp_path / "set.zip")
    assert relative_path(inside / "images/a.jpg", inside) == "images/a.jpg"
    assert relative_path(inside / "images/a.jpg", tmp_path) == "set.zip/images/a.jpg"
    assert relative_path(inside, tmp_path) == "set.zip"
    assert open_path(tmp_path / "set.zip/images/a.jpg").read_bytes() == b"a"
    assert relative_path(tmp_path / "odd!" / "a.jpg", tmp_path) == "odd!/a.jpg"  # which is no archive


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_allowed_folders_hold_what_lies_in_its_folders_links_followed(tmp_path: Path) -> None:
    for folder in ("in/deep", "beside", "out"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "in/link").symlink_to(tmp_path / "out")
    (tmp_path / "in/deep/file").symlink_to(tmp_path / "beside")
    (tmp_path / "in/own").symlink_to(tmp_path / "in/deep")
    allowed = AllowedFolders(tmp_path / "in")
    inside = ("in", "in/gone", "in/deep/gone", "in/own", "in/own/gone", "in/deep/..")
    outside = ("", "in/..", "in/link", "in/link/gone", "in/deep/file", "beside", "inside", "in/../out")
    assert all(allowed.holds(tmp_path / path) for path in inside)
    assert not any(allowed.holds(tmp_path / path) for path in outside)
    allowed.admit(tmp_path / "beside")
    assert allowed.holds(tmp_path / "in/deep/file")
    assert allowed.holds(tmp_path / "beside/gone")
    assert not allowed.holds(tmp_path / "in/link")


def test_the_folder_of_a_data_set_is_its_own_or_that_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").touch()
    assert dataset_folder(tmp_path / "data.yaml") == dataset_folder(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "x"), "Permission denied"),
        (ValueError("embedded null byte"), "embedded null byte"),
    ],
)
def test_what_the_system_raises_becomes_an_error_that_names_the_file(error: Exception, words: str) -> None:
    assert str(source_error(error, Path("a/b.txt"))) == f"a/b.txt: cannot be read ({words})"
    found = source_error(error, Path("a"), LayoutError, "cannot be listed")
    assert isinstance(found, LayoutError)
    assert str(found) == f"a: cannot be listed ({words})"


@pytest.mark.skipif(os.name != "posix", reason="a working folder cannot be removed here")
def test_a_path_below_a_working_folder_that_is_gone_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match=r"prepared: is relative to the working folder, which is gone .*absolute path"):
        resolved(Path("prepared"))
    assert resolved(tmp_path) == tmp_path.resolve()


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ETIMEDOUT, errno.ENOMEM])
def test_what_the_system_failed_to_list_or_find_is_not_taken_for_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(tmp_path))

    def absent(*_: object, **__: object) -> None:
        raise OSError(errno.ENOENT, "no such file", str(tmp_path))

    asked: list[Callable[[], object]] = [
        lambda: subfolders(tmp_path),
        lambda: list(walk(tmp_path)),
        lambda: resolved(tmp_path),
        lambda: is_within(tmp_path, tmp_path),
        lambda: exists_safely(tmp_path),
        lambda: is_file_safely(tmp_path),
        lambda: file_sha256(tmp_path),
    ]
    for refusal in (absent, fail):
        for name in ("scandir", "stat", "lstat"):
            monkeypatch.setattr(os, name, refusal)
        monkeypatch.setattr(Path, "open", refusal)
        for ask in asked:
            if refusal is absent:
                ask()
            else:
                with pytest.raises(AnnotationError, match=re.escape(f": cannot be read ({os.strerror(code)})")):
                    ask()
