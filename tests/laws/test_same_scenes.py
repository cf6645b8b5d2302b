"""Scenes that people have labelled once and hold in several formats are the same from each, within the coarser step."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

import bboxprep
from bboxprep import Dataset

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real datasets are not here")

BOXES = "labelformat/tests/fixtures/object_detection"
SAMPLES = "panlabel/tests/fixtures/sample_valid"
WHOLE = 1.0  # px; one of them holds whole pixels

SCENES = [  # the format and the place of each of the two, and how far edges may lie apart, px
    (("coco", f"{BOXES}/COCO"), ("kitti", f"{BOXES}/KITTI"), 0.0),
    (("coco", f"{BOXES}/COCO"), ("labelbox", f"{BOXES}/Labelbox"), 0.0),
    (("coco", f"{BOXES}/COCO"), ("voc", f"{BOXES}/PascalVOC"), 0.0),
    (("coco", f"{BOXES}/COCO"), ("yolo", f"{BOXES}/YOLOv8"), WHOLE),
    (("voc", "raccoon"), ("csv", "raccoon/data/raccoon_labels.csv"), 0.0),
    (("yolo", "ultralytics_hub/example_datasets/coco8"), ("ndjson", "formats/ndjson"), 1e-5 * 640),
    (
        ("panoptic", "formats/panoptic/sample_data/panoptic_examples.json"),
        ("coco", "formats/panoptic/sample_data/panoptic_coco_detection_format.json"),
        0.0,
    ),
    (("csv", f"{SAMPLES}.retinanet.csv"), ("via", f"{SAMPLES}.via.json"), 0.0),
    (("csv", f"{SAMPLES}.vott.csv"), ("vott", f"{SAMPLES}.vott.json"), 0.0),
]


def objects(dataset: Dataset) -> dict[tuple[str, str], np.ndarray]:
    """The boxes of each class of each image, by its stem: sorted, (N, 4) px."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for sample in dataset:
        for name, box in zip((dataset.classes[label] for label in sample.labels), sample.boxes.tolist(), strict=True):
            found.setdefault((PurePosixPath(sample.name).stem, name), []).append(box)
    return {key: np.array(sorted(boxes)) for key, boxes in found.items()}


def furthest(one: Dataset, other: Dataset) -> float:
    """How far an edge of `one` lies from that of the same object of `other`, at worst, px. Both have the same ones."""
    mine, theirs = objects(one), objects(other)
    assert {key: len(boxes) for key, boxes in mine.items()} == {key: len(boxes) for key, boxes in theirs.items()}
    assert mine
    return max(float(np.abs(boxes - theirs[key]).max()) for key, boxes in mine.items())


@needs_data
@pytest.mark.parametrize(("one", "other", "apart"), SCENES, ids=lambda case: case[0] if isinstance(case, tuple) else "")
def test_a_scene_is_the_same_from_two_formats(one: tuple[str, str], other: tuple[str, str], apart: float) -> None:
    read = [bboxprep.read(DATA / place, format=name) for name, place in (one, other)]
    assert furthest(*read) <= apart + 1e-9


@needs_data
def test_boxes_that_one_tool_has_written_as_voc_and_as_yolo_are_the_same(tmp_path: Path) -> None:
    source = DATA / "formats" / "xanylabeling" / "assets"
    names = (source / "classes.txt").read_text(encoding="utf-8").split()
    for name, place in (("voc", "Annotations/demo.xml"), ("yolo", "labels/demo.txt")):
        (tmp_path / name / Path(place).parent).mkdir(parents=True)
        shutil.copy(source / place, tmp_path / name / place)
        images = tmp_path / name / ("JPEGImages" if name == "voc" else "images")
        images.mkdir()
        Image.new("L", (2592, 1944)).save(images / "demo.jpg")
    (tmp_path / "yolo" / "data.yaml").write_text(f"train: images\nnames: [{', '.join(names)}]\n", encoding="utf-8")
    voc = bboxprep.read(tmp_path / "voc", format="voc", origin="as-is")
    yolo = bboxprep.read(tmp_path / "yolo", format="yolo")
    one, other = (np.array(sorted(dataset[0].boxes.tolist())) for dataset in (voc, yolo))  # its classes.txt is another
    assert len(one) == 49
    assert np.abs(one - other).max() <= 1e-6


@needs_data
def test_what_labelme_exports_is_there_when_its_own_files_are_read() -> None:
    scene = DATA / "labelme" / "examples" / "instance_segmentation"
    own, exported = (
        objects(bboxprep.read(scene / place, format=name))
        for name, place in (("labelme", "data_annotated"), ("coco", "data_dataset_coco"))
    )
    for key, boxes in exported.items():
        assert np.abs(own[key] - boxes).max() <= WHOLE, key
    assert {name for _, name in own.keys() - exported.keys()} == {"__ignore__"}


def test_the_law_catches_an_edge_that_moved(tmp_path: Path) -> None:
    fixtures = Path(__file__).parents[2] / "fixtures"
    one = bboxprep.read(fixtures / "phone-photos-yolo")
    assert furthest(one, one) == 0.0
    shutil.copytree(fixtures / "phone-photos-yolo", tmp_path / "moved")
    label = next(
        path for path in sorted((tmp_path / "moved").rglob("labels/*/*.txt")) if path.read_text(encoding="utf-8")
    )
    rows = label.read_text(encoding="utf-8").splitlines()
    number, x, *rest = rows[0].split()
    rows[0] = " ".join([number, f"{float(x) * 0.9:.6f}", *rest])
    label.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert furthest(one, bboxprep.read(tmp_path / "moved")) > WHOLE
