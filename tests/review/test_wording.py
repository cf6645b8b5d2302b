from __future__ import annotations

from typing import Any

import pytest

from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.appearance import Exposure
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.values import OneOf
from bboxprep.review.wording import drawn_words, recipe_words


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({}, ["upright"]),
        ({"upright": False, "steps": []}, ["as stored"]),
        (
            {"steps": [{"letterbox": {"size": [640, 480]}}, {"flip": {"axis": "horizontal"}}]},
            ["upright", "letterbox 640×480", "flip horizontal"],
        ),
        (
            {"steps": [{"exposure": {"gain": [0.7, 1.4, 2.0], "p": 0.5}}, "grayscale"]},
            ["upright", "exposure gain 0.7, 1.4, 2 p 0.5", "grayscale"],
        ),
        ({"steps": 3, "augment": {"copies": [], "steps": None}}, ["upright", "training images:  of each"]),
        ({"steps": [{"albumentations": {"pipeline": {"transform": "x" * 90}}}]}, None),
    ],
)
def test_any_recipe_in_words(recipe: dict[str, Any], words: list[str] | None) -> None:
    said = recipe_words(recipe)
    assert said == words if words else all(len(word) < 80 for word in said)


def test_what_is_for_training_images_is_said_to_be() -> None:
    steps = (Rotate((-15.0, 15.0)), Exposure(OneOf((0.7, 1.4))), Flip(p=0.5, keep=("sign", "text")))
    recipe = Recipe(Letterbox(320), augment=Augment(*steps, copies=3, plain=True), seed=4)
    assert recipe_words(recipe.options()) == [
        "upright",
        "letterbox 320×320",
        "training images: 3 of each, the first plain",
        "rotate degrees -15 to 15 canvas keep",
        "exposure gain one of 0.7, 1.4 space linear",
        "flip axis horizontal keep sign, text p 0.5",
    ]


def test_what_was_drawn_for_one_image() -> None:
    drawn = Recipe(Letterbox(320), Rotate(12.5)).options()
    assert (
        drawn_words(drawn, 1, "r0c2")
        == "copy 2, tile r0c2: upright > letterbox 320×320 > rotate degrees 12.5 canvas keep"
    )
    assert drawn_words(None, 0, "") == ""
