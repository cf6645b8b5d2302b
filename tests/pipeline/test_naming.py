from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from bboxprep import formats
from bboxprep.geometry.affine import Size
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.evidence import Testimony
from bboxprep.model.header import Header
from bboxprep.pipeline.naming import Output, name_outputs
from bboxprep.pipeline.reading import Glimpse

EMPTY = Dataset(Path("source"), "coco", Categories.named(["cat"]), ())


def glimpse(name: str, split: str = "train", container: str = "jpeg") -> Glimpse:
    header = Header(Size(4, 3), container=container)
    return Glimpse((split, name), header, Testimony(turned=False), 0, (), (), touched=False)


def outputs(format: str, *glimpses: Glimpse, touched: bool = False) -> dict[tuple[str, str], Output]:
    target = formats.load(format)
    writer = target.write(Path("out"), EMPTY, target.write_options())
    return name_outputs(glimpses, writer, lambda _: touched)


def images(format: str, *glimpses: Glimpse, touched: bool = False) -> list[str]:
    return [str(output.image) for output in outputs(format, *glimpses, touched=touched).values()]


def test_folders_and_names_are_kept() -> None:
    assert images("yolo", glimpse("a b/ü #1.jpg")) == ["images/train/a b/ü #1.jpg"]


@pytest.mark.parametrize(
    ("format", "first", "second", "written"),
    [
        ("yolo", ("a.jpg", "train", "jpeg"), ("a.png", "train", "png"), "images/train/a-2.png"),
        ("coco", ("a.jpg", "train", "jpeg"), ("a.png", "train", "png"), "train/a.png"),
        ("coco", ("a.jpg", "train", "jpeg"), ("A.JPG", "train", "jpeg"), "train/A-2.JPG"),
        ("coco", ("e\u0301.jpg", "train", "jpeg"), ("\u00e9.jpg", "train", "jpeg"), "train/\u00e9-2.jpg"),
        ("yolo", ("a.jpg", "train", "jpeg"), ("a.jpg", "val", "jpeg"), "images/val/a.jpg"),
        ("voc", ("a.jpg", "train", "jpeg"), ("a.jpg", "val", "jpeg"), "JPEGImages/a-2.jpg"),
        ("voc", ("x/a.jpg", "train", "jpeg"), ("y/a.jpg", "train", "jpeg"), "JPEGImages/y/a.jpg"),
    ],
)
def test_no_two_images_share_a_file(
    format: str,
    first: tuple[str, str, str],
    second: tuple[str, str, str],
    written: str,
) -> None:
    found = outputs(format, glimpse(*first), glimpse(*second))
    later = found[second[1], second[0]]
    assert str(later.image) == written
    assert [finding.code for finding in later.findings] == ["name-changed"] * ("-2" in written)


def test_a_number_that_is_taken_is_passed_over() -> None:
    assert images("yolo", glimpse("a-2.jpg"), glimpse("a.jpg"), glimpse("a.png", container="png")) == [
        "images/train/a-2.jpg",
        "images/train/a.jpg",
        "images/train/a-3.png",
    ]


@pytest.mark.parametrize(
    ("name", "container", "touched", "written"),
    [
        ("a.jpg", "webp", False, "train/a.webp"),
        ("a.png", "jpeg", True, "train/a.jpg"),
        ("a.JPEG", "jpeg", True, "train/a.JPEG"),
        ("a.tiff", "tiff", True, "train/a.tiff"),
        ("a.gif", "gif", False, "train/a.gif"),
        ("a.gif", "gif", True, "train/a.png"),
    ],
)
def test_a_suffix_says_what_the_file_is(name: str, container: str, touched: bool, written: str) -> None:
    assert images("coco", glimpse(name, container=container), touched=touched) == [written]


def test_an_image_without_a_header_goes_nowhere() -> None:
    lost = Glimpse(("train", "a.jpg"), None, Testimony(turned=False), 0, (), (), touched=False)
    assert outputs("coco", lost) == {}


def test_paths_are_below_the_output_folder() -> None:
    assert all(not PurePosixPath(path).is_absolute() for path in images("voc", glimpse("a.jpg")))
