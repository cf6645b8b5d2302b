"""DOTA: its dialects, its versions side by side, what it holds and what it does not, and real files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import bboxprep
from bboxprep import Crop, Dataset, Flip, Recipe, Resize
from bboxprep.formats.api import NoOptions
from bboxprep.formats.dota import FORMAT
from bboxprep.formats.dota.fields import NAMES
from bboxprep.formats.dota.rows import parse
from bboxprep.model.categories import Categories
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle

DATA = Path(__file__).parents[3].parent / "shared" / "data"
PLANE = "1 2 21 2 21 12 1 12 plane 0\n"


def grown(root: Path, files: Mapping[str, str], size: tuple[int, int] = (40, 30)) -> Path:
    """A dataset of these label files below `root`, each with an image in the folder ``images`` beside its own."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        top = root / name.partition("labelTxt")[0]
        (top / "images").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (40, 90, 120)).save(top / "images" / f"{path.stem}.png")
    return root


def one(root: Path, text: str) -> bboxprep.Sample:
    (sample,) = bboxprep.read(grown(root, {"labelTxt/a.txt": text}))
    return sample


def rows(folder: Path) -> list[str]:
    """The rows of all label files in `folder`."""
    return [line for path in sorted(folder.rglob("labelTxt/*.txt")) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("text", "names", "difficult"),
    [
        ("imagesource:GoogleEarth\r\ngsd:0.25\r\n1 2 3 2 3 4 1 4 small-vehicle 1\r\n", ["small-vehicle"], [1]),
        ("imagesource:\ngsd:null\n1.5 2 3 2 3 4 1 4 ship 2", ["ship"], [2]),
        ("1 2 3 2 3 4 1 4 ship\n", ["ship"], [0]),  # of nine columns
        ("1 2 3 2 3 4 1 4 soccer ball field 0\n", ["soccer ball field"], [0]),
        ("\ufeff 1\t2 3 2  3 4 1 4 ship 1 \n\n", ["ship"], [1]),
        ("-3 1e1 3 2 3 4 1 4 7 0\n", ["7"], [0]),
    ],
)
def test_dialects_say_the_same(text: str, names: list[str], difficult: list[int]) -> None:
    file = parse(text.removeprefix("\ufeff"))
    assert [row.name for row in file.rows] == names
    assert [row.difficult for row in file.rows] == difficult
    assert file.findings == ()


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("1 2 3 2 3 4 1 4", "record-unreadable"),
        ("1 2 3 2 3 4 1 x plane 0", "record-unreadable"),
        ("1,2,3,2,3,4,1,4,plane,0", "record-unreadable"),
        ("1 2 3 2 3 4 1 1_0 plane 0", "record-unreadable"),
        ("1 2 3 2 3 4 1 nan plane 0", "box-not-finite"),
        ("1 2 3 2 3 4 1 1e30 plane 0", "box-not-finite"),
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_the_others_are_kept(tmp_path: Path, row: str, code: str) -> None:
    sample = one(tmp_path, f"{PLANE}{row}\n{PLANE.replace('1', '3')}")
    assert len(sample.instances) == 2
    (finding,) = [one for one in sample.findings if one.objects]
    assert (finding.code, finding.where, finding.path) == (code, "line 2", "labelTxt/a.txt")
    assert sample.source_count == 3


def test_corners_stay_in_their_order_and_the_box_is_around_them(tmp_path: Path) -> None:
    sample = one(tmp_path, "20 2 30 12 20 22 10 12 plane 1\n")
    assert sample.instances.oriented.tolist() == [[[20, 2], [30, 12], [20, 22], [10, 12]]]
    assert sample.instances.boxes.tolist() == [[10, 2, 30, 22]]
    assert sample.instances.attributes == ({"difficult": 1},)


def test_the_newest_version_of_the_labels_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    old, new = "labelTxt-v1.0/a.txt", "labelTxt-v1.5/DOTA-v1.5_train/a.txt"
    hbb = "labelTxt-v1.5/DOTA-v1.5_train_hbb/a.txt"
    files = {old: PLANE, new: PLANE * 2, hbb: PLANE}
    dataset = bboxprep.read(grown(tmp_path / "set", files))
    assert {str(sample.name): len(sample.instances) for sample in dataset} == {"a.png": 2}
    assert [(finding.code, finding.path) for finding in dataset.findings] == [
        ("file-skipped", old), ("file-skipped", hbb)
    ]  # fmt: skip


def test_an_empty_file_is_an_image_without_objects_and_none_is_an_unlabelled_one(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"train/labelTxt/a.txt": PLANE, "train/labelTxt/b.txt": "imagesource:\ngsd:1\n"})
    Image.new("RGB", (40, 30)).save(root / "train/images/c.png")
    dataset = bboxprep.read(root)
    assert [(len(one.instances), one.labelled) for one in dataset] == [(1, True), (0, True), (0, False)]
    assert dataset.splits == ("train",)
    assert dataset.task == "obb"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, ("plane", "harbor")),  # in the order of Ultralytics
        ({"classes.txt": "harbor\nbridge\n"}, ("harbor", "bridge", "plane")),
        ({"data.yaml": "names: [harbor, plane]\nnc: 2\n"}, ("harbor", "plane")),
    ],
)
def test_the_order_of_classes(tmp_path: Path, files: Mapping[str, str], wanted: tuple[str, ...]) -> None:
    root = grown(tmp_path / "set", {"labelTxt/a.txt": PLANE.replace("plane", "harbor") + PLANE})
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    assert bboxprep.read(root).classes == wanted
    assert {"plane", "harbor"} <= set(NAMES)


def test_labels_without_an_image_are_counted_by_class(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"labelTxt/a.txt": PLANE})
    (root / "labelTxt/gone.txt").write_text(PLANE * 3, encoding="utf-8")
    (finding,) = [one for one in bboxprep.read(root).findings if one.code == "label-orphan"]
    assert (finding.objects, finding.category, finding.path) == (3, "plane", "labelTxt/gone.txt")


def convert(root: Path, *steps: object, to: str = "dota", **options: object) -> Dataset:
    bboxprep.convert(root, root.parent / "out", to, Recipe(*steps), **options)  # type: ignore[arg-type]
    return bboxprep.read(root.parent / "out")


def test_what_is_written_is_what_was_read(tmp_path: Path) -> None:
    text = "imagesource:GoogleEarth\ngsd:0.25\n20.5 2 30 12 20 22 10 12 plane 1\n1 2 21.25 2 21 12 1 12 small ship 0\n"
    convert(grown(tmp_path / "set", {"train/labelTxt/a.txt": text}), sidecar=False)
    written = (tmp_path / "out/train/labelTxt/a.txt").read_text("utf-8")
    assert [line.split() for line in written.splitlines()][:2] == [["imagesource:GoogleEarth"], ["gsd:0.25"]]
    assert parse(written) == parse(text.replace("small ship", "small-ship"))
    assert (tmp_path / "out/classes.txt").read_text("utf-8") == "plane\nsmall ship\n"


def test_rows_have_no_blanks_in_a_class_and_the_table_has_its_name(tmp_path: Path) -> None:
    ships = "".join(PLANE.replace("plane", name) for name in ("small ship", "tug boat", "tug-boat"))
    again = convert(grown(tmp_path / "set", {"labelTxt/a.txt": ships}), sidecar=False)
    assert again.classes == ("small ship", "tug boat", "tug-boat")
    assert again[0].instances.labels.tolist() == [0, 1, 2]
    words = [line.split(" ")[8:] for line in rows(tmp_path / "out")]
    assert words == [["small-ship", "0"], ["tug", "boat", "0"], ["tug-boat", "0"]]  # two would be one class


def test_a_pixel_of_a_smaller_image_is_more_metres(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"train/labelTxt/a.txt": f"gsd:0.25\n{PLANE}"})
    convert(root, Resize((20, 15)))
    assert rows(tmp_path / "out")[0] == "gsd:0.5"
    convert(root, Resize((20, 30)), overwrite=True)
    assert [line for line in rows(tmp_path / "out") if line.startswith("gsd")] == []


def test_a_mirrored_box_keeps_its_first_side_and_goes_around_as_before(tmp_path: Path) -> None:
    convert(grown(tmp_path / "set", {"train/labelTxt/a.txt": "5 2 15 2 15 22 5 22 plane 0\n"}), Flip("horizontal"))
    assert rows(tmp_path / "out") == ["25.0 2.0 35.0 2.0 35.0 22.0 25.0 22.0 plane 0"]


def test_corners_may_lie_outside_and_are_read_as_they_were_written(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"train/labelTxt/a.txt": "20 -6 32 6 20 18 8 6 plane 0\n"})
    once = convert(root)
    assert (once[0].instances.oriented < 0).any()
    assert bboxprep.verify(tmp_path / "out", root).holds
    first = rows(tmp_path / "out")
    bboxprep.convert(tmp_path / "out", tmp_path / "again", "dota")
    assert rows(tmp_path / "again") == first
    bboxprep.convert(tmp_path / "out", tmp_path / "yolo", "yolo")
    numbers = [float(word) for path in (tmp_path / "yolo/labels").rglob("*.txt") for word in path.read_text().split()]
    assert 0 <= min(numbers) <= max(numbers) <= 1  # or trainers discard the image


def test_an_outline_becomes_the_smallest_rectangle_around_it_and_is_counted(tmp_path: Path) -> None:
    pixels = np.eye(30, 40, dtype=np.bool_)
    sample = one(tmp_path / "set", PLANE)
    objects = Instances.of(
        [[0, 0, 30, 30], [2, 2, 12, 8]],
        [0, 0],
        masks=[Rle.from_mask(pixels), None],
        polygons=[[], [[[2, 2], [12, 2], [12, 8]]]],
    )
    dataset = bboxprep.read(tmp_path / "set").map(lambda _: sample.replace_fast(instances=objects, source_count=2))
    bboxprep.write(dataset, tmp_path / "out", "dota")
    first, second = (parse(row).rows[0].corners for row in rows(tmp_path / "out"))
    sides = np.hypot(*(np.roll(np.reshape(first, (4, 2)), -1, axis=0) - np.reshape(first, (4, 2))).T)
    assert sorted(sides)[:2] == pytest.approx([2**0.5, 2**0.5], abs=1e-6)  # a diagonal, and no upright box
    assert sorted(zip(second[::2], second[1::2], strict=True)) == [(2, 2), (2, 8), (12, 2), (12, 8)]


NAME = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=6)


@given(st.lists(st.tuples(NAME, st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=8), st.integers(0, 9)), max_size=4))
def test_rows_that_are_written_are_read(objects: list[tuple[str, list[float], int]]) -> None:
    text = "".join(f"{' '.join(map(repr, corners))} {name} {level}\n" for name, corners, level in objects)
    file = parse(text)
    assert [(row.name, list(row.corners), row.difficult) for row in file.rows] == objects
    assert file.findings == ()


@pytest.mark.parametrize("name", ["a  b", " a", "", "a\nb"])
def test_a_class_name_that_no_row_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(bboxprep.BboxprepError, match="class name"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "dota", Categories.from_names((name,)), []), NoOptions())


def test_real_files_have_the_counts_that_are_known(tmp_path: Path) -> None:
    root = DATA / "formats/dota/tests/data"
    if not root.exists():
        pytest.skip("formats/dota is not here")
    dataset = bboxprep.read(root)
    (sample,) = [one for one in dataset if one.header]
    assert (dataset.format, len(sample.instances), dataset.classes) == ("dota", 4, ("plane",))
    assert [one.get("difficult", 0) for one in sample.instances.attributes] == [0, 0, 1, 0]
    outcome = bboxprep.convert(root, tmp_path / "out", "dota")
    assert outcome.account.dropped  # the picture of the sample was cut, and its labels were not


def test_a_crop_of_planes_is_true_to_its_source(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", {"train/labelTxt/a.txt": "20 2 30 12 20 22 10 12 plane 0\n" + PLANE})
    convert(root, Crop(0, 0, 24, 24))
    proof = bboxprep.verify(tmp_path / "out", root)
    assert proof.holds, proof.faults
