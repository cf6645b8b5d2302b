from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from bboxprep.errors import LossError
from bboxprep.model.object_policy import CrowdRule, ObjectPolicy
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two images with three objects each, of which the second and in the first image the third is a crowd."""
    return make(tmp_path / "in", [[0, 1, 1], [0, 1, 0]])


def make(root: Path, crowds: list[list[int]]) -> Path:
    document: dict[str, list[object]] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "hen"}]}
    (root / "train").mkdir(parents=True)
    (root / "annotations").mkdir()
    for image, flags in enumerate(crowds, 1):
        Image.new("RGB", (40, 30)).save(root / "train" / f"{image}.png")
        document["images"].append({"id": image, "file_name": f"{image}.png", "width": 40, "height": 30})
        document["annotations"] += [
            {"id": 10 * image + row, "image_id": image, "category_id": 1, "bbox": [5 * row, 2, 4, 4], "iscrowd": flag}
            | {"segmentation": {"size": [30, 40], "counts": [0, 1200]}, "area": 16}
            for row, flag in enumerate(flags)
        ]
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    return root


def run(source: Path, out: Path, to: str, crowd: CrowdRule | None, *, strict: bool = False) -> Outcome:
    opened = open_source(source, object_policy=ObjectPolicy(crowd=crowd))
    return convert_source(opened, out, to, Recipe(), run_options=RunOptions(strict=strict))


def told(outcome: Outcome, code: str) -> list[str]:
    return [finding.message for finding in outcome.account.findings if finding.code == code]


def written(out: Path, to: str) -> tuple[int, int]:
    """How many objects were written, and how many of them are marked as crowd regions or difficult."""
    if to == "coco":
        rows = json.loads((out / "annotations" / "instances_train.json").read_text(encoding="utf-8"))["annotations"]
        return len(rows), sum(row["iscrowd"] for row in rows)
    if to == "voc":
        trees = [ET.parse(path) for path in (out / "Annotations").glob("*.xml")]
        marks = [one.findtext("difficult") for tree in trees for one in tree.iter("object")]
        return len(marks), marks.count("1")
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (out / "labels").rglob("*.txt")), 0


@pytest.mark.parametrize(
    ("to", "crowd", "objects", "marked"),
    [
        ("coco", None, 6, 3),
        ("coco", "keep", 6, 3),
        ("coco", "ignore", 6, 3),
        ("coco", "drop", 3, 0),
        ("yolo", None, 3, 0),
        ("yolo", "keep", 6, 0),
        ("yolo", "ignore", 3, 0),
        ("yolo", "drop", 3, 0),
        ("voc", None, 3, 0),
        ("voc", "keep", 6, 0),
        ("voc", "ignore", 6, 3),
        ("voc", "drop", 3, 0),
    ],
)
def test_what_becomes_of_crowd_regions(
    source: Path, tmp_path: Path, to: str, crowd: CrowdRule | None, objects: int, marked: int
) -> None:
    outcome = run(source, tmp_path / "out", to, crowd)
    assert written(tmp_path / "out", to) == (objects, marked)
    assert outcome.account.rows()[0].dropped == ({} if objects == 6 else {"crowd-dropped": 3})
    assert outcome.account.faults == 0


def test_what_is_kept_otherwise_is_told_by_image(source: Path, tmp_path: Path) -> None:
    assert told(run(source, tmp_path / "a", "yolo", "keep"), "crowd-kept") == [
        "crowd regions written as ordinary objects: 2",
        "crowd regions written as ordinary objects: 1",
    ]
    assert told(run(source, tmp_path / "b", "voc", "ignore"), "crowd-kept")[0] == "crowd regions marked difficult: 2"
    assert told(run(source, tmp_path / "c", "coco", "keep"), "crowd-kept") == []


def test_a_dataset_of_mere_crowd_is_refused_until_somebody_decides(tmp_path: Path) -> None:
    source = make(tmp_path / "in", [[1, 1, 1], [1, 0]])
    with pytest.raises(LossError) as caught:
        run(source, tmp_path / "out", "yolo", None)
    assert "4 of 5 objects are marked as crowd regions, which YOLO cannot hold. CVAT marks" in str(caught.value)
    assert "`crowd='keep'`" in str(caught.value)
    assert not (tmp_path / "out").exists()
    run(source, tmp_path / "kept", "yolo", "keep")
    assert written(tmp_path / "kept", "yolo") == (5, 0)
    run(source, tmp_path / "coco", "coco", None)
    assert written(tmp_path / "coco", "coco") == (5, 4)


def test_strict_refuses_a_loss_that_nobody_asked_for(tmp_path: Path) -> None:
    source = make(tmp_path / "in", [[0, 0, 1]])
    with pytest.raises(LossError, match="crowd regions"):
        run(source, tmp_path / "out", "yolo", None, strict=True)
    with pytest.raises(LossError) as caught:
        run(source, tmp_path / "out", "yolo", "drop", strict=True)
    assert "masks" in str(caught.value)
    assert "crowd" not in str(caught.value)
