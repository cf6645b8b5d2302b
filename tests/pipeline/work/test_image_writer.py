from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs import lossless
from bboxprep.images.codecs.codec import Encoding
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep
from bboxprep.recipe.recipe import Recipe
from tests.images import specimens
from tests.images.specimens import EXIF_HEADER, saved, tiff_block

SIZE = Size(96, 64)
needs_jpegtran = pytest.mark.skipif(lossless.find_jpegtran() is None, reason="no jpegtran on this machine")


def photo(orientation: int, size: Size = SIZE, **how: object) -> bytes:
    return saved("JPEG", specimens.card(size), exif=EXIF_HEADER + tiff_block(orientation), **how)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One photo of every kind, each with a label."""
    photos = {
        "plain.jpg": photo(1),
        "odd.jpg": photo(9),
        "whole.jpg": photo(6),
        "ragged.jpg": photo(6, Size(90, 61)),
        "turned.png": saved("PNG", specimens.card(SIZE), exif=EXIF_HEADER + tiff_block(6)),
    }
    for folder in ("images", "labels"):
        (tmp_path / "source" / folder / "train").mkdir(parents=True)
    for name, data in photos.items():
        (tmp_path / "source" / "images" / "train" / name).write_bytes(data)
        label = tmp_path / "source" / "labels" / "train" / f"{Path(name).stem}.txt"
        label.write_text("0 0.5 0.5 0.2 0.2\n", encoding="utf-8")
    (tmp_path / "source" / "data.yaml").write_text("names: [thing]\ntrain: images/train\n", encoding="utf-8")
    return tmp_path / "source"


@pytest.fixture
def no_jpegtran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("PATH", str(tmp_path))
    lossless.find_jpegtran.cache_clear()
    yield
    lossless.find_jpegtran.cache_clear()


def converted(root: Path, *steps: RecipeStep, quality: int | None = None, out: str = "out") -> Outcome:
    run_options = RunOptions(encoding=Encoding(quality))
    return convert_source(open_source(root), root.parent / out, "yolo", Recipe(*steps), run_options=run_options)


def made(outcome: Outcome) -> dict[str, str]:
    assert outcome.dest is not None
    rows = map(json.loads, (outcome.dest / "bboxprep.images.jsonl").read_text("utf-8").splitlines())
    by_name = {Path(row["source"]).name: row["made"] for row in rows}
    record = json.loads((outcome.dest / "bboxprep.json").read_text("utf-8"))
    assert record["images_made"] == {way: list(by_name.values()).count(way) for way in sorted({*by_name.values()})}
    assert record["images_made"] == outcome.account.made
    return by_name


@needs_jpegtran
def test_the_record_says_of_each_picture_how_it_was_made(root: Path) -> None:
    outcome = converted(root)
    assert made(outcome) == {
        "plain.jpg": "copied",
        "odd.jpg": "untagged",
        "whole.jpg": "turned-lossless",
        "ragged.jpg": "turned-re-encoded",
        "turned.png": "encoded",
    }
    tool = lossless.find_jpegtran()
    assert tool is not None
    assert outcome.dest is not None
    assert json.loads((outcome.dest / "bboxprep.json").read_text("utf-8"))["versions"]["jpegtran"] == tool.version


def test_without_jpegtran_photos_are_encoded_again_and_no_version_is_claimed(root: Path, no_jpegtran: None) -> None:
    outcome = converted(root)
    assert made(outcome)["whole.jpg"] == made(outcome)["ragged.jpg"] == "turned-re-encoded"
    assert outcome.dest is not None
    assert "jpegtran" not in json.loads((outcome.dest / "bboxprep.json").read_text("utf-8"))["versions"]


@needs_jpegtran
def test_a_mirror_alone_is_a_turn_too(root: Path) -> None:
    assert made(converted(root, Flip("horizontal")))["plain.jpg"] == "turned-lossless"


@needs_jpegtran
def test_a_photo_that_only_gets_a_margin_keeps_its_coefficients(root: Path) -> None:
    ways = made(converted(root, Letterbox(96)))
    assert (ways["plain.jpg"], ways["whole.jpg"], ways["turned.png"]) == (
        "padded-lossless",
        "padded-lossless",
        "encoded",
    )
    assert made(converted(root, Letterbox(96), quality=90, out="asked"))["plain.jpg"] == "encoded"


def test_a_run_counts_the_sizes_that_it_chooses(root: Path) -> None:
    outcome = converted(root, Letterbox(sizes=((96, 64), (64, 96))))
    assert outcome.account.sizes == {"96x64": 2, "64x96": 3}
    assert outcome.dest is not None
    assert json.loads((outcome.dest / "bboxprep.json").read_text("utf-8"))["images_sized"] == {"64x96": 3, "96x64": 2}
    assert converted(root, Letterbox((96, 64)), out="one").account.sizes == {}


def test_any_other_step_or_a_quality_that_is_asked_for_encodes_anew(root: Path) -> None:
    assert set(made(converted(root, Letterbox((32, 32)))).values()) == {"encoded"}
    asked = made(converted(root, quality=95, out="asked"))
    assert {name for name, way in asked.items() if way == "encoded"} == {"whole.jpg", "ragged.jpg", "turned.png"}


@needs_jpegtran
def test_both_ways_keep_the_same_metadata_and_show_the_same_picture(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_tool = converted(root)
    monkeypatch.setenv("PATH", "")
    lossless.find_jpegtran.cache_clear()
    without = converted(root, out="without")
    lossless.find_jpegtran.cache_clear()
    pictures = []
    for outcome in (with_tool, without):
        assert outcome.dest is not None
        with Image.open(outcome.dest / "images" / "train" / "whole.jpg") as image:
            assert image.getexif()[274] == 1
            pictures.append((image.info["exif"], np.asarray(image).astype(int)))
    assert pictures[0][0] == pictures[1][0]
    assert pictures[0][1].shape == (96, 64, 3)
    assert np.abs(pictures[0][1] - pictures[1][1]).mean() < 2


def test_a_truncated_photo_is_found_with_and_without_jpegtran(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = root / "images" / "train" / "whole.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    first = converted(root).account.findings
    monkeypatch.setenv("PATH", "")
    lossless.find_jpegtran.cache_clear()
    second = converted(root, out="without").account.findings
    lossless.find_jpegtran.cache_clear()
    assert first == second
    assert "image-unreadable" in {finding.code for finding in first}


def exchanged(path: Path, how: str) -> None:
    """Put something else in the place of the image at `path`."""
    path.unlink()
    if how == "link":
        (path.parents[3] / "secret.txt").write_text("secret", encoding="utf-8")
        path.symlink_to(path.parents[3] / "secret.txt")
    elif how == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(photo(1, Size(64, 48)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("how", ["link", "pipe", "size"])
@pytest.mark.parametrize("images", ["copy", "link", "symlink", "pixels"])
def test_an_image_that_is_exchanged_after_the_survey_is_told_and_left_out(
    root: Path, tmp_path: Path, how: str, images: str
) -> None:
    source = open_source(root, labels_in="displayed")
    exchanged(root / "images" / "train" / "plain.jpg", how)
    recipe, placement = (Recipe(Letterbox(48)), "copy") if images == "pixels" else (Recipe(), images)
    options = RunOptions(images=placement)  # type: ignore[arg-type]
    outcome = convert_source(source, tmp_path / "out", "yolo", recipe, run_options=options)
    (fault,) = (one for one in outcome.account.findings if one.code in ("image-unreadable", "image-unread"))
    assert fault.path == "images/train/plain.jpg"
    written = sorted(path.name for path in (tmp_path / "out" / "images").rglob("*.*"))
    assert written == ["odd.jpg", "ragged.jpg", "turned.png", "whole.jpg"]
