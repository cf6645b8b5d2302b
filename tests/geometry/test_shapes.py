from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import (
    Boxes,
    box_areas,
    clip_boxes,
    clip_ring,
    clip_to_convex,
    convex_sides,
    ellipses_in,
    hull,
    map_boxes,
    ring_area,
    ring_around,
    visible_fractions,
    within_convex,
)
from tests.strategies import affines, boxes, plans, points, sizes

FRAME = Size(32, 24)
spilling_boxes = boxes(FRAME, spill=20.0)
spilling_rings = points(FRAME, 3, 8, spill=20.0)


def corners_of(box: Boxes) -> Points:
    x0, y0, x1, y1 = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def convex(xy: Points) -> Points:
    """The points in order of their angle about their middle, on a circle: a convex ring."""
    angles = np.sort(np.arctan2(xy[:, 1] - xy[:, 1].mean(), xy[:, 0] - xy[:, 0].mean()))
    reach = np.ptp(xy, axis=0).max() / 2.0 + 1.0
    return np.asarray(xy.mean(axis=0) + reach * np.column_stack((np.cos(angles), np.sin(angles))))


def raster_area(ring: Points, size: Size, fine: int = 16) -> float:
    """The area of `ring` in the picture, counted at `fine` x `fine` positions a pixel (even-odd)."""
    x = (np.arange(size.width * fine) + 0.5) / fine
    y = ((np.arange(size.height * fine) + 0.5) / fine)[:, None]
    inside = np.zeros((y.size, x.size), dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return float(inside.sum()) / fine**2


@given(affines(), spilling_boxes)
def test_a_mapped_box_is_the_hull_of_its_mapped_corners(affine: Affine, xyxy: Boxes) -> None:
    expected = [hull(affine(corners_of(box))) for box in xyxy]
    assert np.array_equal(map_boxes(affine, xyxy), np.reshape(expected, (-1, 4)))


@given(plans().flatmap(lambda plan: st.tuples(st.just(plan), boxes(plan.source))), st.data())
def test_a_mapped_box_holds_the_points_of_the_box_and_no_more(case: tuple[Plan, Boxes], data: DataObject) -> None:
    plan, xyxy = case
    parts = data.draw(points(Size(1, 1), 1, 20))
    parts = np.concatenate((parts, [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    for before, after in zip(xyxy, map_boxes(plan.affine, xyxy), strict=True):
        inside = before[:2] + parts * (before[2:] - before[:2])
        np.testing.assert_allclose(hull(plan.affine(inside)), after, atol=1e-9)


@given(affines(), spilling_boxes)
def test_mapping_a_box_there_and_back_gives_it_again(affine: Affine, xyxy: Boxes) -> None:
    np.testing.assert_allclose(map_boxes(~affine, map_boxes(affine, xyxy)), xyxy, atol=1e-8)


@given(affines(), spilling_boxes)
def test_box_areas_grow_by_the_determinant(affine: Affine, xyxy: Boxes) -> None:
    mapped = box_areas(map_boxes(affine, xyxy))
    np.testing.assert_allclose(mapped, abs(affine.determinant) * box_areas(xyxy), rtol=1e-6, atol=1e-6)


@given(spilling_boxes)
def test_a_clipped_box_lies_in_the_picture_and_stays_ordered(xyxy: Boxes) -> None:
    clipped = clip_boxes(xyxy, FRAME)
    assert ((clipped >= 0.0) & (clipped <= np.tile(FRAME, 2))).all()
    assert (clipped[:, :2] <= clipped[:, 2:]).all()
    assert np.array_equal(clip_boxes(clipped, FRAME), clipped)


@given(boxes(FRAME))
def test_a_box_inside_is_not_clipped(xyxy: Boxes) -> None:
    assert np.array_equal(clip_boxes(xyxy, FRAME), xyxy)


@given(spilling_boxes)
def test_visible_fractions_are_fractions(xyxy: Boxes) -> None:
    visible = visible_fractions(xyxy, FRAME)
    assert ((visible >= 0.0) & (visible <= 1.0)).all()
    assert (visible[box_areas(xyxy) == 0.0] == 0.0).all()
    inside = (clip_boxes(xyxy, FRAME) == xyxy).all(axis=1) & (box_areas(xyxy) > 0.0)
    assert (visible[inside] == 1.0).all()


def test_a_box_half_outside_is_half_visible() -> None:
    xyxy = np.array([[-5.0, 0.0, 5.0, 10.0], [40.0, 0.0, 50.0, 10.0], [3.0, 3.0, 3.0, 9.0]])
    assert visible_fractions(xyxy, FRAME).tolist() == [0.5, 0.0, 0.0]


@given(points(FRAME))
def test_a_hull_is_the_tightest_box(xy: Points) -> None:
    box = hull(xy)
    assert ((xy >= box[:2]) & (xy <= box[2:])).all()
    assert all(side in xy[:, axis] for axis in (0, 1) for side in (box[axis], box[2 + axis]))


@given(spilling_rings, st.integers(0, 7), st.booleans())
def test_the_area_of_a_ring_does_not_depend_on_where_it_starts(xy: Points, start: int, backwards: bool) -> None:
    other = np.roll(xy[::-1] if backwards else xy, start, axis=0)
    assert ring_area(xy) >= 0.0
    assert ring_area(other) == pytest.approx(ring_area(xy), abs=1e-9)


@given(affines(), spilling_rings)
def test_ring_areas_grow_by_the_determinant(affine: Affine, xy: Points) -> None:
    assert ring_area(affine(xy)) == pytest.approx(abs(affine.determinant) * ring_area(xy), rel=1e-6, abs=1e-5)


@given(points(FRAME, 3, 8))
def test_a_ring_inside_is_returned_as_it_is(xy: Points) -> None:
    assert clip_ring(xy, FRAME) is xy


@given(spilling_rings)
def test_a_clipped_ring_lies_in_the_picture_and_is_not_clipped_again(xy: Points) -> None:
    clipped = clip_ring(xy, FRAME)
    assert clipped.shape == (len(clipped), 2)
    assert ((clipped >= 0.0) & (clipped <= FRAME)).all()
    assert clip_ring(clipped, FRAME) is clipped


@given(points(Size(16, 12), 3, 7, spill=6.0))
def test_a_clipped_convex_ring_has_the_area_that_a_raster_counts(xy: Points) -> None:
    size, ring = Size(16, 12), convex(xy)
    assert ring_area(clip_ring(ring, size)) == pytest.approx(raster_area(ring, size), abs=0.6)


def test_a_clipped_concave_ring_has_the_area_that_a_raster_counts() -> None:
    comb = np.array([[2, -6], [30, -6], [30, 8], [22, 8], [22, -2], [12, -2], [12, 8], [2, 8]], dtype=np.float64)
    size = Size(26, 20)
    assert ring_area(clip_ring(comb, size)) == pytest.approx(raster_area(comb, size), abs=0.01)


@given(spilling_boxes)
def test_a_box_and_its_ring_are_clipped_alike(xyxy: Boxes) -> None:
    for box, clipped in zip(xyxy, clip_boxes(xyxy, FRAME), strict=True):
        ring = clip_ring(corners_of(box), FRAME)
        assert (ring_area(ring) if len(ring) else 0.0) == pytest.approx(float(box_areas(clipped[None])[0]), abs=1e-9)


@given(st.floats(0.0, 50.0), st.integers(0, 3), spilling_rings)
def test_a_ring_beyond_an_edge_leaves_nothing(gap: float, side: int, xy: Points) -> None:
    box = hull(xy)
    away = (
        (-box[2] - gap - 1.0, 0.0), (FRAME.width - box[0] + gap + 1.0, 0.0),
        (0.0, -box[3] - gap - 1.0), (0.0, FRAME.height - box[1] + gap + 1.0),
    )  # fmt: skip
    assert len(clip_ring(xy + away[side], FRAME)) == 0
    assert np.array_equal(visible_fractions(hull(xy + away[side])[None], FRAME), [0.0])


def test_plans_keep_their_boxes_in_the_plane() -> None:
    assert map_boxes(Affine(), np.zeros((0, 4))).shape == (0, 4)
    assert clip_boxes(np.zeros((0, 4)), FRAME).shape == (0, 4)


@given(sizes())
def test_the_whole_picture_is_wholly_visible(size: Size) -> None:
    assert visible_fractions(np.array([[0.0, 0.0, size.width, size.height]]), size).tolist() == [1.0]


@given(spilling_boxes, points(FRAME, 2, 2))
def test_a_part_of_a_picture_cuts_as_a_picture_of_its_own_size(xyxy: Boxes, corners: Points) -> None:
    x0, y0, x1, y1 = hull(np.floor(corners)).tolist()
    origin, size = np.array([x0, y0]), Size(int(x1 - x0), int(y1 - y0))
    there = clip_boxes(xyxy - np.tile(origin, 2), size)
    np.testing.assert_allclose(clip_boxes(xyxy, (x0, y0, x1, y1)), there + np.tile(origin, 2), atol=1e-12)
    for box in xyxy:
        ring = clip_ring(corners_of(box), (x0, y0, x1, y1))
        own = clip_ring(corners_of(box) - origin, size)
        np.testing.assert_allclose(ring, own + origin, atol=1e-12)


TURNED = st.builds(
    lambda size, degrees, flip: Affine.rotation(degrees)(ring_around(size))[:: -1 if flip else 1],
    sizes(40),
    st.integers(0, 359),
    st.booleans(),
)


@given(points(Size(40, 40), 3, 6, spill=40.0), sizes(40))
def test_a_cut_at_a_convex_ring_is_that_at_the_box_it_is(ring: Points, size: Size) -> None:
    one, other = clip_to_convex(ring, ring_around(size)), clip_ring(ring, size)
    assert ring_area(one) == pytest.approx(ring_area(other), abs=1e-6)


@given(points(Size(40, 40), 3, 6, spill=40.0), TURNED)
def test_what_is_cut_lies_in_the_convex_ring(ring: Points, around: Points) -> None:
    assert within_convex(clip_to_convex(ring, around), around, 1e-6).all()


@given(points(Size(40, 40), 3, 3, spill=40.0), TURNED)
def test_what_is_cut_is_no_larger_than_either_ring(triangle: Points, around: Points) -> None:
    """Of triangles: a ring that crosses itself winds around some points twice, and they count twice."""
    left = ring_area(clip_to_convex(triangle, around))
    assert left <= min(ring_area(triangle), ring_area(around)) + 1e-6


@given(TURNED, TURNED)
def test_convex_rings_cut_each_other_alike(one: Points, other: Points) -> None:
    areas = [ring_area(ring) for ring in (clip_to_convex(one, other), clip_to_convex(other, one))]
    assert areas[0] == pytest.approx(areas[1], abs=1e-6)


@given(TURNED)
def test_the_sides_of_a_ring_see_its_middle_inside(around: Points) -> None:
    middle = around.mean(axis=0)
    depths = [float(middle @ normal - offset) for normal, offset in convex_sides(around)]
    assert len(depths) == 4
    assert min(depths) >= 0.5 - 1e-9  # a pixel is the smallest of them


@given(boxes(Size(40, 40)), st.integers(0, 359))
def test_an_ellipse_touches_its_box_and_never_grows_more_than_the_corners(found: Boxes, degrees: int) -> None:
    around = np.array([hull(ring) for ring in ellipses_in(found)]).reshape(-1, 4)
    np.testing.assert_allclose(around, found, atol=1e-9)
    turn = Affine.rotation(degrees)
    turned = np.array([hull(turn(ring)) for ring in ellipses_in(found)]).reshape(-1, 4)
    corners = map_boxes(turn, found)
    assert (turned[:, :2] >= corners[:, :2] - 1e-9).all()
    assert (turned[:, 2:] <= corners[:, 2:] + 1e-9).all()


@given(st.floats(1.0, 30.0), st.floats(1.0, 30.0), st.integers(0, 359))
def test_the_box_of_a_turned_ellipse_by_its_formula(a: float, b: float, degrees: int) -> None:
    turned = hull(Affine.rotation(degrees)(ellipses_in(np.array([[-a, -b, a, b]]))[0]))
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    want = np.hypot([a * c, a * s], [b * s, b * c])
    np.testing.assert_allclose(turned[2:], want, rtol=1e-4)


def test_nothing_lies_in_a_ring_without_area() -> None:
    point = np.full((4, 2), 3.0)
    assert len(clip_to_convex(ring_around(Size(9, 9)), point)) == 0
    assert not within_convex(point, point, 1.0).any()
