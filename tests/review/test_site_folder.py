from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import TargetError
from bboxprep.review.build import SITE, finish_site, prepare_site


def made(path: Path) -> Path:
    """A finished site of one file."""
    prepare_site(path, (), overwrite=False)
    (path / "index.html").write_text("x", encoding="utf-8")
    finish_site(path)
    return path


def test_a_new_folder_is_claimed_and_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        prepare_site(tmp_path / name, (), overwrite=False)
        assert [path.name for path in (tmp_path / name).iterdir()] == [SITE]


def test_an_earlier_site_is_replaced_only_when_asked(tmp_path: Path) -> None:
    site = made(tmp_path / "site")
    with pytest.raises(TargetError, match="earlier review; `overwrite=True`"):
        prepare_site(site, (), overwrite=False)
    prepare_site(site, (), overwrite=True)
    assert not (site / "index.html").exists()


def test_an_unfinished_site_can_be_replaced(tmp_path: Path) -> None:
    prepare_site(tmp_path / "site", (), overwrite=False)
    (tmp_path / "site" / "half").write_text("x", encoding="utf-8")
    prepare_site(tmp_path / "site", (), overwrite=True)
    assert not (tmp_path / "site" / "half").exists()


@pytest.mark.parametrize("overwrite", [True, False])
def test_other_files_are_never_touched(tmp_path: Path, overwrite: bool) -> None:
    site = made(tmp_path / "site")
    (site / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(TargetError, match=r"holds other files \(notes.txt\)"):
        prepare_site(site, (), overwrite=overwrite)
    assert (site / "index.html").exists()
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "bboxprep.json").write_text("{}", encoding="utf-8")
    with pytest.raises(TargetError, match=r"holds other files \(bboxprep.json\)"):
        prepare_site(tmp_path / "dataset", (), overwrite=overwrite)


@pytest.mark.parametrize("mark", [b"", b"[]", b"\xff", b'{"entries": 3}'])
def test_a_spoiled_mark_protects_what_is_there(tmp_path: Path, mark: bytes) -> None:
    site = made(tmp_path / "site")
    (site / SITE).write_bytes(mark)
    with pytest.raises(TargetError, match="holds other files"):
        prepare_site(site, (), overwrite=True)
    assert (site / "index.html").exists()


@pytest.mark.parametrize(("dest", "source"), [("a", "a"), ("a/b", "a"), ("a", "a/b")])
def test_a_site_is_never_in_its_sources_nor_around_them(tmp_path: Path, dest: str, source: str) -> None:
    (tmp_path / source).mkdir(parents=True)
    with pytest.raises(TargetError, match="want a folder of its own"):
        prepare_site(tmp_path / dest, (tmp_path / source,), overwrite=True)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("x", encoding="utf-8")
    with pytest.raises(TargetError, match="is a file, want a folder"):
        prepare_site(tmp_path / "site", (), overwrite=True)
