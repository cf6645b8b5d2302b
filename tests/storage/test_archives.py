"""Datasets read in place: from archives, and from the memory of this process."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner

import bboxprep
from bboxprep.cli import commands
from bboxprep.errors import StorageError, UsageError
from bboxprep.storage import StoredPath, place
from tests.tiny import tree

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

FIXTURES = Path(__file__).parents[2] / "fixtures"
NAMES = ("phone-photos-coco", "phone-photos-yolo", "phone-photos-voc")


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for found in sorted(folder.rglob("*")):
            file.write(found, found.relative_to(folder).as_posix())
    return path


def tarred(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as file:
        file.add(folder, arcname="")
    return path


def but_for_record(files: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if name != "bboxprep.json"}


def tarred_as_dot(folder: Path, path: Path) -> Path:
    """As ``tar cf a.tar .`` does it: each name begins with ``./``."""
    with tarfile.open(path, "w") as file:
        file.add(folder, arcname=".")
    return path


@pytest.mark.parametrize(
    ("pack", "name"), [(tarred_as_dot, "a.tar"), (zipped, "a.zip"), (tarred, "a.tar"), (tarred, "a.tar.gz")]
)
@pytest.mark.parametrize("source", NAMES)
def test_an_archive_is_one_tree_with_its_folder(
    tmp_path: Path, source: str, pack: Callable[[Path, Path], Path], name: str
) -> None:
    archive = pack(FIXTURES / source, tmp_path / name)
    before = archive.read_bytes()
    bboxprep.convert(FIXTURES / source, tmp_path / "folder", "coco")
    bboxprep.convert(archive, tmp_path / "archive", "coco")
    assert but_for_record(tree(tmp_path / "archive")) == but_for_record(tree(tmp_path / "folder"))
    assert archive.read_bytes() == before


@pytest.mark.parametrize("source", NAMES)
def test_an_archive_in_the_folder_of_the_shell_needs_no_more_than_its_name(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped(FIXTURES / source, tmp_path / "a.zip")
    monkeypatch.chdir(tmp_path)
    bboxprep.convert("a.zip", "archive", "coco")
    bboxprep.convert(FIXTURES / source, "folder", "coco")
    assert but_for_record(tree(tmp_path / "archive")) == but_for_record(tree(tmp_path / "folder"))


def test_an_archive_that_was_made_anew_is_read_anew(tmp_path: Path) -> None:
    zipped(FIXTURES / NAMES[0], tmp_path / "a.zip")
    assert len(bboxprep.read(tmp_path / "a.zip")) == 12
    zipped(FIXTURES / "stored-frame-yolo", tmp_path / "a.zip")
    assert bboxprep.read(tmp_path / "a.zip").format == "yolo"


def test_labels_may_lie_at_the_root_of_an_archive_beside_their_images(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for image in sorted((FIXTURES / NAMES[0] / "val").glob("*.jpg")):
        folder.mkdir(exist_ok=True)
        (folder / image.name).write_bytes(image.read_bytes())
    document = FIXTURES / NAMES[0] / "annotations" / "instances_val.json"
    (folder / "_annotations.coco.json").write_bytes(document.read_bytes())
    bboxprep.convert(zipped(folder, tmp_path / "a.zip"), tmp_path / "archive", "yolo")
    bboxprep.convert(folder, tmp_path / "plain", "yolo")
    assert but_for_record(tree(tmp_path / "archive")) == but_for_record(tree(tmp_path / "plain"))


def test_processes_read_an_archive_side_by_side(tmp_path: Path) -> None:
    archive = zipped(FIXTURES / NAMES[0], tmp_path / "a.zip")
    bboxprep.convert(archive, tmp_path / "one", "yolo")
    bboxprep.convert(archive, tmp_path / "two", "yolo", workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.parametrize("name", ["../evil.jpg", "/etc/evil.jpg", "a/../../evil.jpg", "C:/evil.jpg", "..\\evil.jpg"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_whose_members_lead_out_of_it_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(zipfile.ZipInfo(name), b"data")
    else:
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, BytesIO(b"data"))
    found = CliRunner().invoke(commands, ["inspect", str(path)])
    assert isinstance(found.exception, StorageError)
    assert "leads out of it" in str(found.exception)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_an_archive_with_links_or_devices_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("picture.jpg")
        member.type, member.linkname = kind, "/etc/hostname"
        tar.addfile(member)
    with pytest.raises(StorageError, match="is a link or a device"):
        bboxprep.read(path)


@pytest.mark.parametrize("name", ["./a.jpg", "images/./a.jpg", "images//a.jpg"])
def test_a_zip_whose_members_are_not_named_plainly_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(zipfile.ZipInfo(name), b"data")
    with pytest.raises(StorageError, match="not named plainly"):
        bboxprep.read(tmp_path / "a.zip")


def test_an_archive_that_is_none_or_has_a_name_twice_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"this is no archive")
    with pytest.raises(StorageError, match=r"a\.zip: File is not a zip file"):
        bboxprep.read(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr("a.jpg", b"")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.jpg", b"")
    with pytest.raises(StorageError, match=r"two members 'a\.jpg'"):
        bboxprep.read(tmp_path / "b.zip")


def test_memory_is_a_storage_too_and_is_that_of_one_process() -> None:
    memory = fsspec.filesystem("memory")
    for path in (FIXTURES / NAMES[0]).rglob("*"):
        if path.is_file():
            memory.pipe(f"/source/{path.relative_to(FIXTURES / NAMES[0]).as_posix()}", path.read_bytes())
    done = bboxprep.convert("memory://source", "memory://out", "yolo")
    assert sum(done.account.images_out.values()) == 12
    assert memory.exists("/out/data.yaml")
    assert bboxprep.convert("memory://source", "memory://out", "yolo").fresh == 0
    with pytest.raises(UsageError, match="known to one process alone; want --workers 1"):
        bboxprep.convert("memory://source", "memory://other", "yolo", workers=2)


def test_a_path_of_a_storage_has_the_parts_of_a_path() -> None:
    path = place("s3://bucket/folder/name.jpg")
    assert isinstance(path, StoredPath)
    assert (str(path), str(path.parent), path.name) == ("s3://bucket/folder/name.jpg", "s3://bucket/folder", "name.jpg")
    assert path.is_relative_to(place("s3://bucket"))
    assert not path.is_relative_to(Path("/s3:/bucket"))
    assert str((path / "../../../../x").resolve()) == "s3://bucket/x"
    with pytest.raises(TypeError, match="no path of this machine"):
        open(path, "rb")  # noqa: PTH123, SIM115
    with pytest.raises(FileNotFoundError):
        (path / "/etc/hostname").stat()
