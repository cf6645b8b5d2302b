"""Datasets read in place: from archives, and from the memory of this process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import bboxprep
from bboxprep import Letterbox, Recipe
from bboxprep.cli import commands
from bboxprep.errors import StorageError, TargetError, UsageError
from bboxprep.io import archives
from bboxprep.io.remote import StoredPath, open_path
from tests.running import ROOT
from tests.tiny import tiny, tree

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


def test_an_archive_beside_the_user_is_named_by_its_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zipped(FIXTURES / NAMES[1], tmp_path / "a.zip")
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(commands, ["convert", "a.zip", "out", "--to", "coco", "-q"])
    assert found.exit_code in (0, 1), found.exception
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 10


def test_a_folder_whose_name_looks_like_an_archive_that_is_entered_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "wow!").mkdir()
    archive = zipped(FIXTURES / NAMES[1], tmp_path / "wow!" / "a.zip")
    assert len(bboxprep.read(archive)) == len(bboxprep.read(FIXTURES / NAMES[1]))


@pytest.mark.parametrize(("pack", "name"), [(zipped, "a.zip"), (tarred, "a.tar")])
def test_a_folder_in_an_archive_is_a_source(tmp_path: Path, pack: Callable[[Path, Path], Path], name: str) -> None:
    shutil.copytree(FIXTURES / NAMES[0], tmp_path / "top" / "photos")
    archive = pack(tmp_path / "top", tmp_path / name)
    bboxprep.convert(archive / "photos", tmp_path / "out", "coco")
    bboxprep.convert(FIXTURES / NAMES[0], tmp_path / "plain", "coco")
    assert but_for_record(tree(tmp_path / "out")) == but_for_record(tree(tmp_path / "plain"))


def test_members_whose_names_begin_with_a_dot_or_have_backslashes_are_in_their_folders(tmp_path: Path) -> None:
    source = tiny(tmp_path / "source", range(3))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(source, arcname=".")  # as ``tar cf a.tar .`` does
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        for path in (found for found in source.rglob("*") if found.is_file()):
            file.writestr(zipfile.ZipInfo(path.relative_to(source).as_posix().replace("/", "\\")), path.read_bytes())
    for name in ("a.tar", "b.zip"):
        assert [str(sample.name) for sample in bboxprep.read(tmp_path / name)] == [
            "00000.jpg",
            "00001.jpg",
            "00002.jpg",
        ]


def test_a_member_that_is_damaged_is_one_image_that_is_skipped(tmp_path: Path) -> None:
    archive = zipped(tiny(tmp_path / "source", range(4)), tmp_path / "a.zip")
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as file:
        info = file.getinfo("images/train/00002.jpg")
    middle = info.header_offset + info.compress_size // 2
    data[middle : middle + 8] = bytes(8)
    archive.write_bytes(data)
    done = bboxprep.convert(archive, tmp_path / "out", "coco", Recipe(Letterbox(32)), labels_in="displayed")
    assert sum(done.account.images_out.values()) == 3
    (fault,) = (finding for finding in done.account.findings if finding.code == "image-unreadable")
    assert "damaged in its archive" in fault.message


def claiming(archive: Path, name: str, size: int) -> Path:
    """`archive`, whose directory says that the member `name` unpacks to so many bytes."""
    data = bytearray(archive.read_bytes())
    at = data.rindex(name.encode()) - 46  # in the central directory, which is last
    assert data[at : at + 4] == b"PK\x01\x02"
    data[at + 24 : at + 28] = size.to_bytes(4, "little")
    archive.write_bytes(data)
    return archive


@pytest.mark.parametrize("name", ["JPEGImages/IMG_2001.jpg", "Annotations/IMG_2001.xml"])
def test_a_member_that_unpacks_to_too_much_is_told_before_it_is_read(tmp_path: Path, name: str) -> None:
    archive = claiming(zipped(FIXTURES / "phone-photos-voc", tmp_path / "a.zip"), name, 0xF000_0000)
    done = bboxprep.convert(archive, tmp_path / "out", "coco")
    (fault,) = (finding for finding in done.account.findings if "4,026,531,840 bytes" in finding.message)
    assert "want at most" in fault.message


def test_a_gzipped_archive_of_nothing_but_zeros_is_refused_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_MOST_UNPACKED", 1 << 20)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("a.jpg")
        member.size = 64 << 20
        tar.addfile(member, BytesIO(bytes(member.size)))
    with pytest.raises(StorageError, match=r"a\.tar\.gz: unpacks to more than [0-9,]+ bytes"):
        bboxprep.read(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_picture_that_changes_in_an_archive_is_made_again(tmp_path: Path, pack: Callable[[Path, Path], Path]) -> None:
    source = tiny(tmp_path / "source", range(3))
    picture = source / "images" / "train" / "00001.bmp"
    Image.new("RGB", (48, 32), "red").save(picture)
    archive = tmp_path / f"a.{'zip' if pack is zipped else 'tar'}"

    def packed(colour: str) -> dict[str, str]:
        Image.new("RGB", (48, 32), colour).save(picture)
        os.utime(picture, (0, 400_000_000))
        bboxprep.convert(pack(source, archive), tmp_path / "out", "coco", Recipe(Letterbox(32)), labels_in="displayed")
        return tree(tmp_path / "out")

    red, blue = packed("red"), packed("blue")
    assert red.keys() == blue.keys()
    assert {name for name in red if red[name] != blue[name]} >= {"train/00001.bmp"}


@pytest.mark.parametrize("dest", ["new.zip", "a.zip", "a.zip/inside", "s3://bucket/out.tar"])
def test_an_archive_is_no_place_to_write_to(tmp_path: Path, dest: str) -> None:
    zipped(FIXTURES / NAMES[1], tmp_path / "a.zip")
    where = dest if "://" in dest else tmp_path / dest
    with pytest.raises(TargetError, match="archives are read, not written; want a folder"):
        bboxprep.convert(FIXTURES / NAMES[1], where, "coco")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://who:word@host/x", "ftp://: wants host, which a bucket URL does not contain"),
        ("github://a/b", "github://: wants org and repo, which a bucket URL does not contain"),
        ("gs://bucket/x", "gs://: .*gcsfs.*; no extra of bboxprep brings it"),
        ("nope://x", "nope://: Protocol not known"),
    ],
)
def test_what_no_backend_serves_is_one_line_that_shows_no_secret(address: str, words: str) -> None:
    if address.startswith("gs") and find_spec("gcsfs"):
        return
    found = CliRunner().invoke(commands, ["inspect", address])
    assert isinstance(found.exception, UsageError)
    assert re.match(words, str(found.exception))
    assert "who:word" not in str(found.exception)


@pytest.mark.parametrize(
    ("missing", "source", "words"),
    [
        ("s3fs", "s3://bucket/x", r"pip install 'bboxprep\[remote\]' brings it"),
        ("fsspec", "s3://bucket/x", r"pip install 'bboxprep\[remote\]' brings it"),
        ("fsspec", "s3://bucket/a.zip", r"pip install 'bboxprep\[remote\]' brings it"),
    ],
)
def test_without_a_package_the_extra_is_named(tmp_path: Path, missing: str, source: str, words: str) -> None:
    zipped(FIXTURES / NAMES[1], tmp_path / "a.zip")
    code = f"import sys; sys.modules[{missing!r}] = None; from bboxprep.__main__ import main; main()"
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", code, "inspect", source], capture_output=True, text=True, cwd=tmp_path, env=surroundings
    )
    assert ended.returncode == 2
    assert re.search(words, ended.stderr)
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_an_archive_of_this_machine_wants_no_package(tmp_path: Path, suffix: str) -> None:
    """The same files come out as from the folder."""
    source = FIXTURES / NAMES[1]
    shutil.make_archive(str(tmp_path / "set"), {".zip": "zip", ".tar": "tar", ".tar.gz": "gztar"}[suffix], source)
    code = "import sys; sys.modules['fsspec'] = None; from bboxprep.__main__ import main; main()"
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = ["convert", f"set{suffix}", "out", "--to", "coco", "--no-upright", "--images", "none", "--quiet"]
    ended = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, env=surroundings, check=False)
    assert ended.returncode == 0
    CliRunner().invoke(commands, ["convert", str(source), str(tmp_path / "plain"), *words[3:]])
    for path in (tmp_path / "plain" / "annotations").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / "annotations" / path.name).read_bytes()


def test_memory_is_a_storage_too_and_is_that_of_one_process() -> None:
    memory = fsspec.filesystem("memory")
    for path in (FIXTURES / NAMES[0]).rglob("*"):
        if path.is_file():
            memory.pipe(f"/source/{path.relative_to(FIXTURES / NAMES[0]).as_posix()}", path.read_bytes())
    done = bboxprep.convert("memory://source", "memory://out", "yolo")
    assert sum(done.account.images_out.values()) == 12
    assert memory.exists("/out/data.yaml")
    assert bboxprep.convert("memory://source", "memory://out", "yolo").fresh == 0
    with pytest.raises(UsageError, match="memory is not shared between processes; want `workers=1`"):
        bboxprep.convert("memory://source", "memory://other", "yolo", workers=2)


def test_a_path_of_a_storage_has_the_parts_of_a_path() -> None:
    path = open_path("s3://bucket/folder/name.jpg")
    assert isinstance(path, StoredPath)
    assert (str(path), str(path.parent), path.name) == ("s3://bucket/folder/name.jpg", "s3://bucket/folder", "name.jpg")
    assert path.is_relative_to(open_path("s3://bucket"))
    assert not path.is_relative_to(Path("/s3:/bucket"))
    assert str((path / "../../../../x").resolve()) == "s3://bucket/x"
    with pytest.raises(TypeError, match="is no local path"):
        open(path, "rb")  # noqa: PTH123, SIM115
    with pytest.raises(FileNotFoundError):
        (path / "/etc/hostname").stat()
    assert open_path("s3a://bucket/x") == open_path("s3://bucket/x")
    assert open_path("s3://bucket/folder!/x").parent.name == "folder!"


def test_a_member_below_more_folders_than_any_system_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("d/" * 256 + "a.txt", "")
    assert next(iter(open_path(str(path)).iterdir())).name == "d"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("d/" * 20_000 + "a.txt", "")
    with pytest.raises(StorageError, match=r"has a member 'd/d/.*\.\.\. below 20,000 folders, want at most 256"):
        list(open_path(str(path)).iterdir())
