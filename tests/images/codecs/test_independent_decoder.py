from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.images.codecs.independent_decoder import (
    Gray,
    correlations,
    decode_displayed,
    decode_with_opencv,
    read_pillow_header,
    shrunk,
    warped,
)
from bboxprep.images.header import read_header
from bboxprep.testing.painting import CONTAINERS, bright_box, painted_image
from tests.images.iso_files import iso_file

BOX = (14.0, 11.0, 33.0, 37.0)
SIZE = (62, 47)


def apart(one: Gray, other: Gray) -> int:
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("code", range(1, 9))
def test_both_eyes_see_the_upright_picture(tmp_path: Path, code: int, container: str) -> None:
    image = painted_image(code, container, "displayed", SIZE, BOX)
    path = tmp_path / image.name
    path.write_bytes(image.data)
    header = read_header(path)
    seen = read_pillow_header(path, header.container)
    assert (seen.stored, seen.orientation, seen.displayed) == (header.size, code, Size(*SIZE))
    by_pillow = decode_displayed(path, header.container).gray
    assert bright_box(np.repeat(by_pillow[..., None], 3, axis=2)) == BOX
    if container in ("jpg", "png"):
        assert apart(decode_with_opencv(path, header.container).gray, by_pillow) < 6


def test_deep_and_transparent_pixels_are_shown(tmp_path: Path) -> None:
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 900).save(tmp_path / "deep.png")
    deep = decode_displayed(tmp_path / "deep.png", "png").gray
    assert (deep.min(), deep.max()) == (0.0, 255.0)
    Image.new("RGBA", (4, 3), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    for background in ((255, 255, 255), (0, 0, 0)):
        shown = decode_displayed(tmp_path / "clear.png", "png", image_policy=ImagePolicy(background=background)).gray
        assert (shown == background[0]).all()


@pytest.mark.parametrize("own", range(1, 9))
@pytest.mark.parametrize("exif", [None, 1, 6])
@pytest.mark.parametrize("xmp", [None, 1, 8])
def test_the_container_alone_turns_an_avif(tmp_path: Path, own: int, exif: int | None, xmp: int | None) -> None:
    path = tmp_path / "photo.avif"
    path.write_bytes(iso_file("avif", own, exif, xmp=xmp))
    header, seen = read_header(path), read_pillow_header(path, "avif")
    assert (seen.stored, seen.orientation, seen.displayed) == (header.size, own, header.displayed)
    gray = decode_displayed(path, "avif").gray
    plain = tmp_path / "plain.avif"
    plain.write_bytes(iso_file("avif", own))
    np.testing.assert_array_equal(gray, decode_displayed(plain, "avif").gray)


def test_a_broken_file_is_our_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    for call in (read_pillow_header, decode_displayed, decode_with_opencv):
        with pytest.raises(ImageError):
            call(path, "jpeg")


def test_a_warp_keeps_the_convention_of_edges() -> None:
    ramp = np.tile(np.arange(40, dtype=np.float32) + np.float32(0.5), (30, 1))  # each pixel holds its own centre
    matrix = np.array([(-0.5, 0, 20), (0, 2.0, 3), (0, 0, 1)])
    out = warped(ramp, matrix, Size(20, 60))
    x = np.arange(20) + 0.5
    np.testing.assert_allclose(out[30, 1:-1], ((20 - x) / 0.5)[1:-1], atol=1e-3)


def test_correlation_of_a_flat_window_is_none() -> None:
    flat = np.full((9, 9), 4, dtype=np.uint8)
    assert (np.abs(correlations(flat, flat[:3, :3])) <= 1).all()
    assert shrunk(flat, Size(3, 3)).shape == (3, 3)


@pytest.mark.parametrize("by", [2, 4, 8])
@pytest.mark.parametrize("code", range(1, 9))
@pytest.mark.parametrize("container", ["jpg", "png"])
def test_both_eyes_see_the_picture_reduced_where_it_lies(tmp_path: Path, container: str, code: int, by: int) -> None:
    box, size = (16.0, 8.0, 96.0, 64.0), (128, 80)
    image = painted_image(code, container, "displayed", size, box)
    path = tmp_path / image.name
    path.write_bytes(image.data)
    kind = read_header(path).container
    small = decode_displayed(path, kind, shrink=1.0 / by)
    assert small.by == (by if container == "jpg" else 1)
    want = shrunk(decode_displayed(path, kind).gray, Size(size[0] // by, size[1] // by))
    found = small.gray if small.by > 1 else shrunk(small.gray, Size(size[0] // by, size[1] // by))
    assert apart(found, want) < 12
    assert apart(decode_with_opencv(path, kind, by=by).gray, want) < 12


def test_a_picture_is_never_reduced_to_a_part_of_a_pixel(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (100, 60)).save(path)
    assert [decode_displayed(path, "jpeg", shrink=shrink).by for shrink in (0.1, 0.25, 0.26, 0.5, 0.51)] == [
        4,
        4,
        2,
        2,
        1,
    ]


@given(x=st.integers(0, 9), y=st.integers(0, 9), right=st.integers(0, 9), bottom=st.integers(0, 9))
def test_a_move_by_whole_pixels_is_the_warp(x: int, y: int, right: int, bottom: int) -> None:
    gray = np.random.default_rng(x).uniform(0, 255, (12, 17)).astype(np.float32)
    size = Size(17 + x + right, 12 + y + bottom)
    moved = warped(gray, np.array([(1.0, 0, x), (0, 1, y), (0, 0, 1)]), size)
    nearly = warped(gray, np.array([(1.0, 0, x + 2e-6), (0, 1, y), (0, 0, 1)]), size)
    np.testing.assert_allclose(moved, nearly, atol=1e-2)
