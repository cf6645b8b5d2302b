from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.images.effects.motion import line_weights, motion_blurred

PICTURE = np.random.default_rng(5).integers(0, 256, (23, 31, 3), dtype=np.uint8)


@given(length=st.floats(1, 60), angle=st.floats(-360, 360))
@settings(max_examples=40)
def test_the_weights_are_whole_and_symmetric_and_sum_up(length: float, angle: float) -> None:
    weights = line_weights(length, angle)
    assert weights.sum() == 1 << 16
    np.testing.assert_array_equal(weights, np.abs(np.rint(weights)))
    assert np.abs(weights - weights[::-1, ::-1]).max() <= 1
    across = np.hypot(*(np.argwhere(weights) - len(weights) // 2).T).max(initial=0.0)
    assert abs(across - (length - 1) / 2) <= 1.5


def test_a_streak_across_and_one_down() -> None:
    five = np.pad(PICTURE.astype(float), ((2, 2), (2, 2), (0, 0)), mode="reflect")
    for angle, parts in (
        (0.0, [five[2:-2, x : x + 31] for x in range(5)]),
        (90.0, [five[y : y + 23, 2:-2] for y in range(5)]),
    ):
        found = motion_blurred(PICTURE, 5.0, angle).astype(float)
        weights = line_weights(5.0, angle) / (1 << 16)
        along = weights.sum(axis=0 if angle == 0.0 else 1)
        expected = sum(weight * part for weight, part in zip(along, parts, strict=True))
        assert np.abs(found - expected).max() <= 0.51
        assert along[1:4] == pytest.approx(along[2], abs=0.01)


def test_a_point_leans_down_to_the_right_as_a_clockwise_angle_does() -> None:
    point = np.zeros((41, 41), dtype=np.uint8)
    point[20, 20] = 255
    rows, columns = np.nonzero(motion_blurred(point, 15.0, 30.0))
    slope = np.polyfit(columns - 20, rows - 20, 1)[0]
    assert slope == pytest.approx(np.tan(np.radians(30.0)), abs=0.1)


def test_one_pixel_is_no_motion_and_large_lines_are_exact() -> None:
    assert motion_blurred(PICTURE, 1.0, 33.0) is PICTURE
    plain = np.full((80, 90), 201, dtype=np.uint8)
    np.testing.assert_array_equal(motion_blurred(plain, 70.0, 12.0), plain)  # OpenCV multiplies spectra here
