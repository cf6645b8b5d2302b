from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path, PurePosixPath

import pytest

from bboxprep import formats
from bboxprep.errors import TargetError
from bboxprep.frames.evidence import FrameEvidence
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import USUAL_SUFFIXES
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.pipeline.output.naming import Output, check_splits, name_outputs
from bboxprep.pipeline.source.survey import ImageSummary

EMPTY = Dataset(Path("source"), "coco", Categories.from_names(["cat"]), ())


def summary(name: str, split: str = "train", container: str = "jpeg") -> ImageSummary:
    header = Header(Size(4, 3), container=container)
    return ImageSummary((split, name), header, FrameEvidence(turned=False), touched=False)


def outputs(format: str, *summaries: ImageSummary) -> Mapping[tuple[str, str], Output]:
    target = formats.load(format)
    writer = target.write(Path("out"), EMPTY, target.write_options())
    return name_outputs(summaries, writer)


def images(format: str, *summaries: ImageSummary) -> list[str]:
    return [str(output.image) for output in outputs(format, *summaries).values()]


def test_folders_and_names_are_kept() -> None:
    assert images("yolo", summary("a b/ü #1.jpg")) == ["images/train/a b/ü #1.jpg"]


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
    found = outputs(format, summary(*first), summary(*second))
    later = found[second[1], second[0]]
    assert str(later.image) == written
    assert later.renamed == ("-2" in written)


def test_a_number_that_is_taken_is_passed_over() -> None:
    assert images("yolo", summary("a-2.jpg"), summary("a.jpg"), summary("a.png", container="png")) == [
        "images/train/a-2.jpg",
        "images/train/a.jpg",
        "images/train/a-3.png",
    ]


@pytest.mark.parametrize(
    ("name", "container", "written"),
    [
        ("a.jpg", "webp", "a.webp"),
        ("a.png", "jpeg", "a.jpg"),
        ("a.JPEG", "jpeg", "a.JPEG"),
        ("a.jfif", "jpeg", "a.jpg"),
        ("a.JPE", "jpeg", "a.jpg"),
        ("a.mpo", "jpeg", "a.mpo"),
        ("a.tiff", "tiff", "a.tiff"),
        ("a.gif", "gif", "a.png"),
        ("a.jpg", "gif", "a.png"),
        ("a", "jpeg", "a.jpg"),
    ],
)
@pytest.mark.parametrize("format", formats.written())
def test_a_suffix_says_what_the_file_is_and_trainers_know_it(
    format: str, name: str, container: str, written: str
) -> None:
    (found,) = outputs(format, summary(name, container=container)).items()
    packed = formats.load(format).write(Path("out"), EMPTY, formats.load(format).write_options()).stage
    path, suffix = PurePosixPath(found[1].image), PurePosixPath(written).suffix.lower()
    if packed:  # one suffix for all images of a kind
        assert path.suffix == USUAL_SUFFIXES.get(suffix, suffix)
    else:
        assert path.name == written


@pytest.mark.parametrize("format", formats.written())
def test_two_images_of_one_name_are_refused(format: str) -> None:
    with pytest.raises(TargetError, match=r"train/a\.jpg: two images of the source have this name"):
        outputs(format, summary("a.jpg"), summary("b.jpg"), summary("a.jpg"))


def test_an_image_without_a_header_goes_nowhere() -> None:
    lost = ImageSummary(("train", "a.jpg"), None, FrameEvidence(turned=False), touched=False)
    assert outputs("coco", lost) == {}


def test_paths_are_below_the_output_folder() -> None:
    assert all(not PurePosixPath(path).is_absolute() for path in images("voc", summary("a.jpg")))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("CON.jpg", "CON_.jpg"),
        ("nul", "nul_.jpg"),
        ("aux.tar.jpg", "aux_.tar.jpg"),
        ("com1 .jpg", "com1 _.jpg"),
        ("COM¹.jpg", "COM¹_.jpg"),
        ("console.jpg", "console.jpg"),
        ("lpt9/a.jpg", "lpt9_/a.jpg"),
        ("C:evil.jpg", "C_evil.jpg"),
        ("a<b>c?.jpg", "a_b_c_.jpg"),
        ('"|*.jpg', "___.jpg"),
        ("back\\slash.jpg", "back_slash.jpg"),
        ("folder. /a.jpg", "folder__/a.jpg"),
        ("a\x01b\x7f.jpg", "a_b_.jpg"),
        ("half\udcff.jpg", "half_.jpg"),
        ("ünï çødé (1) #%&.jpg", "ünï çødé (1) #%&.jpg"),
        ("é" * 125 + ".jpg", "é" * 118 + ".jpg"),
    ],
)
def test_a_name_is_safe_on_every_system_and_the_change_is_told(name: str, written: str) -> None:
    (found,) = outputs("coco", summary(name)).values()
    assert str(found.image) == f"train/{written}"
    assert found.renamed == (name != written)


@pytest.mark.parametrize("split", ["..", ".", "", "CON", "a/b", "a:b", "train "])
def test_a_split_that_cannot_be_a_folder_everywhere_is_refused(split: str) -> None:
    with pytest.raises(TargetError, match="cannot be a folder's name on every system"):
        check_splits(("train", split))


def test_many_names_that_become_one_cost_little() -> None:
    names = ["".join(chars) + ".jpg" for chars in product('<>:"|?*', repeat=5)]
    found = images("yolo", *map(summary, names))
    assert len(set(found)) == len(names) == 7**5
    assert {"images/train/_____.jpg", f"images/train/_____-{7**5}.jpg"} <= set(found)
