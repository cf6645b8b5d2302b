"""Filters as plain data, as text, on the command line and in a recipe."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import UsageError
from bboxprep.model.conditions import NUMBERS, TEXTS, Condition
from bboxprep.model.filters import NO_FILTERS, Filters, SizeLimit, side_limits
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.load import read_recipe, recipe_of
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.text_yaml import to_yaml
from tests.recipe.recipes import NAMES as OTHERS

NAMES = OTHERS.filter(lambda name: name not in ("", "*"))
LIMITS = st.builds(SizeLimit, st.floats(0, 100), st.sampled_from(["px", "%"]), st.just("") | NAMES)
SEVERAL = st.lists(LIMITS, max_size=3, unique_by=lambda limit: limit.category).map(tuple)
SIGNS = st.sampled_from([">=", "<=", "!=", ">", "<", "="])
WORDS = st.sampled_from(["cats and dogs/*", "'a'", '"b"', "it's and its", "a or width>3", "a and 'b'", 'c and "d"'])
CONDITIONS = st.one_of(
    st.builds(Condition, st.sampled_from(NUMBERS), SIGNS, st.integers(0, 9999).map(str)),
    st.builds(Condition, st.sampled_from(TEXTS), st.sampled_from(["=", "!="]), OTHERS.map(str.strip) | WORDS),
)
FILTERS = st.builds(
    Filters,
    SEVERAL,
    SEVERAL,
    st.lists(NAMES, max_size=3, unique=True).map(tuple),
    st.floats(0, 1),
    st.lists(CONDITIONS, max_size=2).map(tuple),
    st.integers(0, 9),
    st.sampled_from(["", "report", "drop"]),
    st.frozensets(NAMES, max_size=3),
)


@given(FILTERS)
def test_plain_data_and_text_give_the_filters_again(tmp_path_factory: pytest.TempPathFactory, filters: Filters) -> None:
    assert Filters.of(json.loads(json.dumps(filters.options()))) == filters
    recipe = Recipe(Letterbox(64), filters=filters)
    assert recipe_of(recipe.options()) == recipe
    path = tmp_path_factory.getbasetemp() / "filters.yaml"
    path.write_text(to_yaml(recipe), encoding="utf-8")
    assert read_recipe(path) == recipe
    assert bool(filters) == bool(filters.options()) == (filters != NO_FILTERS)


@given(st.lists(CONDITIONS, min_size=1, max_size=3))
def test_conditions_joined_by_and_are_each_of_them(conditions: list[Condition]) -> None:
    assert Filters.of({"where": " and ".join(map(str, conditions))}).where == tuple(conditions)


def test_a_sentence_is_its_conditions() -> None:
    said = Filters.of({"where": """width > 640 AND split == "train" and path = 'cats and dogs/*'"""}).where
    assert said == (
        Condition("width", ">", "640"),
        Condition("split", "=", "train"),
        Condition("path", "=", "cats and dogs/*"),
    )


@given(SEVERAL, st.lists(NAMES, min_size=1, max_size=4), st.integers(1, 900), st.integers(1, 900))
def test_a_limit_is_that_of_the_class_else_that_of_all_others(
    limits: tuple[SizeLimit, ...], names: list[str], width: int, height: int
) -> None:
    found = side_limits(limits, names, np.tile([float(width), float(height)], (len(names), 1)))
    for name, sides in zip(names, found.tolist(), strict=True):
        own = [limit for limit in limits if limit.category == name] or [one for one in limits if not one.category]
        for side, have in zip((width, height), sides, strict=True):
            if not own:
                assert math.isnan(have)
            else:
                want = own[0].value if own[0].unit == "px" else own[0].value * side / 100
                assert math.isclose(have, want, rel_tol=1e-12, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (8, "filters: have 8, want a map of filters, as in min_size: 8"),
        (
            {"min_sise": 8},
            "filters: have 'min_sise', want one of min_size, max_size, only_images_with, drop_empty",
        ),
        ({"min_size": "8 cm"}, r"min_size: have '8 cm', want N \(px\) or N% of the side of the image"),
        ({"max_size": -1}, r"max_size: have -1, want N \(px\) or N%"),
        ({"max_size": True}, r"max_size: have True, want N \(px\) or N%"),
        ({"min_size": "101%"}, "min_size: have 101%, want 0 to 100%"),
        ({"only_images_with": 7}, "only_images_with: have 7, want names of classes"),
        ({"where": "widht>3"}, "where: have 'widht', want one of width, height, .*did you mean 'width'"),
        ({"where": ["width"]}, "where: have 'width', want FIELD>=VALUE"),
        ({"where": "split>train"}, "where: have 'split>train', want split=PATTERN or split!=PATTERN"),
        ({"where": "width>=wide"}, "where: have 'width>=wide', want a number after width>="),
        ({"where": "split=a or width>3"}, "where: have 'split=a or width>3', want conditions .* joined by and"),
        ({"where": 3}, "where: have 3, want a list"),
        ({"drop_empty": 1.5}, "drop_empty: have 1.5, want a share of 0 to 1"),
    ],
)
def test_what_is_no_filter_is_refused_by_name(data: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Filters.of(data)


def test_two_limits_for_one_class_are_refused() -> None:
    with pytest.raises(UsageError, match="min_size: have two limits for the class 'cat', want one"):
        Filters(min_size=(SizeLimit(1, category="cat"), SizeLimit(2, category="cat")))
    with pytest.raises(UsageError, match="max_size: have two limits for all classes, want one"):
        Filters(max_size=(SizeLimit(1), SizeLimit(2)))


def test_a_fault_in_a_file_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("steps:\n  - letterbox: 64\nfilters:\n  min_size:\n    cat: wide\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"recipe.yaml: line [45]: min_size: have 'wide'"):
        read_recipe(path)
