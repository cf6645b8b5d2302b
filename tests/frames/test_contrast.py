from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import ImageError
from bboxprep.frames.contrast import LONG_SIDE, contrast, contrast_features_of, read_small
from bboxprep.frames.likelihood import MEASURES, SIMILAR
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.header import read_header
from tests.frames.scenes import turned
from tests.strategies import dihedrals

Pixels = NDArray[np.uint8]
UNIT = Size(1, 1)


def scene(seed: int, width: int, height: int, *, gray: bool = False) -> tuple[Pixels, NDArray[np.float64]]:
    """Speckled things on a plain ground, and the boxes around them with a margin, as fractions."""
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), random.integers(0, 256, 3), dtype=np.uint8)
    boxes = []
    for _ in range(random.integers(1, 4)):
        x, y = random.uniform(0.0, 0.6, 2)
        wide, high = random.uniform(0.1, 0.35, 2)
        rows, columns = slice(int(y * height), int((y + high) * height)), slice(int(x * width), int((x + wide) * width))
        pixels[rows, columns] = random.integers(0, 256, pixels[rows, columns].shape)
        boxes.append((x - 0.02 * wide, y - 0.02 * high, x + 1.02 * wide, y + 1.02 * high))
    return (pixels[..., 0] if gray else pixels), np.array(boxes)


@given(st.integers(0, 999), dihedrals(), st.integers(20, 90), st.integers(20, 90), st.booleans())
def test_turning_picture_and_boxes_together_changes_nothing(
    seed: int, turn: Dihedral, width: int, height: int, gray: bool
) -> None:
    pixels, boxes = scene(seed, width, height, gray=gray)
    before = contrast(contrast_features_of(pixels), boxes[None])
    after = contrast(contrast_features_of(turned(pixels, turn)), map_boxes(turn.affine(UNIT), boxes)[None])
    assert after == pytest.approx(before, abs=1e-6)


@given(st.integers(0, 999), st.integers(0, 99))
def test_the_order_of_boxes_and_of_readings_does_not_matter(seed: int, shuffle: int) -> None:
    pixels, boxes = scene(seed, 60, 40)
    random, features = np.random.default_rng(shuffle), contrast_features_of(pixels)
    readings = np.stack([boxes, 1.0 - boxes[:, [2, 3, 0, 1]]])
    measured = contrast(features, readings)
    assert contrast(features, readings[::-1]) == pytest.approx(measured[::-1], abs=1e-9)
    assert contrast(features, readings[:, random.permutation(len(boxes))]) == pytest.approx(measured, abs=1e-9)


@given(st.integers(0, 999), st.integers(5, 30), st.integers(5, 30), st.integers(12, 20), st.integers(12, 20))
def test_a_box_around_a_thing_measures_more_than_the_same_box_on_the_plain_ground(
    seed: int, x: int, y: int, wide: int, high: int
) -> None:
    random = np.random.default_rng(seed)
    pixels = np.full((100, 120, 3), random.integers(0, 256, 3), dtype=np.uint8)
    pixels[y : y + high, x : x + wide] = random.integers(0, 256, (high, wide, 3))
    box = np.array([[x - 1, y - 1, x + wide + 1, y + high + 1]]) / (120, 100, 120, 100)
    around, beside = contrast(contrast_features_of(pixels), np.stack([box, 1.0 - box[:, [2, 3, 0, 1]]]))
    assert (around > beside).all()


@given(st.integers(0, 999))
def test_the_gist_tells_frames_of_a_film_from_other_pictures(seed: int) -> None:
    random = np.random.default_rng(seed)
    clouds = [Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8)).resize((100, 80)) for _ in range(2)]
    first, other = (np.asarray(cloud) for cloud in clouds)
    moved = np.clip(first[2:78, 3:97] * 0.9 + random.normal(0.0, 3.0, (76, 94, 3)), 0, 255).astype(np.uint8)
    thumbnail = np.array([contrast_features_of(picture).thumbnail for picture in (first, moved, other)])
    assert np.linalg.norm(thumbnail, axis=1) == pytest.approx(1.0)
    assert thumbnail[0] @ thumbnail[1] > SIMILAR > thumbnail[0] @ thumbnail[2]


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 3)])
@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5), (-9.0, 2.0, 9.0, 3.0), (0.2, 0.2, 0.3, 0.3)]
)
def test_odd_pictures_and_boxes_measure_something_finite(size: tuple[int, int], box: tuple[float, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    measured = contrast(contrast_features_of(pixels), np.array([[box]]))
    assert measured.shape == (1, len(MEASURES))
    assert np.isfinite(measured).all()


def test_a_plain_picture_measures_the_same_everywhere() -> None:
    features = contrast_features_of(np.full((40, 60, 3), 90, np.uint8))
    here, there = contrast(features, np.array([[[0.1, 0.1, 0.4, 0.3]], [[0.6, 0.7, 0.9, 0.9]]]))
    assert here == pytest.approx(there, abs=1e-6)
    assert here == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_file_is_looked_at_as_stored_and_small(tmp_path: Path, suffix: str) -> None:
    pixels, boxes = scene(3, 1000, 700)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(pixels).save(path, exif=exif)
    pixels = read_small(path, read_header(path))
    height, width = pixels.shape[:2]
    assert (width, height) == (LONG_SIDE, round(LONG_SIDE * 0.7))
    with Image.open(path) as image:
        small = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    measured, wanted = (contrast(contrast_features_of(each), boxes[None]) for each in (pixels, small))
    assert measured == pytest.approx(wanted, abs=0.1)


def test_a_picture_that_cannot_be_decoded_is_an_image_error(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(scene(3, 100, 70)[0]).save(path)
    header = read_header(path)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ImageError):
        read_small(path, header)
