from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Amount, OneOf
from tests.recipe.recipes import amounts

KEYS = st.text(max_size=12)
DRAWS = st.builds(Draw, st.integers(0, 2**63 - 1), KEYS, st.integers(0, 99), st.integers(-9, 9))


@given(DRAWS, st.text(max_size=5))
def test_a_number_hangs_on_its_key_alone(draw: Draw, name: str) -> None:
    again = Draw(draw.seed, draw.key, draw.copy, draw.step)
    _ = again.uniform("asked before")
    assert draw.uniform(name) == again.uniform(name)
    assert 0.0 <= draw.uniform(name) < 1.0


@given(DRAWS, DRAWS)
def test_another_key_is_another_number(one: Draw, other: Draw) -> None:
    assume(one != other)
    assert one.number("x") != other.number("x")


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    keys = [Draw(1, "a1", 2, 3), Draw(1, "a", 12, 3), Draw(11, "a", 2, 3), Draw(1, "a", 2, 13), Draw(1, "a1", 2, -3)]
    assert len({draw.number("x") for draw in keys}) == len(keys)


def test_numbers_are_these_on_any_machine() -> None:
    draw = Draw(7, "train/a.jpg", 0, 0)
    assert [draw.uniform("p"), draw.uniform("degrees")] == KNOWN
    code = "from bboxprep.recipe.random_draw import Draw; d = Draw(7, 'train/a.jpg', 0, 0); print(d.uniform('p'))"
    for salt in ("0", "1"):
        run = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": salt}
        )
        assert float(run.stdout) == KNOWN[0]


KNOWN = [0.4037990567659976, 0.4319517323363078]


@given(DRAWS, amounts(-5.0, 5.0))
def test_an_amount_is_settled_within_itself(draw: Draw, amount: Amount) -> None:
    found = draw.amount("x", amount)
    match amount:
        case (low, high):
            assert low <= found <= high
        case OneOf(values):
            assert found in values
        case _:
            assert found == amount


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


BY_ONE: dict[str, Callable[[int], Draw]] = {
    "seed": lambda n: Draw(n, "a", 0, 0),
    "key": lambda n: Draw(0, f"train/{n:06}.jpg", 0, 0),
    "copy": lambda n: Draw(0, "a", n, 0),
    "step": lambda n: Draw(0, "a", 0, n),
}


@pytest.mark.parametrize("draws", BY_ONE.values(), ids=BY_ONE)
def test_keys_that_count_up_give_numbers_that_are_spread_evenly_and_have_no_memory(
    draws: Callable[[int], Draw],
) -> None:
    values = np.array([draws(n).uniform("x") for n in range(5000)])
    assert chi_square([int(count) for count in np.histogram(values, 20, (0, 1))[0]]) < 45.3  # p = 0.0006, 19 degrees
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.05
    other = np.array([draws(n).uniform("y") for n in range(5000)])
    assert abs(np.corrcoef(values, other)[0, 1]) < 0.05


def test_each_of_a_choice_comes_as_often() -> None:
    found = Counter(Draw(0, str(n), 0, 0).amount("x", OneOf((0.0, 90.0, 180.0, 270.0))) for n in range(4000))
    assert chi_square(list(found.values())) < 16.3  # p = 0.001, 3 degrees
