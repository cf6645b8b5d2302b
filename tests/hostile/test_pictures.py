from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hostile import pictures, watching
from tests.hostile.pictures import UNREADABLE, Pictures
from tests.images import specimens

LARGE = (4000, 3000)
BASE = 400  # MiB; a run over one small picture takes a third of it


@pytest.mark.parametrize(
    "made", [pictures.broken(), pictures.odd(), pictures.harmful()], ids=["broken", "odd", "harmful"]
)
def test_every_bad_picture_is_written_or_told_and_its_objects_with_it(tmp_path: Path, made: Pictures) -> None:
    source, dest = pictures.sown(tmp_path / "in", made), tmp_path / "out"
    ended = watching.convert(source, dest, "--letterbox", 32, "--kernel", "nearest")
    record = watching.record_of(dest)
    skipped = sorted(name for name, (_, code) in made.items() if code)
    reasons = {
        row["path"].rpartition("/")[2]: row["code"]
        for row in record["findings"]
        if row["code"] in {UNREADABLE, pictures.REFUSED}
    }
    assert reasons == {name: made[name][1] for name in skipped}
    lost = [row for row in record["findings"] if row["code"] == "image-skipped"]
    assert sum(row["objects"] for row in lost) == len(skipped)
    (split,) = record["splits"]
    assert (split["images_in"], split["images_out"]) == (len(made) + 1, len(made) + 1 - len(skipped))
    assert (split["objects_in"], split["objects_out"]) == (len(made) + 1, len(made) + 1 - len(skipped))
    assert ended.code == int(bool(skipped))
    assert ended.peak < BASE


@pytest.mark.parametrize("name", sorted(pictures.harmful()))
def test_a_harmful_picture_is_refused_where_the_bytes_are_kept_too(tmp_path: Path, name: str) -> None:
    source = pictures.sown(tmp_path / "in", {name: pictures.harmful()[name]})
    ended = watching.convert(source, tmp_path / "out", to="yolo")
    assert watching.codes_of(tmp_path / "out")[UNREADABLE] == int(name != "strip.tif")  # which nobody decodes here
    assert ended.peak < BASE


def test_the_limit_on_pixels_is_the_user_s_to_set(tmp_path: Path) -> None:
    source = pictures.sown(tmp_path / "in", {"large.png": (specimens.saved("PNG", specimens.card(), dpi=(1, 1)), "")})
    ended = watching.convert(source, tmp_path / "all", "--max-pixels", 64 * 40)
    assert (ended.code, watching.codes_of(tmp_path / "all")[UNREADABLE]) == (0, 0)
    ended = watching.convert(source, tmp_path / "none", "--max-pixels", 64 * 40 - 1)
    assert ended.code == 2
    assert "none of 2 images can be read" in ended.said
    assert "--max-pixels allows more" in ended.said
    assert not (tmp_path / "none").exists()
    seen = watching.run("inspect", source, "--max-pixels", 9, inside=[source], writable=[tmp_path / "none"])
    assert seen.code == 2  # nothing of it can be read
    assert "too large (have 64x40 = 2,560 pixels, want at most 9" in seen.said
    ended = watching.run("verify", source, "--max-pixels", 9, inside=[source], writable=[tmp_path / "none"])
    assert "too large" in ended.said


@pytest.mark.parametrize(
    ("name", "most"),
    [("rgb.png", 16), ("rgba.png", 16), ("turned.jpg", 16), ("cmyk.jpg", 16), ("rgba.webp", 16), ("deep.png", 32)],
)
def test_memory_is_bounded_by_what_the_header_promised(tmp_path: Path, name: str, most: int) -> None:
    small = pictures.sown(tmp_path / "small", {})
    large = pictures.sown(tmp_path / "large", {name: (pictures.large(name, *LARGE), "")})
    options = ("--resize", f"{LARGE[0]}x{LARGE[1]}", "--flip", "horizontal", "--depth16", "minmax")
    before = watching.convert(small, tmp_path / "one", *options)
    ended = watching.convert(large, tmp_path / "two", *options)
    assert (before.code, ended.code) == (0, 0), ended.said
    assert (ended.peak - before.peak) * 2**20 < most * LARGE[0] * LARGE[1]


def test_memory_is_bounded_where_colours_change_too(tmp_path: Path) -> None:
    peaks = []
    for name, made in (("small", {}), ("large", {"rgb.png": (pictures.large("rgb.png", *LARGE), "")})):
        source = pictures.sown(tmp_path / name, made)
        (source / "colours.yaml").write_text("- hue: 20\n- saturation: 1.2\n- contrast: 1.2\n- blur: 2\n", "utf-8")
        ended = watching.convert(source, tmp_path / f"{name}-out", "--recipe", source / "colours.yaml")
        assert ended.code == 0, ended.said
        peaks.append(ended.peak)
    assert (peaks[1] - peaks[0]) * 2**20 < 32 * LARGE[0] * LARGE[1]


def test_a_file_far_larger_than_its_picture_is_not_read_whole(tmp_path: Path) -> None:
    source = pictures.sown(tmp_path / "in", {"tail.jpg": (specimens.oriented_file("jpeg", 6), UNREADABLE)})
    os.truncate(source / "images" / "tail.jpg", 1 << 30)
    ended = watching.convert(source, tmp_path / "out", to="voc")
    assert watching.codes_of(tmp_path / "out")[UNREADABLE] == 1
    assert "have 1,073,741,824 bytes for an image of 64x40" in ended.said
    assert ended.peak < BASE


def test_a_mask_far_larger_than_its_picture_is_not_decoded(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for folder in ("JPEGImages", "Annotations", "SegmentationObject"):
        (root / folder).mkdir(parents=True)
    (root / "JPEGImages" / "a.png").write_bytes(specimens.oriented_file("png", 1))
    (root / "SegmentationObject" / "a.png").write_bytes(pictures.one_bit_png(13_000, 13_000))
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    text = f"<annotation><object><name>cat</name>{box}</object></annotation>"
    (root / "Annotations" / "a.xml").write_text(text, encoding="utf-8")
    ended = watching.convert(root, tmp_path / "out")
    assert watching.codes_of(tmp_path / "out")["mask-misfit"] == 1
    assert ended.peak < BASE
