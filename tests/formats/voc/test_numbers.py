"""Values as VOC spells them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from hypothesis import given
from hypothesis import strategies as st

from bboxprep.formats.corner_numbers import one_more, parse_corner, shortest
from bboxprep.formats.text_values import decode_value, encode_value
from bboxprep.formats.voc.numbers import text_below
from bboxprep.model.validation import FARTHEST


@given(
    st.decimals(-100_000, 100_000, places=6) | st.decimals(0, 2, places=6) | st.integers(-100_000, 100_000).map(Decimal)
)
def test_a_corner_is_rounded_once_and_so_is_that_corner_less_one(number: Decimal) -> None:
    corner = parse_corner(f"{number:f}")

    assert corner.value == float(number)
    assert corner.less_one == float(number - 1)
    assert isinstance(corner.value, int) == (number == number.to_integral_value())
    assert corner.decimals == ("." in f"{number:f}")


@given(
    st.floats(0, FARTHEST - 2) | st.floats(0, 1e-60) | st.sampled_from([5e-324, 5e-64, 6e-64, 2.2250738585072014e-308])
)
def test_every_coordinate_comes_back_from_its_text_and_from_that_of_one_more(value: float) -> None:
    assert parse_corner(shortest(value)).value == value
    assert parse_corner(one_more(value)).less_one == value


texts = st.sampled_from([None, "", "a", "b"])


@given(st.lists(st.tuples(st.sampled_from(["source", "size"]), st.lists(st.tuples(st.sampled_from("xy"), texts)))))
def test_the_text_below_is_what_a_path_finds(tree: list[tuple[str, list[tuple[str, str | None]]]]) -> None:
    root = Element("annotation")
    for outer, inner in tree:
        parent = SubElement(root, outer)
        for tag, text in inner:
            SubElement(parent, tag).text = text

    assert text_below(root, "source", "x") == (root.findtext("source/x") or "")


def test_a_value_nested_deeper_than_anybody_means_stays_text() -> None:
    def nested(levels: int) -> Any:
        return [nested(levels - 1)] if levels > 1 else {"a": 1}

    for levels, value in ((64, nested(64)), (65, json.dumps(nested(65))), (65, "[" * 600 + "]" * 600)):
        assert decode_value(encode_value(value)) == value, levels
