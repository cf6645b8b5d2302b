from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bboxprep.errors import ImageError, TargetError
from bboxprep.io import copying
from bboxprep.io.copying import copy_file, link_file

Put = Callable[[Path, Path], str]
WAYS: dict[str, Put] = {"copy": copy_file, "link": link_file, "symlink": partial(link_file, symbolic=True)}
every_way = pytest.mark.parametrize("put", WAYS.values(), ids=WAYS)
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reflinks are asked for on Linux alone")


def names_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@every_way
@shared_folder
@given(data=st.binary() | st.integers(0, 3).map(lambda n: bytes(range(256)) * n * 5000))
def test_the_file_has_the_bytes_and_the_hash_of_the_source_which_stays_as_it_is(
    tmp_path: Path, put: Put, data: bytes
) -> None:
    source, path = tmp_path / "source.jpg", tmp_path / "out" / "put.jpg"
    source.write_bytes(data)
    before = source.stat().st_mtime_ns
    for _ in range(2):  # the second time in the place of the first
        assert put(source, path) == sha256(data).hexdigest()
    assert path.read_bytes() == data == source.read_bytes()
    assert source.stat().st_mtime_ns == before
    assert names_below(tmp_path) == ["out", "out/put.jpg", "source.jpg"]


@pytest.mark.parametrize(("way", "shared"), [("copy", False), ("link", True), ("symlink", True)])
def test_only_a_copy_can_be_rewritten_without_the_source(tmp_path: Path, way: str, shared: bool) -> None:
    (tmp_path / "source.jpg").write_bytes(b"source")
    WAYS[way](tmp_path / "source.jpg", tmp_path / "out.jpg")
    with (tmp_path / "out.jpg").open("r+b") as file:
        file.write(b"OUTPUT")
    assert (tmp_path / "source.jpg").read_bytes() == (b"OUTPUT" if shared else b"source")
    assert (tmp_path / "out.jpg").is_symlink() == (way == "symlink")


@every_way
def test_a_symbolic_link_of_the_source_is_followed(tmp_path: Path, put: Put) -> None:
    (tmp_path / "real.jpg").write_bytes(b"data")
    (tmp_path / "alias.jpg").symlink_to("real.jpg")
    put(tmp_path / "alias.jpg", tmp_path / "out.jpg")
    (tmp_path / "alias.jpg").unlink()
    assert (tmp_path / "out.jpg").read_bytes() == b"data"


def test_a_symbolic_link_is_absolute_also_where_the_source_is_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source.jpg").write_bytes(b"data")
    monkeypatch.chdir(tmp_path)
    link_file(Path("source.jpg"), tmp_path / "out" / "out.jpg", symbolic=True)
    assert (tmp_path / "out" / "out.jpg").readlink() == tmp_path.resolve() / "source.jpg"


@every_way
def test_what_stands_in_the_way_is_replaced_and_its_other_names_are_not(tmp_path: Path, put: Put) -> None:
    (tmp_path / "source.jpg").write_bytes(b"new")
    (tmp_path / "older.jpg").write_bytes(b"old")
    os.link(tmp_path / "older.jpg", tmp_path / "out.jpg")
    put(tmp_path / "source.jpg", tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").read_bytes() == b"new"
    assert (tmp_path / "older.jpg").read_bytes() == b"old"
    assert names_below(tmp_path) == ["older.jpg", "out.jpg", "source.jpg"]


@every_way
def test_a_folder_in_the_way_is_a_target_error_and_a_missing_source_an_image_error(tmp_path: Path, put: Put) -> None:
    (tmp_path / "source.jpg").write_bytes(b"new")
    (tmp_path / "taken.jpg").mkdir()
    with pytest.raises(TargetError, match=r"taken\.jpg: cannot be"):
        put(tmp_path / "source.jpg", tmp_path / "taken.jpg")
    with pytest.raises(ImageError, match=r"absent\.jpg: cannot be read"):
        put(tmp_path / "absent.jpg", tmp_path / "out.jpg")
    assert names_below(tmp_path) == ["source.jpg", "taken.jpg"]


@every_way
@pytest.mark.parametrize("name", ["a\0b", "x" * 5000], ids=["with a nul", "too long"])
def test_a_name_that_no_file_can_have_is_a_target_error(tmp_path: Path, put: Put, name: str) -> None:
    (tmp_path / "source").write_bytes(b"data")
    with pytest.raises(TargetError, match="cannot be"):
        put(tmp_path / "source", tmp_path / name)
    assert names_below(tmp_path) == ["source"]


@every_way
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, put: Put) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "alias.jpg").symlink_to("pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "alias.jpg", "folder.jpg"):
        with pytest.raises(ImageError, match=r"cannot be read \(want a file\)"):
            put(tmp_path / name, tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").exists()


@every_way
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("becomes", ["a pipe", "a link"])
def test_a_source_that_changes_its_kind_after_the_first_look_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put: Put, becomes: str
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    if becomes == "a pipe":
        os.mkfifo(tmp_path / "source.jpg")
    else:
        (tmp_path / "source.jpg").symlink_to("secret")
    monkeypatch.setattr(copying, "_origin", lambda source: source)
    with pytest.raises(ImageError, match="cannot be read"):
        put(tmp_path / "source.jpg", tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("way", ["link", "symlink"])
def test_where_no_link_can_be_made_the_error_says_what_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    (tmp_path / "source.jpg").write_bytes(b"data")
    monkeypatch.setattr(os, way, refuse)
    with pytest.raises(TargetError, match=r"out\.jpg: cannot be a link to .*source\.jpg, `images='copy'` can"):
        WAYS[way](tmp_path / "source.jpg", tmp_path / "out.jpg")
    assert names_below(tmp_path) == ["source.jpg"]


def test_a_copy_on_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "source.jpg").write_bytes(b"new")
    (tmp_path / "out.jpg").write_bytes(b"old")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(TargetError, match="No space left"):
        copy_file(tmp_path / "source.jpg", tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").read_bytes() == b"old"
    assert names_below(tmp_path) == ["out.jpg", "source.jpg"]


@on_linux
def test_a_reflink_is_the_copy_where_there_are_some_and_its_hash_is_that_of_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file system of a test machine need have reflinks: the one here shares what was there a moment ago."""

    def clone(target: int, request: int, source: int) -> None:
        assert request == 0x40049409
        os.pwrite(target, os.pread(source, 100, 0).upper(), 0)

    (tmp_path / "source.jpg").write_bytes(b"data")
    monkeypatch.setattr(copying, "ioctl", clone)
    monkeypatch.setattr(copying, "_without_reflinks", set())
    assert copy_file(tmp_path / "source.jpg", tmp_path / "out.jpg") == sha256(b"DATA").hexdigest()
    assert (tmp_path / "out.jpg").read_bytes() == b"DATA"


@on_linux
def test_a_reflink_that_was_refused_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*request: object) -> None:
        asked.append(request)
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    (tmp_path / "source.jpg").write_bytes(b"data")
    monkeypatch.setattr(copying, "ioctl", refuse)
    monkeypatch.setattr(copying, "_without_reflinks", set())
    for name in ("a.jpg", "b.jpg"):
        assert copy_file(tmp_path / "source.jpg", tmp_path / name) == sha256(b"data").hexdigest()
    assert len(asked) == 1


@pytest.mark.parametrize("symbolic", [False, True])
def test_a_link_to_a_file_that_was_exchanged_meanwhile_is_removed(tmp_path: Path, symbolic: bool) -> None:
    (tmp_path / "source.jpg").write_bytes(b"source")
    (tmp_path / "other").write_bytes(b"other")

    def exchange(handle: int) -> None:
        assert os.fstat(handle).st_size == len(b"source")
        (tmp_path / "other").replace(tmp_path / "source.jpg")

    with pytest.raises(ImageError, match=r"source\.jpg: was exchanged for another file while it was read"):
        link_file(tmp_path / "source.jpg", tmp_path / "out.jpg", exchange, symbolic=symbolic)
    assert names_below(tmp_path) == ["source.jpg"]


@every_way
def test_a_file_that_a_check_refuses_is_not_put_anywhere(tmp_path: Path, put: Callable[..., str]) -> None:
    (tmp_path / "source.jpg").write_bytes(b"source")

    def refuse(_: int) -> None:
        raise ImageError(tmp_path / "source.jpg", "", "was changed")

    with pytest.raises(ImageError, match="was changed"):
        put(tmp_path / "source.jpg", tmp_path / "out.jpg", refuse)
    assert names_below(tmp_path) == ["source.jpg"]
