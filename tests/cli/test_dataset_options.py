"""The options that say what dataset a run is about: its sources, its class table, its splits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import bboxprep
from tests.conformance.examples import WRITTEN
from tests.invoked import refused, run

FIXTURES = Path(__file__).parents[2] / "fixtures"
COCO, YOLO, VOC = (FIXTURES / f"phone-photos-{name}" for name in ("coco", "yolo", "voc"))
ODD = ["no", "1e3", "a: b", "🐈 cat", "null", "~", "a,b", 'say "x"', "#1", "x=y", "- z", "yes", "0x1F", "é"]


def record(dest: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((dest / "bboxprep.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A COCO dataset whose classes have the names `ODD`, one object each."""
    root = tmp_path / "odd"
    shutil.copytree(COCO, root)
    for path in sorted((root / "annotations").iterdir()):
        document = json.loads(path.read_text(encoding="utf-8"))
        image = document["images"][0]["id"]
        document["categories"] = [{"id": number, "name": name} for number, name in enumerate(ODD, 1)]
        document["annotations"] = [
            {"id": number, "image_id": image, "category_id": number, "bbox": [number, 2, 9, 9]}
            for number in range(1, len(ODD) + 1)
        ]
        path.write_text(json.dumps(document), encoding="utf-8")
    return root


@pytest.mark.parametrize("target", WRITTEN)
def test_every_class_name_survives_a_format_and_the_way_back(odd: Path, tmp_path: Path, target: str) -> None:
    assert run("convert", odd, tmp_path / "there", "--to", target, "--no-sidecar").exit_code == 0
    assert list(bboxprep.read(tmp_path / "there").categories.names) == ODD
    assert run("convert", tmp_path / "there", tmp_path / "back", "--to", "coco").exit_code == 0
    document = json.loads((tmp_path / "back" / "annotations" / "instances_train.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in document["categories"]] == ODD
    table = {row["id"]: row["name"] for row in document["categories"]}
    assert [table[row["category_id"]] for row in document["annotations"]] == ODD


def test_every_class_name_can_be_pinned_by_the_file_of_an_earlier_output(odd: Path, tmp_path: Path) -> None:
    for target, file in (("yolo", "data.yaml"), ("voc", "labels.txt")):
        assert run("convert", odd, tmp_path / target, "--to", target).exit_code == 0
        pinned = run("convert", odd, tmp_path / f"{target}-2", "--to", "yolo", "--classes", tmp_path / target / file)
        assert pinned.exit_code == 0, pinned.output
        assert record(tmp_path / f"{target}-2")["changes"] == [{"classes": {"classes": ODD}}]


def test_names_with_commas_and_equals_signs_are_written_with_backslashes(odd: Path, tmp_path: Path) -> None:
    options = ["--rename", r"x\=y=x\,y", "--only", r"a\,b,x\,y", "--only", "no"]
    assert run("convert", odd, tmp_path / "out", "--to", "yolo", *options).exit_code == 0
    assert bboxprep.read(tmp_path / "out").categories.names == ("no", "a,b", "x,y")


def test_the_class_table_is_changed_printed_and_recorded(tmp_path: Path) -> None:
    options = ["--rename", "car=vehicle", "--drop-class", "traffic sign", "--classes", "vehicle,bicycle,person"]
    result = run("convert", COCO, tmp_path / "out", "--to", "yolo", *options)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines()]
    assert ["0", "vehicle", "9", "9", "0"] in rows
    assert ["1", "class", "without", "objects"] in rows  # the bicycle
    assert ["traffic", "sign", "8", "0", "8:", "class-dropped", "8"] in rows
    assert "8 x class-dropped" in result.output
    assert record(tmp_path / "out")["changes"] == [
        {
            "classes": {
                "rename": {"car": "vehicle"},
                "drop": ["traffic sign"],
                "classes": ["vehicle", "bicycle", "person"],
            }
        }
    ]
    assert bboxprep.read(tmp_path / "out").categories.names == ("vehicle", "bicycle", "person")


def test_classes_that_become_one_are_counted(tmp_path: Path) -> None:
    options = ["--rename", "car=thing", "--rename", "traffic sign=thing"]
    result = run("convert", COCO, tmp_path / "out", "--to", "coco", *options)
    assert "'car' (9 objects), 'traffic sign' (8 objects) became one class, 'thing'" in result.output
    document = json.loads((tmp_path / "out" / "annotations" / "instances_val.json").read_text(encoding="utf-8"))
    before = json.loads((COCO / "annotations" / "instances_val.json").read_text(encoding="utf-8"))
    car = next(row["id"] for row in before["categories"] if row["name"] == "car")
    assert [(row["id"], row["name"]) for row in document["categories"]] == [
        (next(row["id"] for row in before["categories"] if row["name"] == "person"), "person"),
        (car, "thing"),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rename", "carr=x"], "rename: have 'carr', want a class of the source; did you mean 'car'?"),
        (["--rename", "car"], "rename: have 'car', want OLD=NEW"),
        (["--rename", "car=x", "--rename", "car=y"], "rename: have 'car' as 'x' and as 'y', want one new name"),
        (["--rename", "car="], "rename: have"),
        (["--only", "Person"], "only: have 'Person', want a class of the source; did you mean 'person'?"),
        (["--drop-class", "sign"], "drop: have 'sign', want a class of the source"),
        (
            ["--classes", "person,cars,traffic sign"],
            "classes: 'car' is missing, but the source has 9 objects of it; did you",
        ),
        (["--classes", "person,person"], "classes: have 'person' twice"),
        (["--classes", "missing.txt"], "missing.txt: cannot be read"),
        (["--split", "train=0.8,val=0.1"], "split: have shares that sum to 0.9, want 1"),
        (["--split", "train=1", "--group-by", "video"], "group by: have 'video', want file, folder"),
        (["--group-by", "folder"], "--group-by: says what --split keeps together, but there is no --split"),
    ],
)
def test_a_wish_that_does_not_fit_is_one_clear_line_and_nothing_is_written(
    tmp_path: Path, options: list[str], said: str
) -> None:
    assert said in refused("convert", COCO, tmp_path / "out", "--to", "yolo", *options)
    assert not (tmp_path / "out").exists()


def test_several_sources_are_told_one_by_one_and_together(tmp_path: Path) -> None:
    result = run("convert", COCO, YOLO, VOC, tmp_path / "out", "--to", "coco", "--voc-origin", "devkit")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split(": ")[1].split(",")[0] for line in lines if line.startswith(str(FIXTURES))] == [
        "COCO", "YOLO", "Pascal VOC",
    ]  # fmt: skip
    assert "together: 2 splits, 36 images, 3 classes" in lines
    assert record(tmp_path / "out")["sources"] == [str(COCO), str(YOLO), str(VOC)]
    assert (tmp_path / "out" / "train" / "phone-photos-voc" / "IMG_2001.jpg").is_file()
    assert len(bboxprep.read(tmp_path / "out")) == 36


def test_an_option_of_a_format_that_no_source_has_is_refused(tmp_path: Path) -> None:
    message = refused("convert", COCO, YOLO, tmp_path / "out", "--to", "coco", "--voc-origin", "devkit")
    assert "--voc-origin: is for reading csv or voc" in message


def test_one_path_alone_is_told_that_the_other_is_missing(tmp_path: Path) -> None:
    assert "is DEST missing" in refused("convert", COCO, "--to", "yolo")


def test_a_new_split_is_recorded_and_stable(tmp_path: Path) -> None:
    options = ["--split", "train=0.5,val=0.3,test=0.2", "--group-by", "regex:(IMG_\\d+)"]
    for name, sources in (("alone", [COCO]), ("both", [COCO, YOLO])):
        assert run("convert", *sources, tmp_path / name, "--to", "yolo", *options).exit_code == 0
    assert record(tmp_path / "alone")["changes"] == [
        {"split": {"shares": {"train": 0.5, "val": 0.3, "test": 0.2}, "group_by": "regex:(IMG_\\d+)"}}
    ]
    alone, both = (
        {path.relative_to(tmp_path / name).as_posix() for path in (tmp_path / name / "images").rglob("*.*")}
        for name in ("alone", "both")
    )
    assert len(alone) == 12
    assert len(both) == 24
    assert alone < both
    assert all(place.replace("phone-photos-yolo/", "") in alone for place in both)


def test_the_same_picture_in_two_splits_makes_the_exit_code_1(tmp_path: Path) -> None:
    root = tmp_path / "in"
    shutil.copytree(YOLO, root)
    for folder, suffix in (("images", ".jpg"), ("labels", ".txt")):
        shutil.copy(root / folder / "train" / f"IMG_2001{suffix}", root / folder / "val" / f"again{suffix}")
    result = run("convert", root, tmp_path / "out", "--to", "yolo", "--letterbox", "64")
    assert result.exit_code == 1
    assert "fault: 1 x split-leak" in result.output
    assert "/images/val/again.jpg: the same bytes as images/train/IMG_2001.jpg (train)" in result.output
    message = refused("convert", root, tmp_path / "stopped", "--to", "yolo", "--on-error", "stop")
    assert "images/val/again.jpg: the same bytes as images/train/IMG_2001.jpg (train)" in message
    assert not (tmp_path / "stopped").exists()
