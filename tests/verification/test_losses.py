"""What a crop, a cutout or a rule must have dropped, derived a second time; no record is believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bboxprep import formats
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import CrowdRule, ObjectPolicy
from bboxprep.model.rendering import Effect
from bboxprep.model.validation import Location
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.recipe.geometric import RecipeStep
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform.map_objects import map_objects
from bboxprep.transform.occlusion import drop_occluded
from bboxprep.verification.arithmetic import Derived, derive
from bboxprep.verification.expectation import expect
from bboxprep.verification.losses import ExpectedLosses, drops_crowd, expected_losses
from bboxprep.verification.mapped import Mapped
from tests.strategies import instances
from tests.verification.test_expectation import OTHERS, SIZE, STEPS, possible

HOLES = st.lists(st.sampled_from([(0.1, 0.1, 0.5, 0.4), (0.3, 0.0, 0.3, 0.9), (0.0, 0.0, 0.99, 0.6)]), max_size=2)
POLICIES = st.builds(
    lambda share, others, outside: ObjectPolicy(
        min_visibility=others, min_visibility_of=(("a", share),) if share != others else (), outside=outside
    ),
    st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    st.sampled_from(["clip", "drop"]),
)


def losses(source: Instances, recipe: list[dict[str, Any]], policy: ObjectPolicy) -> tuple[Mapped, ExpectedLosses]:
    derived = derive({"steps": recipe, "upright": True}, SIZE, 1)
    assert isinstance(derived, Derived)
    planes = (derived.matrix, derived.matrix, derived.size, derived.seen, SIZE, SIZE)
    mapped = Mapped(*planes, derived=True, warped=derived.warped, rule=policy.turned)
    names = ["a"] * len(source)
    expected = expect(source, mapped)
    return mapped, expected_losses(source, names, expected, mapped, policy, recipe, without_crowd=False)


def kept(source: Instances, recipe: Recipe, holes: list[Any], policy: ObjectPolicy) -> set[int]:
    """The rows of the objects that the program leaves."""
    numbered = replace(source, ids=np.arange(len(source)))
    where, plan = Location("a.jpg", "train", ["a"] * 3), recipe.plan(SIZE, IDENTITY)
    left, _ = map_objects(numbered, plan, where, policy)
    left, _ = drop_occluded(
        left, [Effect("cutout", (("holes", tuple(holes)),))] if holes else [], plan.size, where, policy
    )
    return set(left.ids.tolist())


@given(
    source=instances(SIZE, spill=12.0),
    steps=st.one_of(STEPS, st.lists(OTHERS, max_size=3).map(tuple)),
    holes=HOLES,
    policy=POLICIES,
)
def test_what_is_dropped_may_be_and_what_must_be_is_dropped(
    source: Instances, steps: tuple[RecipeStep, ...], holes: list[Any], policy: ObjectPolicy
) -> None:
    assume(possible(steps))
    recipe = Recipe(*steps)
    planned = [*recipe.options()["steps"], *([{"cutout": {"holes": list(map(list, holes))}}] if holes else [])]
    _, lost = losses(source, planned, policy)
    left = kept(source, recipe, holes, policy)
    for row in range(len(source)):
        assert row in left or lost.maybe[row], f"object {row} was dropped"
        assert row not in left or not lost.surely[row], f"object {row} was kept"


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_most_objects_that_a_crop_cuts_are_decided(share: float) -> None:
    """Boxes are decided exactly, but for the very share of the rule; outlines within some hundredths of it."""
    edges = np.linspace(-19.5, 19.5, 79)
    boxes = np.stack((edges, edges * 0 + 5, edges + 20, edges * 0 + 25), axis=1) + np.array([20, 0, 20, 0])
    rings = [[np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])] for x0, y0, x1, y1 in boxes]
    crop = [{"crop": {"x": 20, "y": 0, "width": 40, "height": 44}}]
    for source, least in (
        (Instances.of(boxes, np.zeros(79)), 78),
        (Instances.of(boxes, np.zeros(79), polygons=rings), 73),
    ):
        _, lost = losses(source, crop, ObjectPolicy(min_visibility=share))
        assert np.count_nonzero(lost.surely | ~lost.maybe) >= least
        assert lost.surely.any()
        assert not lost.maybe.all()


@pytest.mark.parametrize("rule", [None, "keep", "drop", "ignore"])
@pytest.mark.parametrize("name", formats.written())
def test_crowd_regions_are_dropped_where_a_run_drops_them(name: str, rule: CrowdRule | None) -> None:
    declared = formats.load(name)

    class Carrying:
        carries = declared.carries

    plan = CrowdPlan.of(rule, Carrying(), declared, sidecar=True)  # type: ignore[arg-type]
    assert drops_crowd(rule, declared.carries, declared) == (plan.act == "drop")
