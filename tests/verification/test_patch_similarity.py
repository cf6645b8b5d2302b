"""Masked correlation against the plain one, and against itself written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.images.codecs import independent_decoder
from bboxprep.images.codecs.independent_decoder import Gray, agreement, blurred
from bboxprep.verification.patch_similarity import LEAST_SHARE, PatchVerdict, compare, masked_correlations
from bboxprep.verification.whole_image import CoarsePair, TurnMatch, match_turn, turned

RANDOM = np.random.default_rng(5)
CANVAS = (240, 320)
WHOLE = np.ones(CANVAS, dtype=np.bool_)


def textured(seed: int = 1, sigma: float = 3.0) -> Gray:
    noise = np.random.default_rng(seed).normal(0, 60 * sigma, CANVAS).astype(np.float32)
    return levels(blurred(noise, sigma) + 128)


def levels(values: Any) -> Gray:
    return np.asarray(np.rint(np.clip(values, 0, 255)), dtype=np.uint8)


PICTURE = textured()


@settings(max_examples=20)
@given(x=st.integers(0, 200), y=st.integers(0, 140), side=st.integers(16, 90), gain=st.floats(0.3, 1.3))
def test_a_patch_is_itself_in_any_light(x: int, y: int, side: int, gain: float) -> None:
    likeness = compare(PICTURE, levels((PICTURE - 128.0) * gain + 120), (x, y, x + side, y + side), (0, 0))
    assert likeness.verdict is PatchVerdict.SAME
    assert likeness.score > 0.99


@settings(max_examples=20)
@given(x=st.integers(20, 180), y=st.integers(20, 120), side=st.integers(20, 90), step=st.sampled_from([-10, 10]))
def test_a_patch_beside_its_place_is_told_with_how_far(x: int, y: int, side: int, step: int) -> None:
    actual = np.roll(PICTURE, step, axis=1)
    likeness = compare(PICTURE, actual, (x, y, x + side, y + side), (0, 0))
    assert likeness.verdict is PatchVerdict.SHIFTED
    assert likeness.shift == (step, 0)


def test_noise_and_a_weaker_codec_are_no_fault() -> None:
    noisy = levels(PICTURE + RANDOM.normal(0, 6, CANVAS))
    assert compare(PICTURE, noisy, (40, 40, 120, 120), (0, 0)).verdict is PatchVerdict.SAME


@pytest.mark.parametrize("picture", [np.full(CANVAS, 90, dtype=np.uint8), np.tile(PICTURE[:1], (CANVAS[0], 1))])
def test_a_flat_patch_and_one_of_stripes_cannot_tell(picture: Gray) -> None:
    assert compare(picture, picture, (40, 40, 120, 120), (0, 0)).verdict is PatchVerdict.UNSURE


def match(expected: Gray, actual: Gray) -> TurnMatch:
    return match_turn(CoarsePair.of(expected, actual, WHOLE), actual)


def test_another_thing_is_another_thing() -> None:
    assert compare(PICTURE, textured(2), (40, 40, 120, 120), (0, 0)).verdict is not PatchVerdict.SAME
    assert match(PICTURE, textured(2)).verdict is PatchVerdict.OTHER


@pytest.mark.parametrize("code", range(2, 9))
def test_the_turn_that_undoes_is_named(code: int) -> None:
    smooth = textured(sigma=8)
    inverse = {6: 8, 8: 6}.get(code, code)
    done = np.ascontiguousarray(turned(smooth, inverse))
    found = match(smooth, done)
    assert (found.verdict, found.undo) == (PatchVerdict.SHIFTED, code)


def test_a_picture_as_it_should_be_is_told_so() -> None:
    smooth = textured(sigma=8)
    assert match(smooth, smooth).verdict is PatchVerdict.SAME
    flat = np.full(CANVAS, 7, dtype=np.uint8)
    assert match(flat, flat) == TurnMatch(PatchVerdict.UNSURE)
    assert agreement(flat, smooth, WHOLE).correlation == 0.0


@given(seed=st.integers(0, 2**16))
def test_two_images_agree_as_numpy_says(seed: int) -> None:
    chance = np.random.default_rng(seed)
    one, noise, mask = chance.integers(0, 256, (9, 7)), chance.normal(0, 30, (9, 7)), chance.random((9, 7)) < 0.7
    first, second = levels(one), levels(one * 0.5 + noise)
    for seen, where in ((mask, mask), (np.ones_like(mask), None)):
        found, want = agreement(first, second, where), np.corrcoef(first[seen], second[seen])[0, 1]
        np.testing.assert_allclose(found.correlation, want, atol=1e-9)
        np.testing.assert_allclose((found.first, found.second), (first[seen].std(), second[seen].std()), atol=1e-9)


@given(seed=st.integers(0, 2**16))
def test_where_all_counts_it_is_the_plain_correlation(seed: int) -> None:
    chance = np.random.default_rng(seed)
    window, patch = (chance.integers(0, 256, shape, dtype=np.uint8) for shape in ((17, 21), (8, 6)))
    found = masked_correlations(window, np.ones(window.shape, np.bool_), patch, np.ones(patch.shape, np.bool_))
    np.testing.assert_allclose(found, independent_decoder.correlations(window, patch), atol=1e-4)


@given(seed=st.integers(0, 2**16))
def test_only_what_counts_has_a_part(seed: int) -> None:
    chance = np.random.default_rng(seed)
    window, patch = (chance.integers(0, 256, shape, dtype=np.uint8) for shape in ((9, 11), (6, 5)))
    seen, counts = chance.random(window.shape) < 0.8, chance.random(patch.shape) < 0.8
    found, hidden = masked_correlations(window, seen, patch, counts), np.uint8(255)
    spoilt = masked_correlations(np.where(seen, window, hidden), seen, np.where(counts, patch, hidden), counts)
    np.testing.assert_allclose(found, spoilt, atol=1e-6)
    for row, column in np.ndindex(found.shape):
        both = counts & seen[row : row + 6, column : column + 5]
        if both.sum() < LEAST_SHARE * counts.sum():
            assert found[row, column] == 0
        else:
            want = np.corrcoef(window[row : row + 6, column : column + 5][both], patch[both])[0, 1]
            np.testing.assert_allclose(found[row, column], want, atol=1e-6)


def test_what_is_flat_or_hidden_says_nothing() -> None:
    flat, all_of = np.full((8, 8), 77, np.uint8), np.ones((8, 8), np.bool_)
    assert not masked_correlations(flat, all_of, flat[:4, :4], all_of[:4, :4]).any()
    assert not masked_correlations(flat, ~all_of, flat[:4, :4], ~all_of[:4, :4]).any()
