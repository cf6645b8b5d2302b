"""The options of `isolate`, its words, and the crops that it asks for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bboxprep.errors import PlanError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.cli_values import parse_isolate
from bboxprep.recipe.combining import CopyPaste
from bboxprep.recipe.crops import Crop, Tile
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.load import read_recipe, recipe_of
from bboxprep.recipe.recipe import ImageContext, Recipe

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "recipes.md"
BOXES = np.array([[10.0, 20.0, 30.0, 60.0], [90.0, 70.0, 130.0, 80.0]])  # in an image of 100 x 80


@pytest.mark.parametrize(
    ("step", "crop"),
    [
        (Isolate(), (10, 20, 20, 40)),
        (Isolate(0.1), (6, 16, 28, 48)),
        (Isolate(square=True), (0, 20, 40, 40)),
        (Isolate(1.0, square=True), (0, 0, 80, 80)),  # no higher than the image
    ],
)
def test_the_crop_is_the_box_with_its_margin_inside_the_image(step: Isolate, crop: tuple[int, ...]) -> None:
    x, y, width, height = crop
    assert step.crop(BOXES[:1], Size(100, 80)) == Crop(x, y, width, height)


def test_what_is_outside_of_the_image_counts_for_nothing() -> None:
    assert Isolate().crop(BOXES, Size(100, 80)) == Crop(10, 20, 90, 60)
    with pytest.raises(PlanError, match="nothing of the object is in the image"):
        Isolate().crop(BOXES[1:], Size(80, 80))


def test_it_stands_for_the_steps_of_one_image() -> None:
    recipe = Recipe(Isolate(background="pad"), Letterbox(32))
    made = recipe.isolated(Size(100, 80), ImageContext(Size(100, 80)).turn, BOXES[:1])
    assert [next(iter(step)) for step in made.options()["steps"]] == ["crop", "background", "letterbox"]
    with pytest.raises(UsageError, match="becomes several, want a plan for one"):
        recipe.plan(Size(100, 80), ImageContext(Size(100, 80)).turn)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "isolate"),
        ({"margin": "10%", "square": True}, "isolate margin 0.1 square"),
        ({"classes": "cat", "min_size": 8, "background": "pad"}, "isolate cat of 8 px or more background filled"),
        (
            {"classes": ["cat", "dog", "cat"], "together": True, "others": "keep"},
            "isolate cat, dog together others kept",
        ),
    ],
)
def test_it_is_read_from_plain_data_and_says_what_it_does(options: dict[str, Any], words: str) -> None:
    recipe = recipe_of([{"isolate": options}])
    assert str(recipe) == f"upright > {words}"
    assert recipe_of(recipe.options()) == recipe


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"margin": -0.1}, "isolate: margin: have -0.1"),
        ({"margin": "ten"}, "isolate: margin: have 'ten'"),
        ({"square": 1}, "isolate: square: have 1"),
        ({"classes": [3]}, "isolate: classes: have [3], want names of classes"),
        ({"min_size": 2.5}, "isolate: min_size: have 2.5, want a whole number of px"),
        ({"others": "some"}, "isolate: others: have 'some'"),
        ({"background": "blur"}, "isolate: background: have 'blur'"),
    ],
)
def test_what_is_no_option_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        Isolate(**options)


def test_it_is_wanted_once_and_for_all_splits() -> None:
    for steps in ((Isolate(), Isolate()), (Isolate(), Tile(9))):
        with pytest.raises(UsageError, match=r"want it once|want one of them"):
            Recipe(*steps)
    with pytest.raises(UsageError, match="copy_paste: have it beside isolate"):
        Recipe(Isolate(), augment=Augment(CopyPaste()))
    with pytest.raises(UsageError, match="isolate: have it under augment"):
        Recipe(augment=Augment(Isolate()))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("10%:square", {"margin": 0.1, "square": True}),
        ("0.25", {"margin": 0.25, "square": False}),
        (":square", {"margin": 0.0, "square": True}),
    ],
)
def test_the_command_line_has_margin_and_square(text: str, options: dict[str, Any]) -> None:
    assert parse_isolate(text) == options


@pytest.mark.parametrize("text", ["10%:round", "wide"])
def test_other_words_on_the_command_line_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="`isolate`: have"):
        parse_isolate(text)


def test_the_examples_of_the_page_are_recipes(tmp_path: Path) -> None:
    section = PAGE.read_text(encoding="utf-8").split("## Images of single objects")[1].split("\n## ")[0]
    recipes = []
    for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)):
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
        recipes.append(read_recipe(tmp_path / f"{number}.yaml"))
    crop_around = Isolate(0.05, classes=("person",), together=True, others="keep")
    assert recipes == [Recipe(Isolate(0.1, square=True, min_size=32), Letterbox(224)), Recipe(crop_around)]
