from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.review.masks import MOST, mask_path
from tests.strategies import masks, sizes


def painted(path: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels that the bars of a path cover; each bar must be disjoint from the others."""
    counts = np.zeros(shape, int)
    bars = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z", path)
    assert "".join(f"M{x} {y}h{w}v{h}h-{back}z" for x, y, w, h, back in bars) == path
    for x, y, width, height, back in ((int(part) for part in bar) for bar in bars):
        assert width == back
        counts[y : y + height, x : x + width] += 1
    assert counts.max(initial=0) <= 1
    return counts > 0


@given(sizes(24).flatmap(masks))
def test_the_path_of_a_small_mask_covers_its_pixels_and_no_others(mask: NDArray[np.bool_]) -> None:
    assert (painted(mask_path(mask), mask.shape) == mask).all()


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 700), st.integers(1, 700))
def test_a_large_rectangle_is_off_by_less_than_a_cell(left: int, top: int, width: int, height: int) -> None:
    mask = np.zeros((900, 900), np.bool_)
    mask[top : top + height, left : left + width] = True
    seen = painted(mask_path(mask), (1000, 1000))
    cell = -(-max(width, height) // MOST)
    for axis, (first, length) in ((1, (top, height)), (0, (left, width))):
        at = np.flatnonzero(seen.any(axis=axis))
        assert at[0] == first
        assert 0 <= at[-1] + 1 - (first + length) < cell
