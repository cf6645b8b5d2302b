"""Light, contrast, detail, colours and small shifts: lies of each kind are told, and codecs believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.images.gray_levels import Gray
from bboxprep.verification.appearance import DETAIL, colour_faults, gray_faults, measure
from bboxprep.verification.whole_image import CoarsePair


def texture(seed: int, shape: tuple[int, int] = (128, 176)) -> Gray:
    """A picture with as much detail on every scale as photos have."""
    chance = np.random.default_rng(seed)
    scales = [2, 4, 8, 16, 32]
    layers = [cv2.resize(chance.standard_normal((n * 7, n * 10)), shape[::-1]) for n in (64, 32, 16, 8, 4)]
    picture = sum(layer * scale**0.5 for layer, scale in zip(layers, scales, strict=True))
    return _gray(128 + 12 * np.asarray(picture))


def _gray(values: Any) -> Gray:
    return np.asarray(np.rint(np.clip(values, 0, 255)), dtype=np.uint8)


def coded(gray: Gray, quality: int) -> Gray:
    data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return _gray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def codes(expected: Gray, actual: Gray, steps: tuple[str, ...] = (), quality: int = 95) -> set[str]:
    mask = np.ones(expected.shape, dtype=np.bool_)
    coarse = CoarsePair.of(expected, actual, mask)
    return {code for code, _, _ in gray_faults(expected, actual, mask, coarse, steps, quality)}


@settings(max_examples=5)
@given(seed=st.integers(0, 999), quality=st.integers(75, 100), offset=st.floats(-3, 3))
def test_what_a_codec_changes_is_believed(seed: int, quality: int, offset: float) -> None:
    gray = texture(seed)
    assert codes(gray, coded(_gray(gray + offset), quality)) == set()


LIES: list[tuple[str, Callable[[Gray], Gray]]] = [
    ("light-differs", lambda gray: _gray(gray * 0.7)),
    ("light-differs", lambda gray: _gray(gray + 20.0)),
    ("light-differs", lambda gray: _gray(128 + (gray - 128.0) * 0.5)),
    ("detail-lost", lambda gray: _gray(cv2.GaussianBlur(gray, (0, 0), 2.0))),
    ("detail-lost", lambda gray: coded(gray, 4)),
    ("image-shifted", lambda gray: np.roll(gray, 2, axis=0)),
    ("image-shifted", lambda gray: np.roll(gray, (2, -2), axis=(0, 1))),
]


@pytest.mark.parametrize("number", range(len(LIES)))
@settings(max_examples=5)
@given(seed=st.integers(0, 999))
def test_a_lie_is_told(number: int, seed: int) -> None:
    code, lie = LIES[number]
    assert code in codes(texture(seed), coded(lie(texture(seed)), 90))


def test_a_coarse_output_is_believed_where_its_quality_was_asked_for() -> None:
    assert codes(texture(1), coded(texture(1), 4), quality=4) == set()


@settings(max_examples=5)
@given(seed=st.integers(0, 999))
def test_of_a_faint_picture_lost_detail_is_told_where_little_may_change_it(seed: int) -> None:
    faint = _gray(128 + (texture(seed).astype(np.float32) - 128) * 0.06)
    seen = measure(faint, faint, np.ones(faint.shape, dtype=np.bool_), CoarsePair.of(faint, faint, faint > 0))
    assert seen is not None
    assert 1.0 < seen.detail < DETAIL
    for lie in (cv2.GaussianBlur(faint, (0, 0), 2.0), coded(faint, 4)):
        assert codes(faint, coded(_gray(lie), 95)) >= {"detail-lost"}
        assert "detail-lost" not in codes(faint, coded(_gray(lie), 95), ("exposure",))
    assert codes(faint, coded(faint, 95)) == codes(faint, coded(faint, 40), quality=40) == set()


def test_half_of_the_contrast_is_told_after_a_contrast_too() -> None:
    gray = texture(3)
    half = _gray(128 + (gray.astype(np.float32) - 128) * 0.5)
    assert codes(gray, coded(half, 95), ("contrast",)) == {"light-differs"}
    assert codes(gray, coded(half, 95), ("noise",)) == set()


def test_shifts_of_two_px_are_found_in_99_of_100_pictures_with_enough_detail() -> None:
    found = planted = 0
    chance = np.random.default_rng(5)
    for seed in range(110):
        gray, angle = texture(seed), chance.uniform(0, 2 * np.pi)
        move = np.array([[1, 0, 2.05 * np.cos(angle)], [0, 1, 2.05 * np.sin(angle)]])
        lying = coded(_gray(cv2.warpAffine(gray, move, gray.shape[::-1], borderMode=cv2.BORDER_REPLICATE)), 90)
        whole = np.ones(gray.shape, dtype=np.bool_)
        seen = measure(gray, lying, whole, CoarsePair.of(gray, lying, whole))
        assert seen
        planted += seen.detail >= DETAIL
        found += seen.detail >= DETAIL and "image-shifted" in codes(gray, lying)
    assert planted >= 100
    assert found >= 0.99 * planted


def test_colours_that_were_exchanged_or_lost_are_told() -> None:
    red, green, blue = texture(1, (40, 56)), texture(2, (40, 56)) * 0.6, texture(3, (40, 56)) * 0.8
    colours, mask = np.stack((red, green, blue), axis=-1).astype(np.uint8), np.ones((40, 56), dtype=np.bool_)
    gray = np.repeat(_gray(colours.mean(axis=-1, keepdims=True)), 3, axis=-1)
    assert not list(colour_faults(colours, _gray(colours * 0.9 + 5), mask))
    assert [code for code, _, _ in colour_faults(colours, colours[..., ::-1], mask)] == ["colours-differ"]
    assert [code for code, _, _ in colour_faults(colours, gray, mask)] == ["colours-differ"]
    assert not list(colour_faults(gray, gray[..., ::-1], mask))
