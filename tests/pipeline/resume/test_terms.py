"""How two runs differ, in words."""

from __future__ import annotations

from json import dumps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.pipeline.resume.terms import term_words
from bboxprep.recipe.geometric import Letterbox, Resize
from bboxprep.recipe.recipe import Recipe


@pytest.mark.parametrize(
    ("name", "before", "now", "words"),
    [
        (
            *("recipe", Recipe(Letterbox(64)).options(), Recipe(Resize((80, 80))).options()),
            ("upright > letterbox 64x64 pad 114", "upright > resize 80x80"),
        ),
        (
            *("recipe", Recipe(Letterbox(64)).options(), Recipe(Letterbox(64), kernel="cubic").options()),
            ("upright > letterbox 64x64 pad 114, kernel auto", "upright > letterbox 64x64 pad 114, kernel cubic"),
        ),
        ("recipe", None, Recipe().options(), ("none", "upright")),
        (
            "rules",
            {"crowd": None, "outside": "clip"},
            {"crowd": "drop", "outside": "clip"},
            ("crowd none", "crowd drop"),
        ),
        ("images", "link", "copy", ("link", "copy")),
        ("sidecar", True, False, ("true", "false")),
        ("recipe", {"steps": [{"unheard": 1}]}, None, ('{"steps": [{"unheard": 1}]}', "null")),
    ],
)
def test_terms_are_told_in_words(name: str, before: Any, now: Any, words: tuple[str, str]) -> None:
    assert term_words(name, dumps(before), dumps(now)) == words


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["recipe", "rules", "images"]), values, values)
def test_any_two_values_are_told(name: str, before: Any, now: Any) -> None:
    """Whatever an earlier version has written, there is a message."""
    assert all(isinstance(words, str) for words in term_words(name, dumps(before), dumps(now)))
