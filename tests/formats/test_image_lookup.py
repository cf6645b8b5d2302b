"""One lookup of image names: what a spelling means, and that every format that names images asks it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

import bboxprep
from bboxprep.formats.image_lookup import ImageLookup, Match, run_together
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.testing.example import LabelledDataset, LabelledImage
from bboxprep.testing.painting import encoded
from tests.conformance.examples import EXAMPLES, FORMATS

SIZE = (48, 32)
FILES = (
    "train/a.jpg",
    "val/a.jpg",
    "train/B.JPG",
    "x/c d.png",
    "\u00fc.jpg",
    "v1.2/frame.5.png",
    "e/f.jpg",
    "g/f.jpg",
    "h%20i.jpg",
)
RESPELLED = [  # the name in the labels, the name on the disk
    ("\u00dcbung \u00e9.png", normalize("NFD", "\u00dcbung \u00e9.png")),
    ("a.png", "a.PNG"),
    ("a.png", "A.PNG"),
    ("Photo.png", "photo.png"),
    ("my%20photo.png", "my photo.png"),
    ("my photo.png", "my%20photo.png"),
    ("\u00dc 1.png", "%C3%9C%201.png"),
]


@pytest.mark.parametrize(
    ("text", "path", "way"),
    [
        ("/home/me/set/train/a.jpg", "train/a.jpg", "end of its path"),
        ("..\\up\\val\\a.jpg", "val/a.jpg", "slashes"),
        ("D:\\photos\\train\\b.jpg", "train/B.JPG", "slashes for backslashes, in another case"),
        ("B.jpg", "train/B.JPG", "extension in another case"),
        ("train/b", "train/B.JPG", "without its extension, in another case"),
        ("c%20d.png", "x/c d.png", "percent"),
        ("https://host/x/c%20d.png?size=big#top", "x/c d.png", "without the query, with percent codes decoded"),
        ("/data/local-files/?d=x/c%20d.png", "x/c d.png", "without the query"),
        ("u\u0308.jpg", "\u00fc.jpg", "Unicode"),
        ("U\u0308", "\u00fc.jpg", "without its extension, in another case"),
        ("v1.2/frame.5", "v1.2/frame.5.png", "without its extension"),
        ("h i.jpg", "h%20i.jpg", "percent codes of the file name"),
        ("h i", "h%20i.jpg", "without its extension, with the percent codes of the file name"),
        ("other/e/f.jpg", "e/f.jpg", "end of its path"),
        ("train/a.jpgval/a.jpg", "", ""),
        ("a.jpg", "", ""),
        ("a.png", "", ""),
        ("test/a.jpg", "", ""),
        ("", "", ""),
        ("/", "", ""),
        ("..", "", ""),
    ],
)
def test_a_spelling_means_the_one_image_that_fits(text: str, path: str, way: str) -> None:
    match = ImageLookup(lambda: FILES).find(text)
    assert match.path == path
    assert way in match.way


def test_what_is_not_taken_is_named() -> None:
    lookup = ImageLookup(lambda: FILES)
    assert lookup.find("a.jpg").rivals == ("train/a.jpg", "val/a.jpg")
    assert lookup.find("a.png").near == ("train/a.jpg", "val/a.jpg")
    assert "'train/a.jpg', 'val/a.jpg'" in lookup.find("a.jpg").hint
    assert lookup.find("nothing.jpg").hint == ""


def test_nearness_decides_among_equal_names_and_may_refuse() -> None:
    lookup = ImageLookup(lambda: FILES)
    assert lookup.find("A.jpg", {"val": 0, "train": 1}.get).path == "val/a.jpg"
    assert lookup.find("A.jpg", {"train": 1}.get).path == "train/a.jpg"
    assert lookup.find("A.jpg", dict.fromkeys(("val", "train"), 1).get).rivals == ("train/a.jpg", "val/a.jpg")
    assert not lookup.find("A.jpg", {"e": 0}.get).path


def test_the_images_are_listed_once_and_only_when_asked_for() -> None:
    calls: list[int] = []

    def images() -> tuple[str, ...]:
        calls.append(len(calls))
        return FILES

    lookup = ImageLookup(images)
    assert not calls
    for _ in range(3):
        lookup.find("b.jpg")
    assert calls == [0]


def test_many_images_of_one_name_are_told_by_their_folders() -> None:
    files = [f"frames/{number}/image.jpg" for number in range(3000)]
    lookup = ImageLookup(lambda: ["image.jpg", *files])
    found = [lookup.find(f"/old/frames/{number}/IMAGE.JPG").path for number in range(3000)]
    assert found == files
    assert lookup.find("/old/x/Image.jpg").path == "image.jpg"
    assert len(lookup.find("7/image.png").near) <= 4


@pytest.mark.parametrize(
    ("text", "two"),
    [("a.jpgdata/b.jpg", True), ("x/a.JPEG/home/b.jpg", True), ("x/a.jpg", False), ("a.jpgb.jpg", False), ("", False)],
)
def test_two_paths_that_run_together_are_known(text: str, two: bool) -> None:
    assert run_together(text) is two


@pytest.mark.parametrize(("name", "disk"), RESPELLED)
@pytest.mark.parametrize("format", FORMATS)
def test_an_image_that_is_spelled_otherwise_keeps_its_objects(
    tmp_path: Path, format: str, name: str, disk: str
) -> None:
    files = images_on_disk(paint(tmp_path, format, name))
    if not files:  # a packed format names no file
        return
    files[name].rename(files[name].with_name(disk))
    dataset = bboxprep.read(tmp_path, format)
    assert objects(dataset) == {disk: ["cat"], "other.png": ["dog"]}
    findings = Counter(finding.code for finding in all_findings(dataset))
    assert findings["name-differs"] <= 1
    assert set(findings) <= {"name-differs", "voc-origin-assumed", "voc-origin-decided"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the file systems do not tell case apart")
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_asks_the_one_lookup(tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = images_on_disk(paint(tmp_path, format, "Photo.png"))
    if not files:
        return
    files["Photo.png"].rename(files["Photo.png"].with_name("photo.png"))
    monkeypatch.setattr(ImageLookup, "find", lambda *_: Match())
    assert "cat" not in [name for names in objects(bboxprep.read(tmp_path, format)).values() for name in names]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the file systems do not tell case apart")
@pytest.mark.parametrize("format", FORMATS)
def test_of_several_images_that_fit_none_is_taken_and_none_is_background(tmp_path: Path, format: str) -> None:
    files = images_on_disk(paint(tmp_path, format, "aa.png"))
    if not files:
        return
    for name in ("Aa.png", "aA.png"):
        files["aa.png"].with_name(name).write_bytes(files["aa.png"].read_bytes())
    files["aa.png"].unlink()
    dataset = bboxprep.read(tmp_path, format)
    assert objects(dataset) == {"other.png": ["dog"]}
    faults = " ".join(str(finding) for finding in all_findings(dataset) if finding.severity == "fault")
    assert "Aa.png" in faults
    assert "aA.png" in faults


@pytest.mark.parametrize("format", FORMATS)
def test_an_image_of_another_kind_is_named_and_not_taken(tmp_path: Path, format: str) -> None:
    files = images_on_disk(paint(tmp_path, format, "a.png"))
    if not files:
        return
    files["a.png"].rename(files["a.png"].with_name("ab.png"))
    dataset = bboxprep.read(tmp_path, format)
    assert "cat" not in [name for names in objects(dataset).values() for name in names]
    assert [finding.code for finding in all_findings(dataset) if finding.severity == "fault"]


def paint(root: Path, format: str, name: str) -> Path:
    """A dataset of `format` at `root`: a cat in an image called `name`, a dog in another one."""
    images = [labelled(name, "cat"), labelled("other.png", "dog")]
    EXAMPLES[format].paint(root, LabelledDataset(("cat", "dog"), tuple(images)))
    return root


def labelled(name: str, category: str) -> LabelledImage:
    picture = Image.new("RGB", SIZE, (90, 90, 90))
    boxes = np.array([[4.0, 5.0, 20.0, 25.0]])
    return LabelledImage("train", name, encoded(picture, "png"), Size(*SIZE), boxes, (category,))


def images_on_disk(root: Path) -> dict[str, Path]:
    """The image files by name, without the pictures of segments, which have the same names."""
    return {path.name: path for path in root.rglob("*") if path.suffix == ".png" and "annotations" not in path.parts}


def objects(dataset: Dataset) -> dict[str, list[str]]:
    """The classes of the objects of each image that is there, by its name."""
    names = dataset.categories.names
    return {s.name.name: [names[label] for label in s.instances.labels] for s in dataset if s.header}


def all_findings(dataset: Dataset) -> list[bboxprep.Finding]:
    return [*dataset.findings, *(finding for sample in dataset for finding in sample.findings)]
