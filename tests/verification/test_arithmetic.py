"""Two derivations of one thing that share no code: what recipes plan, and what `derive` says they do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import PlanError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.shapes import map_boxes, ring_area
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.multiples import Multiple
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.arithmetic import Derived, apply, apply_to_boxes, derive, turn_matrix, turned_size
from bboxprep.verification.region import box_around, corners, depths
from tests.strategies import boxes, sizes

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))
PLACES = st.sampled_from(["centre", "top-left"])
SHARES, CANVASES = st.integers(-9, 9).map(lambda tenths: tenths / 10), st.sampled_from(["keep", "grow"])
STEPS: st.SearchStrategy[list[RecipeStep]] = st.lists(
    st.one_of(
        st.builds(Letterbox, SIZES, PLACES),
        st.builds(Letterbox, place=PLACES, sizes=st.lists(SIZES, min_size=1, max_size=4)),
        st.builds(Multiple, st.integers(2, 40), st.just("pad"), place=PLACES),
        st.builds(lambda of, more: Multiple(of, max_pixels=of**2 + more), st.integers(1, 40), st.integers(0, 3000)),
        st.builds(Multiple, st.integers(2, 40)),
        st.builds(Resize, SIZES),
        st.builds(Fit, SIZES),
        st.builds(Fill, SIZES),
        st.builds(Crop, st.integers(0, 30), st.integers(0, 30), st.integers(1, 60), st.integers(1, 60)),
        st.builds(Flip, st.sampled_from(["horizontal", "vertical", "both"])),
        st.builds(Scale, st.integers(2, 40).map(lambda tenths: tenths / 10)),
        st.builds(Translate, SHARES, SHARES),
        st.builds(Rotate, st.one_of(st.integers(-360, 360), st.floats(-360, 360)), CANVASES),
        st.builds(Shear, st.integers(-60, 60), st.integers(-60, 60), CANVASES),
    ),
    max_size=4,
)


@given(size=sizes(), code=st.integers(1, 8))
def test_the_turns_are_those_of_the_exif_table(size: Size, code: int) -> None:
    turn = Dihedral.from_exif(code)
    corners = np.array([(0.0, 0.0), (size.width, 0.0), (size.width, size.height), (1.5, 0.25)])
    np.testing.assert_array_equal(apply(turn_matrix(code, size), corners), turn.affine(size)(corners))
    assert turned_size(code, size) == turn.size(size)


@given(size=sizes(), code=st.integers(1, 8), steps=STEPS, upright=st.booleans())
def test_what_is_derived_is_what_is_planned(
    size: Size,
    code: int,
    steps: list[RecipeStep],
    upright: bool,  # drawn by hypothesis
) -> None:
    recipe, turn = Recipe(*steps, upright=upright), Dihedral.from_exif(code)
    try:
        plan = recipe.plan(size, turn)
    except PlanError:
        return
    derived = derive(recipe.options(), size, code)
    assert isinstance(derived, Derived)
    assert derived.size == plan.size
    assert derived.warped == plan.is_warped
    rim = np.array([(0.0, 0.0), (size.width, 0.0), (size.width, size.height), (0.0, size.height)])
    got = apply(derived.matrix @ turn_matrix(code, size), rim)
    np.testing.assert_allclose(got, plan.affine(rim), rtol=1e-9, atol=1e-6)
    if ring_area(plan.outline) > 1e-6:  # where nothing is seen, it does not matter where
        np.testing.assert_allclose(box_around(corners(derived.seen)), plan.seen, rtol=1e-9, atol=1e-5)
        assert (depths(derived.seen, plan.outline) >= -1e-5).all()
        assert ring_area(corners(derived.seen)) == pytest.approx(ring_area(plan.outline), abs=1e-3)


@given(size=sizes(), code=st.integers(1, 8), data=st.data())
def test_boxes_are_mapped_by_their_corners(size: Size, code: int, data: st.DataObject) -> None:
    drawn = data.draw(boxes(size))
    matrix = turn_matrix(code, size)
    np.testing.assert_allclose(apply_to_boxes(matrix, drawn), map_boxes(Dihedral.from_exif(code).affine(size), drawn))


@pytest.mark.parametrize(
    ("recipe", "word"),
    [
        ({}, "does not say the steps"),
        ({"upright": True, "steps": [], "augment": {}}, "parts that are not known here (augment)"),
        ({"upright": True, "steps": [{"tile": {"size": [3, 3]}}]}, "which tile an image is"),
        ({"upright": True, "steps": [{"swirl": {}}]}, "'swirl' is not known here"),
        (
            {"upright": True, "steps": [{"flip": {"axis": "horizontal", "p": 0.5}}]},
            "not known here (p)",
        ),
        ({"upright": True, "steps": [{"flip": {"axis": "sideways"}}]}, "'flip' cannot be read"),
        ({"upright": True, "steps": [{"rotate": {"degrees": [-5, 5], "canvas": "keep"}}]}, "'rotate' cannot be read"),
        ({"upright": True, "steps": [{"scale": {"factor": True}}]}, "'scale' cannot be read"),
        ({"upright": True, "steps": [{"crop": {"x": 50, "y": 0, "width": 3, "height": 3}}]}, "'crop' cannot be read"),
        ({"upright": True, "steps": [{"mosaic": {}}]}, "made of several images"),
        ({"upright": True, "steps": [{"resize": {"size": [None, 3]}}]}, "'resize' cannot be read"),
        ({"upright": True, "steps": [{"crop": 3}]}, "'crop' cannot be read"),
        ({"upright": True, "steps": ["crop"]}, "a step of the recipe cannot be read"),
    ],
)
def test_a_recipe_that_is_not_known_is_a_word(recipe: dict[str, Any], word: str) -> None:
    derived = derive(recipe, Size(40, 30), 1)
    assert isinstance(derived, str)
    assert word in derived
