"""The shortest decimal that leads from one edge to another, of many at once."""

from __future__ import annotations

from math import inf, nextafter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.decimals import lengths

PLACES = st.integers(0, 17)


def one_by_one(start: float, end: float) -> float:
    """What `lengths` finds, by Python's own `round`."""
    distance = end - start
    low, high = (0, 2) if start + round(distance, 2) == end else (3, 18)
    while low < high:
        places = (low + high) // 2
        low, high = (low, places) if start + round(distance, places) == end else (places + 1, high)
    candidates = (round(distance, low), distance, nextafter(distance, -inf), nextafter(distance, inf))
    return next((found for found in candidates if start + found == end), distance)


@st.composite
def edges(draw: st.DrawFn) -> tuple[float, float]:
    """Two edges: decimals of few places, halves of the last one, or any numbers."""
    places = draw(PLACES)
    decimal = st.integers(-(10**7), 10**7).map(lambda number: number / 10**places)
    half = st.integers(-(10**6), 10**6).map(lambda number: (2 * number + 1) / (2 * 10 ** min(places, 9)))
    side = decimal | half | st.floats(-1e9, 1e9)
    start, span = draw(side), draw(side)
    return start, draw(st.sampled_from((start + span, span)))


@given(pairs=st.lists(edges(), min_size=1, max_size=40))
def test_lengths_are_those_that_are_found_one_by_one(pairs: list[tuple[float, float]]) -> None:
    start, end = np.array(pairs).T
    assert lengths(start, end).tolist() == [one_by_one(*pair) for pair in pairs]


@given(start=st.floats(0, 1e4), span=st.floats(0, 1e4))
def test_a_length_that_came_from_a_sum_gives_that_sum(start: float, span: float) -> None:
    assert start + length(start, start + span) == start + span


@given(start=st.integers(0, 10**6), span=st.integers(0, 10**6), places=st.integers(0, 6))
def test_a_length_is_the_decimal_it_was_read_as(start: int, span: int, places: int) -> None:
    x, width = start / 10**places, span / 10**places
    assert length(x, x + width) == width


@given(ends=st.tuples(st.floats(0, 100), st.floats(0, 100)))
def test_a_length_is_never_off_by_more_than_rounding(ends: tuple[float, float]) -> None:
    start, end = sorted(ends)
    assert start + length(start, end) == pytest.approx(end, rel=2**-52, abs=2**-52)


def test_no_length_is_found_for_nothing() -> None:
    assert lengths(np.zeros(0), np.zeros(0)).shape == (0,)


def length(start: float, end: float) -> float:
    (found,) = lengths(np.array([start]), np.array([end])).tolist()
    return float(found)
