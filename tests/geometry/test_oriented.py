"""Rectangles of least area, beside OpenCV's, and the four corners that state them inside an image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.oriented import convex_hull, oriented_corners, smallest_rectangle
from bboxprep.geometry.shapes import clip_ring, clip_to_convex, ring_area, ring_around, within_convex
from tests.strategies import points

SIZE = Size(100, 80)
CLOUDS = points(SIZE, 3, 12)


def least_area(shape: Points) -> float:
    """The area of the smallest rectangle, as OpenCV has it in float32."""
    _, (width, height), _ = cv2.minAreaRect(shape.astype(np.float32))
    return float(width * height)


@st.composite
def cut_rectangles(draw: st.DrawFn) -> Points:
    """The part (P, 2) of a turned rectangle inside an image of `SIZE`."""
    half = draw(st.integers(5, 40)), draw(st.integers(5, 30))
    x, y, angle = draw(st.integers(-10, 110)), draw(st.integers(-10, 90)), draw(st.integers(1, 89))
    ring = Affine.translation(x, y)(Affine.rotation(angle)(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half))
    left = clip_ring(ring, SIZE)
    assume(len(left) > 2 and ring_area(left) > 4)
    return left


@given(CLOUDS)
def test_a_hull_is_convex_and_holds_all_points(cloud: Points) -> None:
    ring = convex_hull(cloud)
    assert {*map(tuple, ring.tolist())} <= {*map(tuple, cloud.tolist())}
    if ring_area(ring):
        assert within_convex(cloud, ring, 1e-9).all()
        assert len(ring) == len(cv2.convexHull(ring.astype(np.float32)))


@given(CLOUDS)
def test_the_rectangle_around_a_hull_is_opencvs(cloud: Points) -> None:
    ring = convex_hull(cloud)
    assume(ring_area(ring) > 1)
    assert ring_area(smallest_rectangle(ring)) == pytest.approx(least_area(cloud), rel=1e-4)


def overlap(rectangle: Points, shape: Points) -> float:
    """The intersection over union of a rectangle (4, 2) and a convex shape (P, 2)."""
    shared = ring_area(clip_to_convex(shape, rectangle))
    return shared / (ring_area(rectangle) + ring_area(shape) - shared)


@settings(report_multiple_bugs=False)
@given(cut_rectangles())
def test_trainers_find_the_rectangle_around_what_is_left(left: Points) -> None:
    corners = oriented_corners(left, SIZE)
    assert corners.shape == (4, 2)
    assert within_convex(corners, ring_around(SIZE), 1e-9).all()
    around = smallest_rectangle(convex_hull(left))
    stated = smallest_rectangle(corners)
    assert ring_area(stated) == pytest.approx(least_area(corners), rel=1e-3)
    if within_convex(around, ring_around(SIZE)).all():
        assert ring_area(stated) == pytest.approx(least_area(left), rel=1e-3)
    (x0, y0), (x1, y1) = left.min(axis=0).tolist(), left.max(axis=0).tolist()
    upright = ring_around((x0, y0, x1, y1))
    assert overlap(stated, left) >= overlap(upright, left) - 1e-6


MISTAKES = {"three": lambda points, _: points[[0, 1, 2, 2]], "image": lambda _, size: ring_around(size)}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_law_catches_other_corners(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "oriented_corners", MISTAKES[mistake])
    with pytest.raises(AssertionError):
        test_trainers_find_the_rectangle_around_what_is_left()


def test_a_shape_of_two_equal_rectangles_gets_the_same_one_wherever_it_lies() -> None:
    right = np.array([(0.0, 0.0), (30.0, 10.0), (26.0, 22.0)])  # a right angle at the middle corner
    sides = {
        tuple(sorted(np.hypot(*np.diff(smallest_rectangle(convex_hull(right + place)), axis=0).T).round(6).tolist()))
        for place in np.random.default_rng(3).uniform(0, 1, (50, 2))
    }
    assert len(sides) == 1


def test_the_corner_of_a_box_in_the_corner_of_an_image_is_three_points() -> None:
    corners = oriented_corners(np.array([(0.0, 0.0), (20.0, 0.0), (0.0, 20.0)]), SIZE)
    assert {*map(tuple, corners.tolist())} >= {(0.0, 0.0)}
    assert least_area(corners) == pytest.approx(400, rel=1e-3)
