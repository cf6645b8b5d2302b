"""Label files that lie where no reader looks for them are told: no data set of them becomes one of bare images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import bboxprep
from bboxprep import formats
from bboxprep.cli import commands
from bboxprep.cli.flag_names import with_flags
from bboxprep.errors import LayoutError
from bboxprep.io.paths import links_admitted
from bboxprep.io.remote import open_path
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.source import open as opening
from bboxprep.pipeline.source.contents import describe_contents
from bboxprep.pipeline.source.label_files import formats_below, label_files
from bboxprep.pipeline.source.open import open_source
from tests.invoked import refused
from tests.pipeline.source.test_roots import ROOTS
from tests.tiny import tiny

ROW = "0 .5 .5 .25 .25\n"
STATED = "train: images\nnames: [cat]\n"


def grown(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".jpg"):
            Image.new("RGB", (64, 48), (len(name), len(text), ord(name[-5]))).save(root / name)
        else:
            (root / name).write_text(text, encoding="utf-8")
    return root


def photos(folder: str) -> dict[str, str]:
    return {f"{folder}/a.jpg": "", f"{folder}/b.jpg": ""}


def rows(folder: str) -> dict[str, str]:
    return {f"{folder}/a.txt": ROW, f"{folder}/b.txt": ROW}


MISPLACED: dict[str, tuple[dict[str, str], str, str]] = {  # files, and what is told: the label file, what it holds
    **{
        f"YOLO, {folder}": ({"data.yaml": STATED, **photos("images"), **rows(folder)}, f"{folder}/a.txt", "rows")
        for folder in ("label", "txt", "Annotation", "annotations", "yolo/obj_train_data")
    },
    "VOC with lists, and rows": (
        {"ImageSets/Main/train.txt": "a\nb\n", **photos("JPEGImages"), **rows("label")},
        "label/a.txt",
        "rows",
    ),
}


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("case", MISPLACED)
def test_images_without_a_label_file_beside_labels_elsewhere_are_refused(tmp_path: Path, case: str, root: str) -> None:
    files, place, kind = MISPLACED[case]
    (tmp_path / "named").mkdir()
    path, _ = ROOTS[root](grown(tmp_path / "made", files), tmp_path / "named")
    with pytest.raises(LayoutError) as refusal:
        open_source(open_path(path))
    words = str(refusal.value)
    assert "none of 2 images has a label file, but " in words
    assert f"{place} holds {kind} of class and box, which YOLO has in a folder 'labels'" in words
    assert "rename or move its folder" in words
    assert with_flags(words, commands) in refused("inspect", path)
    assert with_flags(words, commands) in refused("convert", path, tmp_path / "out", "--to", "coco")


def test_the_test_catches_a_program_that_does_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "misplaced_labels", lambda *_: ())
    files, *_ = MISPLACED["YOLO, label"]
    assert not any(len(sample.instances) for sample in bboxprep.read(grown(tmp_path, files)))


@pytest.mark.parametrize("folder", ["label", "Annotation", "labelTxt"])
def test_where_nothing_describes_the_images_the_labels_are_named_too(tmp_path: Path, folder: str) -> None:
    grown(tmp_path, {**photos("images"), **rows(folder)})
    with pytest.raises(LayoutError, match=f"{folder}/a.txt holds rows of class and box, which YOLO has in"):
        open_source(tmp_path)


def test_a_split_that_lost_its_labels_is_a_fault(tmp_path: Path) -> None:
    stated = "train: train/images\nval: val/images\nnames: [cat]\n"
    sound = {"data.yaml": stated, **photos("train/images"), **rows("train/labels"), **photos("val/images")}
    faults = [one for one in open_source(grown(tmp_path / "bare", sound)).dataset.findings if one.severity == "fault"]
    assert faults == []
    dataset = open_source(grown(tmp_path / "lost", {**sound, **rows("val/label")})).dataset
    (fault,) = (one for one in dataset.findings if one.severity == "fault")
    assert (fault.code, fault.split) == ("label-misplaced", "val")
    assert "none of 2 images has a label file, but val/label/a.txt holds rows of class and box" in fault.message


ACCEPTED: dict[str, dict[str, str]] = {
    "no labels at all": {"data.yaml": STATED, **photos("images")},
    "empty label files": {"data.yaml": STATED, **photos("images"), "labels/a.txt": "", **rows("old")},
    "other text": {"data.yaml": STATED, **photos("images"), "notes/a.txt": "a cat and a dog\n", "log/1.txt": "1 2 3\n"},
    "labels of other images, which are told": {"data.yaml": STATED, **photos("images"), "labels/c.txt": ROW},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_images_without_objects_are_a_data_set(tmp_path: Path, case: str) -> None:
    dataset = open_source(grown(tmp_path, ACCEPTED[case])).dataset
    assert (len(dataset), {one.code for one in dataset.findings} <= {"label-orphan"}) == (2, True)


def test_each_format_knows_its_own_label_files_and_no_other_ones(tmp_path: Path) -> None:
    source, names = tiny(tmp_path / "source", range(2)), formats.names()
    alone = [name for name in names if not formats.load(name).label_file]
    for name in formats.written():
        convert(source, tmp_path / name, name)
        found = {one.format for one in label_files(tmp_path / name, names)}
        assert found == ({name} - set(alone))
        assert set(formats_below(tmp_path / name, names)) == {name, *alone}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_not_opened(tmp_path: Path) -> None:
    for suffix in (".txt", ".xml", ".json", ".yaml"):
        os.mkfifo(tmp_path / f"a{suffix}")
    assert list(label_files(tmp_path, formats.names())) == []
    for path in (tmp_path, tmp_path / "a.txt", tmp_path / "a.json"):
        assert describe_contents(path)


def test_links_that_lead_out_are_not_opened(tmp_path: Path) -> None:
    grown(tmp_path / "secret", {"a.txt": ROW})
    grown(tmp_path / "set", {"data.yaml": STATED, **photos("images"), "old/notes.md": ""})
    (tmp_path / "set" / "old" / "a.txt").symlink_to(tmp_path / "secret" / "a.txt")
    assert {one.path.name for one in label_files(tmp_path / "set", formats.names())} == {"data.yaml"}
    with links_admitted(tmp_path / "secret"):
        assert {one.path.name for one in label_files(tmp_path / "set", formats.names())} == {"data.yaml", "a.txt"}


HIDDEN: dict[str, Callable[[Path], Path]] = {
    "hidden": lambda root: root / ".cache" / "a.txt",
    "of the Finder": lambda root: root / "__MACOSX" / "a.txt",
}


@pytest.mark.parametrize("case", HIDDEN)
def test_hidden_folders_are_not_looked_into(tmp_path: Path, case: str) -> None:
    path = HIDDEN[case](tmp_path)
    grown(path.parent, {path.name: ROW})
    assert list(label_files(tmp_path, formats.names())) == []
