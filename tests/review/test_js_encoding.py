from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.review.js_encoding import call, encode, without_surrogates

LETTERS = st.text(st.characters(codec=None))  # halves of surrogate pairs as well
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | LETTERS,
    lambda inner: st.lists(inner) | st.dictionaries(LETTERS, inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_encoded_comes_back_and_holds_no_markup(value: Any) -> None:
    text = encode(value)
    assert text.isascii()
    assert not set(text) & set("<>&")
    assert json.loads(text) == value


@given(LETTERS)
def test_legible_text_is_utf8_and_is_left_alone_where_it_was(text: str) -> None:
    plain = without_surrogates(text)
    assert len(plain) == len(text)
    assert plain.encode("utf-8").decode("utf-8") == plain
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert plain == text


def test_a_call_is_one_line() -> None:
    assert call("Review.chunk", 3, ["</script>\n"]) == 'Review.chunk(3,["\\u003c/script\\u003e\\n"]);\n'


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(float("nan"))
