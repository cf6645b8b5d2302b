"""Masked correlation against the plain one, and against itself written out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.images.codecs import independent_decoder
from bboxprep.verification.masked_correlation import LEAST_SHARE, correlations


@given(seed=st.integers(0, 2**16))
def test_where_all_counts_it_is_the_plain_correlation(seed: int) -> None:
    chance = np.random.default_rng(seed)
    window, patch = (chance.uniform(0, 255, shape).astype(np.float32) for shape in ((17, 21), (8, 6)))
    found = correlations(window, np.ones(window.shape, np.bool_), patch, np.ones(patch.shape, np.bool_))
    np.testing.assert_allclose(found, independent_decoder.correlations(window, patch), atol=1e-4)


@given(seed=st.integers(0, 2**16))
def test_only_what_counts_has_a_part(seed: int) -> None:
    chance = np.random.default_rng(seed)
    window, patch = (chance.uniform(0, 255, shape).astype(np.float32) for shape in ((9, 11), (6, 5)))
    seen, counts = chance.random(window.shape) < 0.8, chance.random(patch.shape) < 0.8
    found = correlations(window, seen, patch, counts)
    spoilt = correlations(np.where(seen, window, 1e3), seen, np.where(counts, patch, -1e3), counts)
    np.testing.assert_allclose(found, spoilt, atol=1e-6)
    for row, column in np.ndindex(found.shape):
        both = counts & seen[row : row + 6, column : column + 5]
        if both.sum() < LEAST_SHARE * counts.sum():
            assert found[row, column] == 0
        else:
            want = np.corrcoef(window[row : row + 6, column : column + 5][both], patch[both])[0, 1]
            np.testing.assert_allclose(found[row, column], want, atol=1e-6)


def test_what_is_flat_or_hidden_says_nothing() -> None:
    flat, all_of = np.full((8, 8), 77.0, np.float32), np.ones((8, 8), np.bool_)
    assert not correlations(flat, all_of, flat[:4, :4], all_of[:4, :4]).any()
    assert not correlations(flat, ~all_of, flat[:4, :4], ~all_of[:4, :4]).any()
