from __future__ import annotations

from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import UsageError
from bboxprep.formats.vlm.numbers import resized
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Place, Plan
from bboxprep.recipe.multiples import Multiple

SIZES = st.builds(Size, st.integers(1, 5000), st.integers(1, 5000))


def outcome(step: Multiple, size: Size) -> Size:
    return Plan(size).then(*step.steps(size)).size


@given(SIZES, st.integers(1, 64), st.integers(0, 2_000_000))
def test_both_sides_are_multiples_and_the_limit_holds(size: Size, of: int, more: int) -> None:
    step = Multiple(of, max_pixels=of * of + more)
    made = outcome(step, size)
    assert made.width % of == 0 == made.height % of
    assert made.pixels <= of * of + more
    assert outcome(step, made) == made


@given(st.builds(Size, st.integers(28, 4000), st.integers(28, 4000)), st.integers(100 * 28 * 28, 16384 * 28 * 28))
def test_stretched_sizes_are_those_of_the_processor_of_qwen(size: Size, most: int) -> None:
    step = Multiple(28, max_pixels=most)
    made, wanted = outcome(step, size), resized(size, 28 * 28, most)
    exact = [side * sqrt(most / size.pixels) / 28 for side in size]  # whole, it falls below in theirs by float64
    whole = any(abs(each - round(each)) < 1e-9 for each in exact)
    assert made == wanted or wanted.pixels > most or whole  # theirs is beyond its limit where a side is one patch
    assert resized(made, 28 * 28, most) == made


@given(SIZES, st.integers(2, 64))
def test_a_padded_image_is_whole_and_the_margin_is_less_than_a_multiple(size: Size, of: int) -> None:
    made = outcome(Multiple(of, "pad"), size)
    assert all(side % of == 0 and 0 <= side - old < of for side, old in zip(made, size, strict=True))


def test_numbers_by_hand() -> None:
    assert outcome(Multiple(28), Size(640, 427)) == (644, 420)
    assert outcome(Multiple(28), Size(3, 1000)) == (28, 1008)
    assert outcome(Multiple(max_pixels=300_000), Size(640, 480)) == (632, 474)
    assert outcome(Multiple(max_pixels=1000), Size(10_000, 2)) == (1000, 1)
    assert Multiple(32, "pad").steps(Size(640, 427))[-1] == Place(Size(640, 448), 0, 10)
    assert Multiple(32, "pad", place="top-left").steps(Size(640, 427))[-1] == Place(Size(640, 448), 0, 0)


def test_its_words() -> None:
    words = [Multiple(28), Multiple(32, "pad", place="top-left"), Multiple(28, max_pixels=1_003_520)]
    assert list(map(str, words)) == [
        "multiple 28",
        "multiple 32 padded top-left",
        "multiple 28, at most 1,003,520 pixels",
    ]
    assert str(Multiple(max_pixels=250_000)) == "at most 250,000 pixels"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "of: have none"),
        ({"of": 0}, "of: have 0"),
        ({"of": 5000}, "of: have 5000"),
        ({"of": "28"}, "of: have '28'"),
        ({"of": 28, "how": "crop"}, "how: have 'crop', want one of stretch, pad"),
        ({"of": 28, "place": "top-left"}, "place: have 'top-left', but nothing is padded"),
        ({"of": 28, "max_pixels": 783}, "max_pixels: have 783, want a whole number of 784"),
        ({"of": 28, "how": "pad", "max_pixels": 9999}, "max_pixels: have it with how: pad"),
    ],
)
def test_a_wrong_option_says_what_was_wanted(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("(", r"\\(")):
        Multiple(**options)
