"""The checks of steps pass right ones, and each catches its mistake; what a wrong step does to a run is told."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.images.effects.apply import effects_applied
from bboxprep.pipeline.resume.terms import term_words
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Letterbox, RecipeStep
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.plugins import names_code
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing import STEP_CHECKS
from bboxprep.verification import arithmetic
from tests.testing import wrong_steps as wrong

CHECK = {check.name: check for check in STEP_CHECKS}
PLACE = "tests.testing.wrong_steps"
MISTAKES: dict[str, RecipeStep] = {
    "class": wrong.Undecorated(),
    "record": wrong.Forgetful((254,)),
    "pure": wrong.Changing(),
    "paint": wrong.Moving(),
    "same-bytes": wrong.Elsewhere(),
}


@pytest.mark.parametrize("step", [wrong.Negative(), wrong.Moved("turn"), wrong.Mirrored(p=0.5)], ids=str)
@pytest.mark.parametrize("name", ["class", "record", "pure", "paint", "verify"])
def test_right_steps_pass(step: RecipeStep, name: str, tmp_path: Path) -> None:
    CHECK[name](step, tmp_path)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_check_catches_its_mistake(name: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=rf"\w+: {name}: .*\(the law: "):
        CHECK[name](MISTAKES[name], tmp_path)


def test_the_check_of_verify_catches_one_that_takes_every_step_for_one_of_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = arithmetic.after_step
    monkeypatch.setattr(
        arithmetic, "after_step", lambda step, size: (np.eye(3), size) if "object" in step else honest(step, size)
    )
    with pytest.raises(AssertionError, match=r"moved: verify: faults: have .*affine"):
        CHECK["verify"](wrong.Moved(), tmp_path)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (wrong.Shrinking(), r"its apply\(\) gives uint8 \(24, 62, 3\), want uint8 \(47, 62, 3\), as it was given"),
        (wrong.Widening(), r"its apply\(\) gives float64 \(47, 62, 3\), want uint8"),
        (wrong.Raising(), r"negative \(tests.testing.wrong_steps:Raising\): its apply\(\) raised IndexError: index 5"),
        (wrong.Moved("mirror"), r"moved .*its steps\(\) gives .* want steps that do not mirror, or mirrors = True"),
        (wrong.Moved("pair"), r"its plan raised TypeError: have Resample.* want a Size"),
        (wrong.Moved("half"), r"its plan raised TypeError: have Place.* want whole px"),
        (wrong.Moved("nothing"), "sides of 1 px or more"),
        (wrong.Moved("words"), "want a tuple of Resample, Place, Orient and Warp"),
        (wrong.Moved("none"), r"its steps\(\) raised KeyError: 'none'"),
    ],
)
def test_what_a_wrong_step_does_is_told(step: RecipeStep, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(step)


def run(step: RecipeStep) -> None:
    recipe = Recipe(step)
    recipe.plan(Size(62, 47), IDENTITY)
    effects_applied(np.zeros((47, 62, 3), dtype=np.uint8), recipe.rendering)


@pytest.mark.parametrize(
    ("step", "said"),
    [(wrong.Cutout(), "name: have 'cutout', want a word"), (wrong.Idle(), r"want a method steps\(size\)")],
)
def test_a_class_that_is_no_step_is_refused_in_a_recipe(step: RecipeStep, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Recipe(step)


def test_a_recipe_names_a_class_and_its_options() -> None:
    written = {"object": {"name": f"{PLACE}:Moved", "by": "turn", "p": 0.5}}
    recipe = recipe_of({"steps": [{"letterbox": 64}, {"object": f"{PLACE}:Negative"}], "augment": [written]})
    assert recipe == Recipe(Letterbox(64), wrong.Negative(), augment=Augment(wrong.Moved("turn", p=0.5)))
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert recipe.options()["preprocess"][1] == {
        "object": {"name": f"{PLACE}:Negative", "of": [255], "geometric": False}
    }
    assert str(recipe).startswith("upright > letterbox 64x64 pad 114 > negative | augment train x1: moved")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("os", "object: name: have 'os', want module:Class"),
        ("os:no", r"object: os:no: cannot be imported \(AttributeError"),
        ("os:getcwd", "have <built-in function getcwd>, want a class of"),
        ({"of": 3}, "object: name: have '', want module:Class"),
        ({"name": f"{PLACE}:Negative", "off": 3}, "negative: have the unknown option 'off'; did you mean 'of'"),
        ({"name": f"{PLACE}:Negative", "p": 3}, "negative: p: have 3, want a number of 0 to 1"),
        ({"name": f"{PLACE}:Negative", "geometric": True}, "negative: geometric: have True, want false: it changes"),
    ],
)
def test_a_name_that_leads_to_no_step_is_told_with_its_place(options: object, said: str) -> None:
    with pytest.raises(UsageError, match=r"recipe: steps\[0\].*" + said):
        recipe_of({"steps": [{"object": options}]})


def test_a_mirror_exchanges_the_names_of_sides() -> None:
    assert Recipe(wrong.Mirrored()).mirrors
    assert not Recipe(wrong.Mirrored(), wrong.Mirrored()).mirrors
    assert Recipe(augment=Augment(wrong.Mirrored(p=0.5))).mirrors


def test_a_record_that_names_a_class_is_known() -> None:
    named = Recipe(wrong.Negative()).options()
    assert names_code(named)
    assert names_code({"preprocess": [], "augment": {"steps": ["blur", {"object": "os:getcwd"}]}})
    assert not names_code({"steps": [{"albumentations": {"object": "mine:train"}}, "blur"]})


def test_a_run_that_is_resumed_imports_no_code_that_a_record_names() -> None:
    before, now = (json.dumps({"steps": [{"object": f"antigravity:{name}"}]}) for name in ("One", "Other"))
    assert "antigravity:One" in term_words("recipe", before, now)[0]
    assert "antigravity" not in sys.modules
