from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.steps import Crop, Flip, Letterbox

CODES = st.integers(1, 8).map(Dihedral.from_exif)
SIZES = st.builds(Size, st.integers(1, 400), st.integers(1, 400))


@given(SIZES, CODES)
def test_an_upright_recipe_gives_the_displayed_picture(size: Size, turn: Dihedral) -> None:
    plan = Recipe().plan(size, turn)
    assert plan.size == turn.size(size)
    assert plan.affine == turn.affine(size)


@given(SIZES, CODES)
def test_without_upright_nothing_turns(size: Size, turn: Dihedral) -> None:
    assert Recipe(upright=False).plan(size, turn).is_identity


@given(SIZES, CODES)
def test_steps_see_the_upright_picture(size: Size, turn: Dihedral) -> None:
    recipe, upright = Recipe(Letterbox((64, 48)), Flip("horizontal")), Recipe(Letterbox((64, 48)), Flip("horizontal"))
    turned, plain = recipe.plan(size, turn), upright.plan(turn.size(size), Dihedral())
    assert turned.size == plain.size
    mapped = plain.affine @ turn.affine(size)
    assert turned.affine.coefficients == pytest.approx(mapped.coefficients, abs=1e-9)


def test_a_recipe_reads_as_a_sentence() -> None:
    recipe = Recipe(Crop(0, 0, 300, 200), Letterbox(640), Flip("both"), pad=(1, 2, 3))
    assert str(recipe) == "upright > crop 0,0,300,200 > letterbox 640x640 pad 1,2,3 > flip both"
    assert str(Recipe(upright=False)) == "as stored"


def test_a_recipe_is_plain_data_for_the_record() -> None:
    assert Recipe(Letterbox((8, 9)), pad="edge", kernel="linear").options() == {
        "upright": True,
        "steps": [{"letterbox": {"size": [8, 9]}}],
        "pad": "edge",
        "kernel": "linear",
    }


@pytest.mark.parametrize("options", [{"kernel": "area"}, {"pad": 300}, {"pad": (0, 0, -1)}, {"pad": "mirror"}])
def test_unknown_kernels_and_pads_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"have .*, want"):
        Recipe(**options)  # type: ignore[arg-type]
