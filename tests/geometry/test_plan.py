from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.errors import InternalError, UsageError
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample, Step, Warp, Window
from bboxprep.geometry.shapes import within_convex
from tests.stepwise import folded, map_of, size_after
from tests.strategies import plans, sizes, steps, warped_plans, warps

step_lists = st.lists(steps(), max_size=8)
any_lists = st.lists(st.one_of(steps(), warps()), max_size=6)


@given(sizes(), any_lists)
def test_a_plan_has_the_size_and_the_map_of_its_steps(source: Size, todo: list[Step]) -> None:
    plan = Plan(source).then(*todo)
    size, affine = folded(source, todo)
    assert plan.size == size
    np.testing.assert_allclose(plan.affine.coefficients, affine.coefficients, rtol=1e-9, atol=1e-7)


@given(sizes(), any_lists)
def test_what_is_seen_is_what_no_step_cut_away(source: Size, todo: list[Step]) -> None:
    """Probe points of the picture: each is seen in the end just if it lay on the canvas after every step."""
    grid = np.stack(np.meshgrid(np.linspace(0.013, 0.991, 7), np.linspace(0.017, 0.993, 7)), axis=-1).reshape(-1, 2)
    points = grid * np.array(source, dtype=np.float64)
    size, alive = source, np.ones(len(points), dtype=np.bool_)
    for step in todo:
        points, size = map_of(step, size)(points), size_after(step, size)
        alive &= ((points > 1e-6) & (points < np.array(size) - 1e-6)).all(axis=1)
    plan = Plan(source).then(*todo)
    assert within_convex(points[alive], plan.outline, 1e-6).all()
    x0, y0, x1, y1 = plan.seen
    assert ((points[alive] >= [x0 - 1e-6, y0 - 1e-6]) & (points[alive] <= [x1 + 1e-6, y1 + 1e-6])).all()
    inside = within_convex(points, plan.outline, -1e-3)
    assert (alive | ~inside | _near_an_edge(source, todo, grid)).all()


def _near_an_edge(source: Size, todo: list[Step], grid: Points) -> NDArray[np.bool_]:
    """Points that a step laid so close to the edge of its canvas that rounding decides."""
    points, size = grid * np.array(source, dtype=np.float64), source
    near = np.zeros(len(points), dtype=np.bool_)
    for step in todo:
        points, size = map_of(step, size)(points), size_after(step, size)
        near |= ((np.abs(points) < 1e-3) | (np.abs(points - np.array(size)) < 1e-3)).any(axis=1)
    return near


@given(sizes(), step_lists, step_lists)
def test_it_does_not_matter_how_steps_are_handed_over(source: Size, first: list[Step], then: list[Step]) -> None:
    assert Plan(source).then(*first).then(*then) == Plan(source).then(*first, *then)


@given(sizes(), step_lists)
def test_equal_plans_hash_alike_also_once_folded(source: Size, todo: list[Step]) -> None:
    one, other = Plan(source).then(*todo), Plan(source).then(*todo)
    _ = one.affine, one.size
    assert one == other
    assert len({one, other}) == 1


@given(sizes())
def test_a_plan_without_steps_is_the_identity(source: Size) -> None:
    plan = Plan(source)
    assert plan.is_identity
    assert plan.size == source
    assert plan.affine == Affine()


@given(plans(), st.builds(Dihedral, st.booleans(), st.booleans(), st.booleans()))
def test_a_turn_that_is_undone_was_never_there(plan: Plan, turn: Dihedral) -> None:
    undone = plan.then(Orient(turn), Orient(~turn))
    assert (undone.window, undone.turn) == (plan.window, plan.turn)
    assert undone.affine == plan.affine


@given(sizes(), sizes(), sizes())
def test_a_stretch_that_is_undone_was_never_there(source: Size, one: Size, other: Size) -> None:
    assert Plan(source).then(Resample(one), Resample(other), Resample(source)).is_identity


@given(sizes(), st.lists(st.builds(Orient, st.builds(Dihedral, st.booleans(), st.booleans(), st.booleans()))))
def test_turns_alone_are_one_turn_and_exact(source: Size, turns: list[Step]) -> None:
    plan = Plan(source).then(*turns)
    assert plan.window == Window.onto(source)
    assert plan.affine == folded(source, turns)[1]


def test_a_flip_on_both_sides_moves_a_margin_to_the_other() -> None:
    plan = Plan(Size(40, 30)).then(Orient(FLIP_HORIZONTAL), Place(Size(50, 30), 10, 0), Orient(FLIP_HORIZONTAL))
    assert plan.turn.is_identity
    assert plan.window == Plan(Size(40, 30)).then(Place(Size(50, 30), 0, 0)).window


def test_what_a_crop_cut_away_does_not_come_back_with_a_margin() -> None:
    plan = Plan(Size(40, 30)).then(Place(Size(20, 30), -10, 0), Place(Size(60, 30), 20, 0))
    across, down = plan.window.seen
    assert [float(end) for end in (*across, *down)] == [20, 40, 0, 30]
    assert plan.affine == Affine.translation(10.0, 0.0)


def test_a_letterbox_maps_by_the_sizes_it_really_has() -> None:
    plan = Plan(Size(1000, 333)).then(Resample(Size(640, 213)), Place(Size(640, 640), 0, 213))
    assert plan.affine(np.array([1000.0, 333.0])).tolist() == [640.0, 426.0]


@given(warped_plans())
def test_a_warped_plan_says_so_and_has_no_window(plan: Plan) -> None:
    assert plan.is_warped
    assert not plan.is_identity
    with pytest.raises(InternalError, match="has no window"):
        _ = plan.window


@given(plans())
def test_how_long_the_sides_become_is_told_by_the_map(plan: Plan) -> None:
    assert not plan.is_warped
    affine, (width, height) = plan.affine, plan.source
    by_hand = np.hypot([affine.a, affine.b], [affine.d, affine.e]) * [width, height]
    np.testing.assert_allclose([float(side) for side in plan.stretched], by_hand, rtol=1e-9)


@pytest.mark.parametrize("affine", [Affine(a=0.0), Affine(a=float("nan")), Affine(c=float("inf"))])
def test_a_warp_that_has_no_inverse_is_refused(affine: Affine) -> None:
    with pytest.raises(UsageError, match="want a map that can be inverted"):
        Warp(affine, Size(3, 3))


def test_the_outline_of_a_turned_picture_is_an_octagon() -> None:
    """A square turned by an eighth on a canvas of its own size: the canvas cuts all four of its corners."""
    plan = Plan(Size(100, 100)).then(Warp(Affine.rotation(45.0).about(50.0, 50.0), Size(100, 100)))
    assert len(plan.outline) == 8
    assert plan.seen == (0.0, 0.0, 100.0, 100.0)
    offset = 50.0 * (np.sqrt(2.0) - 1.0)
    assert sorted(set(np.abs(plan.outline - 50.0).ravel().round(9))) == [round(offset, 9), 50.0]
