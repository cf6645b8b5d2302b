"""The JSON Schema of recipes: what may be written passes it, and what may not is caught, as by the program itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator

from bboxprep.errors import UsageError
from bboxprep.recipe.catalog import ALIASES, STEPS
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.located_data import plain_data
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.schema import recipe_schema
from bboxprep.recipe.text_yaml import parse_yaml, to_yaml
from docs.generated import PAGES
from tests.recipe.recipes import recipes
from tests.recipe.test_hosted import VERSION
from tests.recipe.test_load import EXAMPLE, SHORT_WAYS

CHECK = Draft7Validator(recipe_schema())
SHOWN = [
    block
    for name in ("recipes.md", "filters.md")
    for block in re.findall(
        r"^```yaml\n(.*?)^```$", (PAGES / name).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
]


def data_of(text: str) -> Any:
    return plain_data(parse_yaml(text.encode()))


def test_it_is_a_schema_of_draft_7() -> None:
    Draft7Validator.check_schema(recipe_schema())


@settings(max_examples=40)
@given(recipes())
def test_every_recipe_passes(recipe: Recipe) -> None:
    CHECK.validate(json.loads(json.dumps(recipe.options())))


@pytest.mark.parametrize("text", [EXAMPLE, *SHOWN, *(text for text, _ in SHORT_WAYS)])
def test_every_way_to_write_one_passes(text: str) -> None:
    CHECK.validate(data_of(text))


def test_a_version_of_a_service_passes() -> None:
    CHECK.validate(VERSION)


@pytest.mark.parametrize("name", [*STEPS, *(alias.replace(" ", "_") for alias in ALIASES)])
def test_a_name_alone_passes_where_it_is_enough(name: str) -> None:
    assert CHECK.is_valid([name]) == (is_recipe([name]) or is_recipe({"augment": [name]}))
    assert not CHECK.is_valid([{name: {"no_option": 1}}])


def is_recipe(data: Any) -> bool:
    try:
        return isinstance(recipe_of(data), Recipe)
    except UsageError:
        return False


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("- flip", "- flpi"),
        ("- letterbox: {size: 640}", "- letterbox: {sise: 640}"),
        ("- letterbox: {size: 640}", "- letterbox: {size: 640, place: left}"),
        ("- letterbox: 640", "- letterbox: 0"),
        ("- letterbox: 640x480", "- letterbox: 640 by 480"),
        ("- resize: {width: 6, height: 4}", "- resize: {width: 6}"),
        ("- crop: [1, 2, 3, 4]", "- crop: [1, 2, 3]"),
        ("- grayscale: {channels: 1}", "- grayscale: {channels: one}"),
        ("- exposure: 1.2", "- exposure"),
        ("- exposure: 1.2", "- exposure: 0"),
        ("- upright", "- upright: twice"),
        ("upright: auto\nsteps: []", "upright: maybe\nsteps: []"),
        ("pad: 114\nsteps: []", "pad: 300\nsteps: []"),
        ("kernel: cubic\nsteps: []", "kernel: area\nsteps: []"),
        ("steps: []\nseed: 3", "steps: []\nsed: 3"),
        ("steps: []", "steps: []\npreprocess: []"),
        ("augment: [flip: {p: 0.5}]", "augment: [flip: {p: 5}]"),
        ("augment: [rotate: [-15, 15]]", "augment: [rotate: [-15, 900]]"),
        ("augment: [rotate: [-15, 15]]", "augment: [rotate: [-15, 0, 15]]"),
        ("augment: [hue: {one_of: [0, 90]}]", "augment: [hue: {one_of: []}]"),
        ("augment: {copies: 2, steps: [flip]}", "augment: {copies: 0, steps: [flip]}"),
        ("augment: {copies: {'*': 1, cat: 3}}", "augment: {copies: {'*': 1, cat: many}}"),
        ("augment: {balance: '0.1:5'}", "augment: {balance: {share: 2}}"),
        ("filters: {drop_empty: 0.5}", "filters: {drop_empty: 1.5}"),
        ("filters: {min_size: {'*': 8, cat: 2%}}", "filters: {minsize: 8}"),
        ("filters: {dedupe: drop}", "filters: {dedupe: all}"),
    ],
)
def test_what_the_program_refuses_is_caught(right: str, wrong: str) -> None:
    assert is_recipe(data_of(right))
    CHECK.validate(data_of(right))
    assert not is_recipe(data_of(wrong))
    assert not CHECK.is_valid(data_of(wrong))


def test_a_printed_recipe_passes() -> None:
    CHECK.validate(data_of(to_yaml(recipe_of(data_of(EXAMPLE)))))
