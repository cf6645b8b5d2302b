"""Half-planes against rings: the same parts of the plane, reached in two ways."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import clip_to_convex, hull, ring_area, ring_around, within_convex
from bboxprep.verification.arithmetic import apply
from bboxprep.verification.region import (
    beyond,
    box_around,
    convex_hull,
    corners,
    depths,
    moved,
    part_of,
    pixels_inside,
    rectangle,
)
from tests.strategies import points, sizes

SIZE = Size(40, 30)
TURNS = st.builds(
    lambda degrees, x, y: np.array(
        [
            [np.cos(np.radians(degrees)), -np.sin(np.radians(degrees)), x],
            [np.sin(np.radians(degrees)), np.cos(np.radians(degrees)), y],
            [0, 0, 1],
        ]
    ),
    *(st.integers(-179, 179), st.integers(-20, 40), st.integers(-20, 40)),
)


@given(size=sizes(), turn=TURNS)
def test_a_turned_picture_cut_by_a_canvas_has_the_corners_of_the_clipped_ring(size: Size, turn: Points) -> None:
    region = np.concatenate((moved(rectangle(size), turn), rectangle(SIZE)))
    ring = clip_to_convex(apply(turn, ring_around(size)), ring_around(SIZE))
    found = corners(region)
    if ring_area(ring) > 1e-3:
        np.testing.assert_allclose(box_around(found), hull(ring), atol=1e-5)
        np.testing.assert_allclose(ring_area(found), ring_area(ring), atol=1e-3)


SLACK = 1e-3  # px; the region has a slack of 1e-6 px, which lines that meet it at a small angle make larger


@given(ring=points(SIZE, 3, 6, spill=15.0).map(convex_hull), turn=TURNS, size=sizes(30))
def test_the_box_around_a_part_holds_the_part_and_touches_it(ring: Points, turn: Points, size: Size) -> None:
    around = apply(turn, ring_around(size))
    region = moved(rectangle(size), turn)
    found, largest = box_around(part_of(ring, region)), box_around(part_of(convex_hull(ring), region))
    clipped = clip_to_convex(ring, around)
    if ring_area(clipped) < 1e-3:
        return
    outer = hull(clipped)  # whose parts may be joined along an edge of the region
    assert (found[:2] >= outer[:2] - SLACK).all()
    assert (found[2:] <= outer[2:] + SLACK).all()
    assert (largest[:2] <= outer[:2] + SLACK).all()
    assert (largest[2:] >= outer[2:] - SLACK).all()
    inside = ring[within_convex(ring, around)]
    assert (inside >= found[:2] - SLACK).all()
    assert (inside <= found[2:] + SLACK).all()


@given(ring=points(SIZE, 1, 9))
def test_a_convex_ring_holds_its_points(ring: Points) -> None:
    found = convex_hull(ring)
    if ring_area(found) > 0:
        assert within_convex(ring, found, 1e-9).all()
    np.testing.assert_array_equal(hull(found), hull(ring))


@given(turn=TURNS, margin=st.integers(0, 4))
def test_pixels_are_inside_by_their_centres(turn: Points, margin: int) -> None:
    region = moved(rectangle(Size(20, 20)), turn)
    inside = pixels_inside(region, SIZE, margin)
    for pixels, sign in ((inside, 1.0), (~inside, -1.0)):
        rows, columns = np.nonzero(pixels)
        centres = np.stack((columns, rows), axis=1).astype(np.float64) + 0.5
        assert (sign * (depths(region, centres) - margin) >= -1e-9).all()


def test_the_edges_of_the_canvas_are_no_margin() -> None:
    region = np.concatenate((moved(rectangle(SIZE), np.diag([1.0, 0.5, 1.0])), rectangle(SIZE)))
    assert beyond(region, SIZE).tolist() == [[0.0, -1.0, 15.0]]
