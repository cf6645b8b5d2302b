"""The pixels of rings are those whose centres lie inside, and rings side by side share none."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.filling import filled
from bboxprep.geometry.shapes import one_ring, ring_around

SIZE = Size(12, 9)
NUMBERS = st.integers(-8, 40).map(lambda quarters: quarters / 4)


def whole(*rings: Points) -> NDArray[np.bool_]:
    """The pixels of the whole image."""
    pixels, (x, y) = filled(rings, SIZE)
    shown = np.zeros((SIZE.height, SIZE.width), dtype=np.bool_)
    shown[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
    return shown


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=7))
def test_a_centre_is_inside_where_a_ray_from_it_meets_the_ring_an_odd_number_of_times(
    corners: list[tuple[float, float]],
) -> None:
    want = np.zeros((SIZE.height, SIZE.width), dtype=np.bool_)
    for row, column in np.ndindex(want.shape):
        x, y = column + 0.5, row + 0.5
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            if min(y0, y1) < y <= max(y0, y1):
                want[row, column] ^= x0 + (y - y0) * ((x1 - x0) / (y1 - y0)) <= x
    got = whole(np.array(corners))
    on_edge = got != want  # a centre that lies on an edge belongs to one of two rings
    for row, column in np.argwhere(on_edge).tolist():
        ends = np.array(corners)
        after = np.roll(ends, -1, axis=0)
        centre = np.array([column + 0.5, row + 0.5])
        along, away = after - ends, centre - ends
        assert (np.abs(along[:, 0] * away[:, 1] - along[:, 1] * away[:, 0]) < 1e-9).any()


@given(NUMBERS, NUMBERS)
def test_two_halves_have_all_pixels_and_share_none(top: float, bottom: float) -> None:
    left = np.array([(0, 0), (top, 0), (bottom, 9), (0, 9)])
    right = np.array([(top, 0), (12, 0), (12, 9), (bottom, 9)])
    if min(top, bottom) >= 0:
        assert (whole(left) ^ whole(right)).all()


def test_a_hole_that_a_seam_joins_stays_empty() -> None:
    ring = one_ring([ring_around((1, 1, 9, 8)), ring_around((3, 3, 6, 6))[::-1]])
    assert ring is not None
    pixels = whole(ring)
    assert pixels.sum() == 8 * 7 - 9
    assert not pixels[3:6, 3:6].any()


def test_what_lies_outside_of_the_image_has_no_pixels() -> None:
    assert not filled([ring_around((20, 1, 30, 4))], SIZE)[0].any()
    assert not filled([], SIZE)[0].any()
