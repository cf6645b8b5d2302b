"""Whichever folder or archive a person names, the same data set is read, in every format; several are refused."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from bboxprep import formats
from bboxprep.cli.flag_names import with_commands
from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.io.archive_names import ARCHIVES
from bboxprep.io.paths import IMAGE_SUFFIXES
from bboxprep.io.remote import open_path
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source import roots
from bboxprep.pipeline.source.label_files import label_files
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.source.roots import _MOST_LISTED, SourceRoot, find_root
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe
from tests.invoked import refused, run
from tests.tiny import NAMES, tiny

FORMATS = formats.written()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A data set in each format, of three photos with two objects each."""
    folder = tmp_path_factory.mktemp("sets")
    source = open_source(tiny(folder / "source", range(3)))
    for name in FORMATS:
        convert_source(source, folder / name, name, Recipe(), run_options=RunOptions())
        for path in (folder / name).glob("bboxprep*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return {name: folder / name for name in FORMATS}


_listed: list[str] | None = None  # the folders that are listed while it is a list


def _note_listing(event: str, arguments: tuple[object, ...]) -> None:
    if event == "os.scandir" and _listed is not None:
        _listed.append(str(arguments[0]))


sys.addaudithook(_note_listing)


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_is_listed_once_however_many_formats_ask(made: dict[str, Path], name: str) -> None:
    global _listed
    _listed = []
    try:
        assert find_root(made[name], None).format == name
        seen = Counter(path for path in _listed if path.startswith(str(made[name])))
    finally:
        _listed = None
    assert set(seen.values()) == {1}


def zipped(folder: Path, archive: Path, top: str) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, f"{top}{path.relative_to(folder).as_posix()}")
        file.writestr(f"__MACOSX/{top}._x.jpg", b"\0\5\x16\7")
        file.writestr(f"{top}.DS_Store", b"\0")
    return archive


ROOTS: dict[str, Callable[[Path, Path], tuple[Path, str]]] = {  # the path to name, and where the data set begins
    "itself": lambda data, tmp: (shutil.copytree(data, tmp / "set"), ""),
    "one above": lambda data, tmp: (shutil.copytree(data, tmp / "down" / "My-Set 1").parent, "My-Set 1"),
    "two above": lambda data, tmp: (shutil.copytree(data, tmp / "a" / "b" / "set").parent.parent, "b/set"),
    "beside a photo": lambda data, tmp: (with_photo(shutil.copytree(data, tmp / "down" / "set").parent), "set"),
    "a zip": lambda data, tmp: (zipped(data, tmp / "set.zip", ""), ""),
    "a zip of a folder": lambda data, tmp: (zipped(data, tmp / "set.zip", "ds/"), "ds"),
}


def with_photo(folder: Path) -> Path:
    Image.new("RGB", (8, 8)).save(folder / "holiday.jpg")
    return folder


def contents(source: Source) -> tuple[tuple[str, ...], list[tuple[str, int]]]:
    """The class names, and of each image the split and the number of objects."""
    dataset = source.dataset
    return dataset.categories.names, sorted((sample.split, len(sample.instances)) for sample in dataset)


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("format", FORMATS)
def test_the_same_data_set_is_read_from_every_root(
    made: dict[str, Path], tmp_path: Path, format: str, root: str
) -> None:
    path, begins = ROOTS[root](made[format], tmp_path)
    if path.suffix == ".zip" and any(file.suffix in ARCHIVES for file in made[format].rglob("*")):
        with pytest.raises(LayoutError, match="is an archive in an archive, which is not read; unpack the outer one"):
            open_source(open_path(path))
        return
    for asked in (None, format):
        source = open_source(open_path(path), asked)
        assert contents(source) == (NAMES, [("train", 2)] * 3)
        told = [finding.message for finding in source.dataset.findings if finding.code == "root-found"]
        assert [message.rpartition(" begins in ")[2] for message in told] == ([begins] if begins else [])
        assert not [finding for finding in source.dataset.findings if finding.severity == "fault"]


def test_the_test_catches_a_reader_that_starts_at_the_named_folder(
    made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roots, "_below", lambda *_: ({}, {}))
    path, _ = ROOTS["one above"](made["yolo"], tmp_path)
    assert contents(open_source(path))[0] == ("0", "1")


@pytest.mark.parametrize("other", FORMATS)
@pytest.mark.parametrize("format", FORMATS)
def test_two_data_sets_are_refused_each_as_the_source_that_reads_it(
    made: dict[str, Path], tmp_path: Path, format: str, other: str
) -> None:
    one, two = shutil.copytree(made[format], tmp_path / "my a"), shutil.copytree(made[other], tmp_path / "b")
    with pytest.raises(LayoutError) as refusal:
        find_root(tmp_path)
    assert f"`sources='{two}'` ({formats.load(other).title}, " in str(refusal.value)
    assert f"`sources='{one}'` ({formats.load(format).title}, " in str(refusal.value)
    assert f"all of them as one: `sources=['{two}', '{one}']`" in str(refusal.value)
    if format != other:
        assert find_root(tmp_path, format) == SourceRoot(one, format, find_root(tmp_path, format).findings)


def commands_of(words: str) -> list[list[str]]:
    """The commands in a message, each as the words behind ``bboxprep``."""
    found = re.findall(r"bboxprep (?:convert|inspect) .*?(?= \(|;|$)", words)
    return [shlex.split(command)[1:] for command in found]


def one_of_each(names: Sequence[str]) -> Callable[[dict[str, Path], Path], object]:
    """Puts a data set of each of the formats `names` into a folder."""
    return lambda made, top: [shutil.copytree(made[name], top / f"my {name}") for name in names]


PARTS = -(-len(FORMATS) // 7)  # so that a message lists all data sets of one
SEVERAL: dict[str, tuple[Callable[[dict[str, Path], Path], object], int]] = {  # data sets in a folder; commands told
    **{
        f"one of each format, part {part + 1}": (one_of_each(FORMATS[part::PARTS]), len(FORMATS[part::PARTS]) + 1)
        for part in range(PARTS)
    },
    "two formats in one folder, and another data set": (
        lambda made, top: [
            shutil.copytree(made["yolo"], top / "both"),
            shutil.copytree(made["voc"], top / "both", dirs_exist_ok=True),
            shutil.copytree(made["coco"], top / "coco"),
        ],
        3,
    ),
    "one around another": (
        lambda made, top: [
            shutil.copytree(made["yolo"], top / "a"),
            (top / "a" / "data.yaml").write_text("names: [cat, dog]\n", encoding="utf-8"),
            shutil.copytree(made["coco"], top / "a" / "extra" / "set"),
            shutil.copytree(made["voc"], top / "b"),
        ],
        3,
    ),
    "labels outside of a data set": (
        lambda made, top: [labelled(top), shutil.copytree(made["voc"], top / "extra" / "set")],
        2,
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
@pytest.mark.parametrize(
    ("depth", "options"), [(0, ("--to", "coco", "--letterbox", "64")), (1, ("--to", "yolo", "--quiet"))]
)
def test_the_commands_that_are_listed_run_as_they_are(
    made: dict[str, Path], tmp_path: Path, case: str, depth: int, options: tuple[str, ...]
) -> None:
    make, count = SEVERAL[case]
    make(made, tmp_path.joinpath("all", *["x"] * depth))
    words = ("convert", str(tmp_path / "all"), str(tmp_path / "out"), *options)
    message = with_commands(refused(*words), words, str(tmp_path / "all"))
    listed = commands_of(message)
    assert len(listed) == (count if count <= _MOST_LISTED + 1 else _MOST_LISTED), message
    for command in listed:
        assert command[-len(options) :] == list(options)
        result = run(*command)
        outside = command[1] == "--from" and len(listed) == 2  # takes the list of names of the other one into account
        assert result.exit_code == int(outside), (command, result.output)
        shutil.rmtree(tmp_path / "out")


def test_a_source_that_the_words_do_not_have_is_named_as_in_python() -> None:
    message = "name the one to read: `sources='/a/b', format='coco'`"
    assert with_commands(message, ("verify", "out"), "/a") == message
    assert with_commands(message, ("inspect", "/a"), "/a").endswith(": bboxprep inspect --from coco /a/b")
    assert with_commands(message, ("verify", "/a"), "/a").endswith(": bboxprep inspect --from coco /a/b")
    assert with_commands("`sources='/b'`", ("verify", "/a"), "/a") == "bboxprep verify /b"
    both = with_commands("`sources=['/a/b c', '/a/d']`", ("inspect", "/a"), "/a")
    assert both == "bboxprep convert '/a/b c' /a/d DEST --to FORMAT"


@pytest.mark.parametrize("root", [name for name in ROOTS if "zip" not in name])
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_of_a_data_set_is_read_or_its_folder_is_named(
    made: dict[str, Path], tmp_path: Path, format: str, root: str
) -> None:
    path, begins = ROOTS[root](made[format], tmp_path)
    home = path / begins
    if format == "yolo":
        (home / "train.txt").write_text("./images/train/00000.jpg\n", encoding="utf-8")
    for file in [file for file in home.rglob("*") if file.suffix in (".txt", ".xml", ".json", ".yaml")]:
        if formats.sniffed(file):
            assert contents(open_source(file))[0] == NAMES
            continue
        message = refused("convert", file, tmp_path / "out", "--to", "coco")
        if (images := [photo for photo in home.rglob("*") if photo.suffix in IMAGE_SUFFIXES]) or "photo" in root:
            assert "is no data set by itself (" in message
        if images:
            assert message.endswith(f"name the folder of its data set: `sources='{home}'`")


@pytest.mark.parametrize("format", ["yolo", "coco"])  # whose files say which images belong to them
@pytest.mark.parametrize("other", FORMATS)
def test_a_data_set_of_another_format_below_one_that_names_its_images_is_told(
    made: dict[str, Path], tmp_path: Path, format: str, other: str
) -> None:
    root = shutil.copytree(made[format], tmp_path / "set")
    assert find_root(root).findings == ()
    below = shutil.copytree(made[other], root / "extra" / "set")
    if formats.sniffed(root).keys() - {format}:  # its files are seen from above: which one is meant must be said
        with pytest.raises(LayoutError, match=f"more than one format: .*{other} .extra/set/"):
            find_root(root)
        assert find_root(root, format) == SourceRoot(root, format)
        return
    found = find_root(root)
    told = [(finding.code, finding.path, finding.severity) for finding in found.findings]
    assert (found.format, told) == (format, [] if other == format else [("root-beside", "extra/set", "note")])
    if told:
        assert f"a {formats.load(other).title} data set begins here" in found.findings[0].message
        assert contents(open_source(below))[0] == NAMES


def labelled(folder: Path, table: str = "") -> Path:
    """A photo with a row of class 0, and a list of names in the file `table`."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "a.jpg")
    (folder / "labels" / "a.txt").write_text("0 .5 .5 .5 .5\n", encoding="utf-8")
    if table:
        (folder / table).write_text(f"{folder.name}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("tables", [("classes.txt", "labels/classes.txt"), ("obj.names", "classes.txt")])
def test_a_nearer_list_of_names_names_no_objects_of_another_data_set(tmp_path: Path, tables: tuple[str, str]) -> None:
    pets, street = labelled(tmp_path / "pets", tables[0]), labelled(tmp_path / "street", tables[1])
    with pytest.raises(LayoutError, match="2 data sets lie here"):
        find_root(tmp_path)
    assert open_source(pets).dataset.categories.names == ("pets",)
    assert open_source(street).dataset.categories.names == ("street",)


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "yolo"])
def test_labels_outside_of_a_data_set_below_are_a_data_set_of_their_own(
    made: dict[str, Path], tmp_path: Path, format: str
) -> None:
    labelled(tmp_path / "all")
    shutil.copytree(made[format], tmp_path / "all" / "extra" / "set")
    with pytest.raises(LayoutError, match=r"all', format='yolo'` \(the YOLO labels outside of these\)"):
        find_root(tmp_path / "all")
    assert find_root(tmp_path / "all", "yolo").path == tmp_path / "all"


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "yolo"])
def test_a_data_set_below_another_one_is_no_part_of_it(made: dict[str, Path], tmp_path: Path, format: str) -> None:
    labelled(tmp_path / "all", "classes.txt")
    shutil.copytree(made[format], tmp_path / "all" / "extra" / "set")
    with pytest.raises(
        LayoutError, match=r"2 data sets lie here; name|looks like more than one format: (dota|voc) .*; yolo"
    ):
        find_root(tmp_path / "all")


def test_folders_of_splits_and_of_classes_are_parts_of_one_data_set(tmp_path: Path) -> None:
    for name in ("train", "valid"):
        labelled(tmp_path / "splits" / name, "classes.txt").joinpath("classes.txt").write_text("cat\n")
    for name in ("cats", "dogs"):
        labelled(tmp_path / "folders" / name)
    (tmp_path / "folders" / "classes.txt").write_text("cat\n")
    assert open_source(tmp_path / "splits").dataset.categories.names == ("cat",)
    assert open_source(tmp_path / "folders").dataset.categories.names == ("cat",)


FOUND: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({}, "found nothing"),
    "photos": ({"a.jpg": b"", "b.jpg": b""}, "found 2 images"),
    "a JSON beside each": (
        dict.fromkeys(("a.jpg", "b.jpg", "a.json", "b.json"), b'{"frame": 1, "objects": []}'),
        "2 .json files, one beside each image (a.json: keys frame, objects; not a COCO document)",
    ),
    "CVAT": (
        {"a.xml": b'<?xml version="1.0"?>\n<annotations><version>'},
        "a.xml: root element <annotations>, as CVAT",
    ),
    "Supervisely without labels": (
        {"p/meta.json": b'{"classes": [{"title": "cat"}], "tags": [], "projectType": "images"}', "p/img/a.jpg": b""},
        "1 .json file (p/meta.json: keys classes, title, tags, projectType; not a COCO document)",
    ),
    "VIA": ({"a.json": b'{"a.jpg1": {"regions": [], "file_attributes": {}}}'}, "as VGG Image Annotator writes"),
    "a zip inside": ({"x/train.zip": b""}, "1 archive in it, which want unpacking or naming (x/train.zip)"),
}


@pytest.mark.parametrize("case", FOUND)
def test_where_there_is_no_data_set_the_message_says_what_there_is(tmp_path: Path, case: str) -> None:
    files, words = FOUND[case]
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    with pytest.raises(LayoutError, match=r"no labelled dataset recognised here \(found ") as refusal:
        find_root(tmp_path)
    assert words in str(refusal.value)


def test_links_that_lead_out_are_told_where_there_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "blob").write_bytes(b"")
    try:
        (tmp_path / "set" / "data.yaml").symlink_to(tmp_path / "blob")
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(LayoutError, match="found 1 of its files are links that lead out of it"):
        find_root(tmp_path / "set")


def test_notes_of_label_studio_are_no_document(tmp_path: Path) -> None:
    root = labelled(tmp_path / "export", "classes.txt")
    notes = {"categories": [{"id": 0, "name": "export"}], "info": {"version": "1.0", "contributor": "Label Studio"}}
    (root / "notes.json").write_text(json.dumps(notes), encoding="utf-8")
    for path in (root, root.parent):
        assert find_root(path).format == "yolo"


@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_of_labels_is_read_or_told_with_the_one_that_the_data_set_begins_in(
    tmp_path: Path, made: dict[str, Path], format: str
) -> None:
    root = shutil.copytree(made[format], tmp_path / "set")
    for folder in sorted(path for path in root.rglob("*") if path.is_dir()):
        if not formats.sniffed(folder) and any(label_files(folder, formats.names())):
            with pytest.raises(LayoutError, match="the dataset is the folder above") as refusal:
                find_root(folder)
            inner = (above for above in folder.parents if above != root and above.is_relative_to(root))
            own = (one for one in inner if formats.root_evidence(format, one) is RootEvidence.DOCUMENT)  # a sequence
            assert str(refusal.value).endswith(f"`sources={str(next(own, root))!r}`")
