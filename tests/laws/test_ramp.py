"""The ramp law catches the mistakes that letterboxes and flips are known for: a map that is wrong by half a pixel is
told from what the pixels did. (Nearest from the corners and edge-to-edge resizing: `tests/images/test_raster.py`.)"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pytest

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.images.raster.execute import execute
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from tests.images.raster.test_execute import ramp_errors

SOURCES = [Size(25, height) for height in range(9, 25)]
NOTHING = Affine()
TARGETS = [Size(16, 16), Size(31, 33), Size(20, 24)]


@dataclass(frozen=True)
class Mistaken(Plan):
    """A plan whose pixels are right and whose map is `mistake`."""

    mistake: Affine = NOTHING

    @cached_property
    def affine(self) -> Affine:
        return self.mistake


def letterboxes() -> list[Plan]:
    return [Recipe(Letterbox(target)).plan(source, Dihedral()) for source in SOURCES for target in TARGETS]


def share_caught(plans: list[Plan]) -> float:
    return sum(bool((ramp_errors(execute, plan, "linear") > 1.0).any()) for plan in plans) / len(plans)


def with_nominal_gain(plan: Plan) -> Plan:
    gain = min(plan.size.width / plan.source.width, plan.size.height / plan.source.height)
    return Mistaken(plan.source, plan.steps, Affine(a=gain, c=plan.affine.c, e=gain, f=plan.affine.f))


def far_edge_error(plan: Plan) -> float:
    """How far, source px, the nominal gain is off at the far edge of the axis that was rounded."""
    return abs(1.0 - with_nominal_gain(plan).affine.e / plan.affine.e) * plan.source.height


def with_fractional_pad(plan: Plan) -> Plan:
    true = plan.affine
    left = (plan.size.width - true.a * plan.source.width) / 2
    top = (plan.size.height - true.e * plan.source.height) / 2
    return Mistaken(plan.source, plan.steps, Affine(a=true.a, c=left, e=true.e, f=top))


def test_the_sound_map_is_never_blamed() -> None:
    assert share_caught(letterboxes()) == 0.0


def test_a_nominal_gain_is_caught() -> None:
    off = [plan for plan in letterboxes() if far_edge_error(plan) > 0.4]
    assert len(off) >= 5
    assert share_caught([with_nominal_gain(plan) for plan in off]) == 1.0


def test_a_fractional_pad_is_caught() -> None:
    odd = [plan for plan in letterboxes() if with_fractional_pad(plan).affine != plan.affine]
    assert len(odd) >= 10
    assert share_caught([with_fractional_pad(plan) for plan in odd]) == 1.0


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_a_flip_about_the_last_pixel_is_caught(axis: str) -> None:
    plans = [Recipe(Flip(axis)).plan(source, Dihedral()) for source in SOURCES]  # type: ignore[arg-type]
    moved = Affine.translation(-1.0, 0.0) if axis == "horizontal" else Affine.translation(0.0, -1.0)
    assert share_caught(plans) == 0.0
    assert share_caught([Mistaken(plan.source, plan.steps, moved @ plan.affine) for plan in plans]) == 1.0
