"""Stretched and equalised histograms against OpenCV, Pillow and numpy, and with margins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bboxprep.geometry.affine import Size
from bboxprep.images.effects import histograms
from bboxprep.images.effects.apply import effects_applied, grayscale, seen_of
from bboxprep.model.rendering import Effect, Rendering

Pixels = NDArray[np.uint8]
RANDOM = np.random.default_rng(3)
COLOUR: Pixels = np.clip(RANDOM.normal((90, 110, 140), (20, 12, 30), (47, 61, 3)), 0, 255).astype(np.uint8)
GRAY = grayscale(COLOUR, 1)
EFFECTS = (
    Effect("contrast_stretch", (("low", 2.0), ("high", 98.0))),
    Effect("auto_contrast", (("cutoff", 1.0),)),
    Effect("equalize"),
    Effect("clahe", (("clip", 2.0), ("tiles", 4))),
)


def test_gray_images_are_as_opencv_makes_them() -> None:
    np.testing.assert_array_equal(histograms.equalize(GRAY, GRAY), cv2.equalizeHist(GRAY))
    for clip, tiles in ((2.0, 8), (40.0, 3), (0.0, 1)):
        expected = cv2.createCLAHE(clip, (tiles, tiles)).apply(GRAY)
        np.testing.assert_array_equal(histograms.clahe(GRAY, GRAY, clip, tiles), expected)


@pytest.mark.parametrize("cutoff", [0.0, 5.0])
def test_auto_contrast_is_that_of_pillow_rounded(cutoff: float) -> None:
    expected = np.asarray(ImageOps.autocontrast(Image.fromarray(COLOUR), cutoff))
    found = histograms.auto_contrast(COLOUR, cutoff)
    steps = 255.0 / np.ptp(COLOUR.reshape(-1, 3), axis=0).min()  # of one level that Pillow cuts off elsewhere
    assert np.abs(found.astype(int) - expected).max() <= (1 if cutoff == 0.0 else 2 * steps)
    np.testing.assert_array_equal(np.ptp(found.reshape(-1, 3), axis=0), 255)


def stretched_by_numpy(pixels: Pixels, low: float, high: float) -> Pixels:
    first, last = np.percentile(pixels, (low, high))
    return np.asarray(np.rint(np.clip((pixels - first) * (255.0 / (last - first)), 0, 255)).astype(np.uint8))


@pytest.mark.parametrize(("low", "high"), [(2.0, 98.0), (0.0, 100.0), (13.7, 71.3)])
def test_a_stretch_is_between_the_percentiles_of_all_channels(low: float, high: float) -> None:
    np.testing.assert_array_equal(histograms.stretch(COLOUR, low, high), stretched_by_numpy(COLOUR, low, high))


@pytest.mark.parametrize("change", [histograms.equalize, partial(histograms.clahe, clip=2.0, tiles=4)])
def test_colours_keep_their_distance_from_the_luma(change: Callable[[Pixels, Pixels], Pixels]) -> None:
    found = change(COLOUR, GRAY).astype(int)
    whole = ((found > 0) & (found < 255)).all(axis=2)
    gains = (found - COLOUR)[whole]
    assert whole.mean() > 0.5
    np.testing.assert_array_equal(gains[:, 1:], gains[:, :-1])


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
@pytest.mark.parametrize("pixels", [COLOUR, GRAY], ids=["colour", "gray"])
def test_a_margin_does_not_count_and_stays(effect: Effect, pixels: Pixels) -> None:
    rendering, (height, width) = Rendering(effects=(effect,)), pixels.shape[:2]
    canvas = np.zeros((height + 30, width + 20, *pixels.shape[2:]), dtype=np.uint8)
    canvas[10 : 10 + height, 5 : 5 + width] = pixels
    ring = np.array([(5, 10), (5 + width, 10), (5 + width, 10 + height), (5, 10 + height)], dtype=np.float64)
    for outline in (ring, ring[::-1]):
        found = effects_applied(canvas, rendering, outline)
        np.testing.assert_array_equal(found[10 : 10 + height, 5 : 5 + width], effects_applied(pixels, rendering))
        found[10 : 10 + height, 5 : 5 + width] = 0
        assert not found.any()
    assert (
        effects_applied(canvas, rendering)[10 : 10 + height, 5 : 5 + width] != effects_applied(pixels, rendering)
    ).any()


def test_what_is_seen_of_a_turned_image() -> None:
    seen = seen_of(Size(20, 20), np.array([(10, 0), (20, 10), (10, 20), (0, 10)], dtype=np.float64))
    assert seen is not None
    assert [bool(seen[place, place]) for place in (10, 1, 18)] == [True, False, False]
    assert seen.sum() == pytest.approx(200, abs=20)
    assert seen_of(Size(4, 3), np.array([(0, 0), (4, 0), (4, 3), (0, 3)], dtype=np.float64)) is None


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 2)])
def test_plain_and_tiny_images_stay_images(effect: Effect, size: tuple[int, int]) -> None:
    for shape in (size, (*size, 3)):
        plain = np.full(shape, 77, dtype=np.uint8)
        assert effects_applied(plain, Rendering(effects=(effect,))).shape == shape
    if effect.name != "clahe":
        np.testing.assert_array_equal(effects_applied(plain, Rendering(effects=(effect,))), plain)
