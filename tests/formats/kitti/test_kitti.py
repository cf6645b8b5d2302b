"""KITTI: its rows and those of TAO, regions to ignore, the place in the world, its folders, and real files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import bboxprep
from bboxprep import Crop, Dataset, Flip, Recipe
from bboxprep.errors import LayoutError
from bboxprep.formats.api import NoOptions
from bboxprep.formats.kitti import FORMAT
from bboxprep.formats.kitti.rows import parse
from bboxprep.model.categories import Categories
from bboxprep.model.instances import Instances

DATA = Path(__file__).parents[3].parent / "shared" / "data"
UNKNOWN = "-1 -1 -1 -1000 -1000 -1000 -10"
CAR = "Car 0.25 1 -1.57 1.00 2.00 21.50 12.00 1.50 1.60 3.90 1.80 1.50 8.40 0.01\n"
REGION = f"DontCare -1 -1 -10 3.00 4.00 9.00 9.00 {UNKNOWN}\n"


def grown(root: Path, files: Mapping[str, str], size: tuple[int, int] = (40, 30)) -> Path:
    """A dataset of these label files below `root`, each with an image in ``image_2`` beside its folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        if "label_2" in name:
            images = path.parent.parent / "image_2"
            images.mkdir(exist_ok=True)
            Image.new("RGB", size, (40, 90, 120)).save(images / f"{path.stem}.png")
    return root


def label(root: Path) -> str:
    (path,) = root.rglob("label_2/*.txt")
    return path.read_text(encoding="utf-8")


def test_a_row_says_what_the_camera_saw() -> None:
    (car, region), findings = parse(CAR + REGION).rows, parse(CAR + REGION).findings
    assert (car.name, car.box, car.crowd) == ("Car", (1, 2, 21.5, 12), False)
    assert car.attributes == {
        "truncated": 0.25, "occluded": 1, "alpha": -1.57,
        "dimensions": [1.5, 1.6, 3.9], "location": [1.8, 1.5, 8.4], "rotation_y": 0.01,
    }  # fmt: skip
    assert (region.name, region.crowd, region.attributes, findings) == ("DontCare", True, {}, ())


@pytest.mark.parametrize(
    ("text", "name", "attributes", "score"),
    [
        ("Car 0.0 0 0 1 2 3 4 0 0 0 0 0 0 0", "Car", {}, None),  # boxes alone, as TAO has them
        ("Car -1 -1 -10 1 2 3 4 -1 -1 -1 -1000 -1000 -1000 -10", "Car", {}, None),
        (f"Car 1.0 3 -10 1 2 3 4 {UNKNOWN} 0.75\r", "Car", {"truncated": 1.0, "occluded": 3}, 0.75),
        (f"traffic light 0 0 -10 1 2 3 4 {UNKNOWN}", "traffic light", {}, None),  # its numbers stand at the right
        (f"a_b\t0 0 -10 1e0 2 3  4 {UNKNOWN} ", "a b", {}, None),  # in one word, as the table does not have it
    ],
)
def test_dialects(text: str, name: str, attributes: Mapping[str, object], score: float | None) -> None:
    (row,) = parse(text, ["a b"]).rows
    assert (row.name, row.box, row.attributes) == (name, (1, 2, 3, 4), attributes)
    assert np.isnan(row.score) if score is None else row.score == score


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("Car 0 0 -10 1 2 3 4", "record-unreadable"),
        (f"Car 0 0 -10 1 2 3 x {UNKNOWN}", "record-unreadable"),
        (f"Car 0 0 -10 1 2 3 1_0 {UNKNOWN}", "record-unreadable"),
        (f"Car 0 0 -10 1 2 3 nan {UNKNOWN}", "box-not-finite"),
        (f"Car 0 0 -10 1 2 3 1e30 {UNKNOWN}", "box-not-finite"),
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_the_others_are_kept(tmp_path: Path, row: str, code: str) -> None:
    (sample,) = bboxprep.read(grown(tmp_path / "set", {"training/label_2/a.txt": f"{CAR}{row}\n{CAR}"}), "kitti")
    (finding,) = [one for one in sample.findings if one.objects]
    assert (finding.code, finding.where, finding.objects) == (code, "line 2", 1)
    assert (len(sample.instances), sample.source_count) == (2, 3)


def test_classes_are_sorted_and_regions_to_ignore_are_the_last(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"training/label_2/a.txt": f"{REGION}{CAR.replace('Car', 'Van')}{CAR}"})
    dataset = bboxprep.read(root)
    assert (dataset.format, dataset.classes, dataset.splits) == ("kitti", ("Car", "Van", "DontCare"), ("train",))
    (root / "labels.txt").write_text("Van\n")
    assert bboxprep.read(root).classes == ("Van", "Car", "DontCare")


def test_images_of_other_cameras_are_left_aside_and_lists_are_told(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"training/label_2/a.txt": CAR, "ImageSets/train.txt": "a\n"})
    for name in ("training/image_3/a.png", "training/prev_2/a_01.png", "testing/image_2/b.png"):
        (root / name).parent.mkdir(parents=True)
        Image.new("RGB", (40, 30)).save(root / name)
    dataset = bboxprep.read(root)
    assert [(sample.split, str(sample.name)) for sample in dataset] == [("train", "a.png")]
    assert [(one.code, one.path) for one in dataset.findings] == [
        ("image-aside", "training/image_3/a.png"),
        ("file-skipped", "ImageSets/train.txt"),
        ("image-aside", "testing/image_2/b.png"),
    ]


def test_tracking_labels_are_refused_by_name(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"training/label_2/0000.txt": f"0 1 {CAR}"})
    with pytest.raises(LayoutError, match="tracking benchmark"):
        bboxprep.read(root, "kitti")
    assert not FORMAT.sniff(root)


def test_a_yolo_polygon_is_none_of_its_rows(tmp_path: Path) -> None:
    assert not FORMAT.sniff(grown(tmp_path, {"label_2/a.txt": "0 .1 .1 .5 .1 .5 .5 .4 .6 .3 .6 .2 .5 .1 .3\n"}))
    assert FORMAT.sniff(grown(tmp_path, {"label_2/b.txt": f"0 0.00 0 -10 1.00 2.00 9.00 9.00 {UNKNOWN}\n"}))


def test_what_is_read_is_written_as_it_was(tmp_path: Path) -> None:
    person = f"Person_sitting 0.00 0 -10 0.00 0.00 40.00 30.125 {UNKNOWN} 0.75\n".replace("30.125", "29.125")
    root = grown(tmp_path / "set", {"training/label_2/a.txt": CAR + REGION + person})
    bboxprep.convert(root, tmp_path / "out", "kitti")
    assert label(tmp_path / "out") == CAR + REGION + person
    assert (tmp_path / "out/labels.txt").read_text() == "Car\nPerson_sitting\nDontCare\n"
    assert bboxprep.verify(tmp_path / "out", root).holds


def test_the_place_in_the_world_is_left_out_where_the_image_was_mirrored(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"training/label_2/a.txt": CAR})
    bboxprep.convert(root, tmp_path / "out", "kitti", Recipe(Flip("horizontal")))
    assert label(tmp_path / "out") == f"Car 0.25 1 -10 18.50 2.00 39.00 12.00 {UNKNOWN}\n"
    bboxprep.convert(root, tmp_path / "cut", "kitti", Recipe(Crop(0, 1, 30, 20)))
    assert label(tmp_path / "cut") == CAR.replace("2.00 21.50 12.00", "1.00 21.50 11.00")


def test_a_crowd_region_is_one_to_ignore_and_keeps_its_class(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"training/label_2/a.txt": CAR, "labels.txt": "Van\nCar\n"})
    objects = Instances.of([[1, 2, 9, 9], [3, 4, 8, 8]], [1, 1], crowd=[True, False])
    dataset = bboxprep.read(root).map(lambda sample: sample.replace_fast(instances=objects, source_count=2))
    bboxprep.write(dataset, tmp_path / "out", "kitti", sidecar=False)
    assert label(tmp_path / "out").splitlines()[0] == f"DontCare -1 -1 -12 1.00 2.00 9.00 9.00 {UNKNOWN}"
    back = bboxprep.read(tmp_path / "out")
    assert back.classes == ("Van", "Car")
    assert (back[0].instances.crowd.tolist(), back[0].instances.labels.tolist()) == ([True, False], [1, 1])


def test_regions_to_ignore_are_crowd_regions_elsewhere(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"training/label_2/a.txt": CAR + REGION})
    bboxprep.convert(root, tmp_path / "coco", "coco")
    (sample,) = bboxprep.read(tmp_path / "coco")
    assert sample.instances.crowd.tolist() == [False, True]
    bboxprep.convert(tmp_path / "coco", tmp_path / "back", "kitti")
    assert label(tmp_path / "back") == CAR + REGION
    outcome = bboxprep.convert(root, tmp_path / "yolo", "yolo")
    assert outcome.account.dropped == {("train", "DontCare", "crowd-dropped"): 1}
    bboxprep.convert(tmp_path / "yolo", tmp_path / "again", "kitti")
    assert label(tmp_path / "again") == CAR + REGION  # by the sidecar


def test_an_object_of_the_class_dontcare_becomes_a_region_and_is_counted(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"training/label_2/a.txt": REGION})
    plain = Instances.of([[1, 2, 9, 9]], [0])
    dataset = bboxprep.read(root).map(lambda sample: sample.replace_fast(instances=plain))
    outcome = bboxprep.write(dataset, tmp_path / "out", "kitti")
    assert "column-dropped" in {finding.code for finding in outcome.account.findings}
    assert bboxprep.read(tmp_path / "out")[0].instances.crowd.tolist() == [False]  # as the sidecar has it


def test_a_name_of_several_words_is_one_word_in_rows_and_is_told(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"training/label_2/a.txt": f"traffic light 0 0 -10 1 2 3 4 {UNKNOWN}\n"})
    outcome = bboxprep.convert(root, tmp_path / "out", "kitti")
    assert "class-respelled" in {finding.code for finding in outcome.account.findings}
    assert label(tmp_path / "out").startswith("traffic_light 0.00 0 ")
    assert bboxprep.read(tmp_path / "out").classes == ("traffic light",)
    assert bboxprep.verify(tmp_path / "out", root).holds


@pytest.mark.parametrize("names", [("",), (" a",), ("a\nb",), ("a b", "a_b")])
def test_class_names_that_no_row_can_hold_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(bboxprep.BboxprepError, match="class name"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "kitti", Categories.from_names(names), []), NoOptions())


NAME = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=6)


@given(st.lists(st.tuples(NAME, st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4)), max_size=4))
def test_rows_that_are_written_are_read(objects: list[tuple[str, list[float]]]) -> None:
    file = parse("".join(f"{name} 0 0 -10 {' '.join(map(repr, box))} {UNKNOWN}\n" for name, box in objects))
    assert [(row.name, list(row.box)) for row in file.rows if not row.crowd] == objects
    assert file.findings == ()


def test_real_files_have_the_counts_that_are_known(tmp_path: Path) -> None:
    root = DATA / "formats/kitti"
    if not root.exists():
        pytest.skip("formats/kitti is not here")
    dataset = bboxprep.read(root)
    assert {str(sample.name): len(sample.instances) for sample in dataset} == {"000030_10.png": 2, "000030_11.png": 3}
    assert [one.get("truncated", 0.0) for sample in dataset for one in sample.instances.attributes] == [1, 0, 1, 0, 0]
    assert [one.get("occluded", 0) for sample in dataset for one in sample.instances.attributes] == [0, 0, 1, 0, 1]
    bboxprep.convert(root, tmp_path / "out", "kitti")
    assert bboxprep.verify(tmp_path / "out", root).holds
