from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample, Step, step_affine, step_size
from tests.strategies import plans, sizes, steps

step_lists = st.lists(steps(), max_size=8)


def folded(source: Size, todo: list[Step]) -> tuple[Size, Affine]:
    """Size and map of `todo` done one by one, without any normal form."""
    size, affine = source, Affine()
    for step in todo:
        size, affine = step_size(step, size), step_affine(step, size) @ affine
    return size, affine


def assert_same_map(one: Affine, other: Affine) -> None:
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-9, atol=1e-9)


@given(sizes(), step_lists)
def test_the_normal_form_has_the_size_and_the_map_of_the_steps(source: Size, todo: list[Step]) -> None:
    plan = Plan(source).then(*todo)
    size, affine = folded(source, todo)
    assert plan.size == size
    assert_same_map(plan.affine, affine)


@given(plans())
def test_a_turn_is_the_only_one_and_comes_last(plan: Plan) -> None:
    assert not any(isinstance(step, Orient) for step in plan.steps[:-1])


@given(plans())
def test_no_step_of_a_normal_form_is_idle_or_could_be_joined(plan: Plan) -> None:
    size = plan.source
    for before, step in zip((None, *plan.steps), plan.steps, strict=False):
        assert step not in (Orient(Dihedral()), Resample(size), Place(size, 0, 0))
        assert not (isinstance(before, Resample) and isinstance(step, Resample))
        size = step_size(step, size)


@given(plans())
def test_a_normal_form_stays_as_it_is(plan: Plan) -> None:
    assert Plan(plan.source).then(*plan.steps) == plan


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


@given(sizes(), st.lists(st.builds(Orient, st.builds(Dihedral, st.booleans(), st.booleans(), st.booleans()))))
def test_turns_alone_are_one_turn_and_exact(source: Size, turns: list[Step]) -> None:
    plan = Plan(source).then(*turns)
    assert len(plan.steps) <= 1
    assert plan.affine == folded(source, turns)[1]


def test_a_turn_that_is_undone_leaves_what_was_between() -> None:
    plan = Plan(Size(40, 30)).then(Orient(FLIP_HORIZONTAL), Place(Size(50, 30), 10, 0), Orient(FLIP_HORIZONTAL))
    assert plan.steps == (Place(Size(50, 30), 0, 0),)


def test_a_letterbox_maps_by_the_sizes_it_really_has() -> None:
    plan = Plan(Size(1000, 333)).then(Resample(Size(640, 213)), Place(Size(640, 640), 0, 213))
    assert plan.affine(np.array([1000.0, 333.0])).tolist() == [640.0, 426.0]
