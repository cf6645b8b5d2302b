from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from bboxprep.io.safe_names import safe_path
from bboxprep.pipeline.source.open import open_source
from bboxprep.review.build import plan_review
from bboxprep.testing.painting import bright_box
from tests.conftest import Guard, state_of
from tests.painted import label
from tests.review.sites import BROKEN, FIXTURES, QUOTED, SCRIPT, VAN, hostile, loaded, prepared, site

BOX = (70.0, 40.0, 150.0, 200.0)


@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_before_and_after_each_have_their_box_on_the_painted_thing(frame: str, tmp_path: Path) -> None:
    source = label(tmp_path / "source", "coco", frame, (320, 240), BOX)
    out = prepared(source, tmp_path / "out", to="yolo")
    root = site(out, tmp_path / "site", against=source, workers=2)
    _, cards = loaded(root, "0000")
    assert len(cards) == 32
    for card in cards:
        for side in (card["before"], card["after"]):
            with Image.open(root / side["view"]) as view:
                assert list(view.size) == side["size"]
                found = bright_box(np.asarray(view))
            assert np.abs(np.subtract(side["objects"][0]["b"], found)).max() <= 1.0
        assert card["before"]["objects"][0]["b"] == list(BOX)


def test_the_site_is_the_same_bytes_whoever_makes_it(tmp_path: Path) -> None:
    source = hostile(tmp_path / "source")
    out = prepared(source, tmp_path / "out")
    one, two = (site(out, tmp_path / f"site{n}", against=source, workers=n) for n in (1, 2))
    assert {name: digest for name, (_, digest) in state_of(one).items()} == {
        name: digest for name, (_, digest) in state_of(two).items()
    }


def test_output_and_source_are_left_alone(tmp_path: Path, untouched: Guard) -> None:
    source = untouched(hostile(tmp_path / "source"))
    out = untouched(prepared(source, tmp_path / "out"))
    site(out, tmp_path / "site", against=source)


def test_every_image_and_class_is_there_by_its_own_name(tmp_path: Path) -> None:
    source = hostile(tmp_path / "source")
    root = site(prepared(source, tmp_path / "out"), tmp_path / "site", against=source)
    (index,) = loaded(root, "index")
    names = [str(sample.name) for sample in open_source(source).dataset]
    assert sorted(index["name"]) == sorted(str(safe_path(PurePosixPath(name))) for name in names)
    assert index["name"][0] == BROKEN
    assert index["thumb"][0] == 0
    assert QUOTED in index["name"]
    page = (root / "index.html").read_text(encoding="utf-8")
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page


def test_colours_follow_the_names_when_numbers_differ(tmp_path: Path) -> None:
    source = hostile(tmp_path / "source")
    out = prepared(source, tmp_path / "out", to="voc")
    review = plan_review(out, against=source)
    assert [category.name for category in review.classes][:1] == [review.out.dataset.categories.names[0]]
    assert {SCRIPT, VAN, "traffic sign"} == {category.name for category in review.classes}
    root = site(out, tmp_path / "site", against=source)
    (index,) = loaded(root, "index")
    _, cards = loaded(root, "0000")
    card = cards[index["name"].index("IMG_2012.jpg")]
    assert [each["c"] for each in card["before"]["objects"]] == [each["c"] for each in card["after"]["objects"]]


def test_a_dataset_of_somebody_else_has_one_picture_an_image(tmp_path: Path) -> None:
    source = label(tmp_path / "source", "voc", "displayed", (62, 47), (14, 11, 33, 37))
    root = site(source, tmp_path / "site")
    _, cards = loaded(root, "0000")
    assert all(card["before"] is None for card in cards)
    assert all(card["after"]["objects"][0]["b"] == [14, 11, 33, 37] for card in cards)
    assert not list((root / "pictures").rglob("*-before.jpg"))


def test_names_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    source = label(tmp_path / "source", "yolo", "displayed", (62, 47), (14, 11, 33, 37))
    labels = source / "data.yaml"
    labels.write_text(labels.read_text(encoding="utf-8").replace("patch", '"half \\ud83d"'), encoding="utf-8")
    assert open_source(source).dataset.categories.names == ("half \\ud83d",)
    root = site(source, tmp_path / "site")
    assert "half \\ud83d" in (root / "index.html").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file name is always text")
def test_a_file_name_that_is_no_text_does_no_harm(tmp_path: Path) -> None:
    source = label(tmp_path / "source", "yolo", "displayed", (62, 47), (14, 11, 33, 37))
    for path in (source / "images" / "train" / "jpg-1.jpg", source / "labels" / "train" / "jpg-1.txt"):
        path.rename(path.with_stem("\udcff"))
    (index,) = loaded(site(source, tmp_path / "site"), "index")
    assert "\\udcff.jpg" in index["name"]


def test_what_is_there_is_counted_whatever_the_record_says(tmp_path: Path) -> None:
    out = prepared(FIXTURES / "phone-photos-coco", tmp_path / "out")
    next(out.rglob("IMG_2003.jpg")).unlink()
    text = (site(out, tmp_path / "site") / "index.html").read_text(encoding="utf-8")
    said = '<dt>Images</dt><dd>11</dd><dd class="of">of 12 read; 1 written and not there any more</dd>'
    assert said in text
