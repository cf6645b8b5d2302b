from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from bboxprep.frames.likelihood import MEASURES, MOST, TURNS, WEIGHTS, frame_of, log_odds, turn_of, vote_weights
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.model.sample import Frame

Measures = NDArray[np.float64]
KINDS = len(MEASURES)


def measures(*shape: int) -> st.SearchStrategy[Measures]:
    """Arrays of the sizes that real measures have."""
    return arrays.arrays(np.float64, (*shape, KINDS), elements=st.floats(-2.0, 2.0, width=32))


pairs = st.integers(0, 12).flatmap(lambda count: st.tuples(measures(count), measures(count)))


@given(pairs)
def test_exchanging_the_readings_exchanges_the_verdict(pair: tuple[Measures, Measures]) -> None:
    one, other = pair
    votes = np.linspace(0.1, 1.0, len(one))
    assert (log_odds(one, other) == -log_odds(other, one)).all()
    swapped = {None: None, Frame.STORED: Frame.DISPLAYED, Frame.DISPLAYED: Frame.STORED}
    assert frame_of(other, one, votes) is swapped[frame_of(one, other, votes)]


@given(measures(), measures(), st.integers(1, 60))
def test_copies_of_a_photo_have_one_vote(one: Measures, other: Measures, copies: int) -> None:
    gist = np.zeros(192)
    gist[7] = 1.0
    votes = vote_weights(np.tile(gist, (copies, 1)))
    assert votes.sum() == pytest.approx(1.0)
    assert frame_of(np.tile(one, (copies, 1)), np.tile(other, (copies, 1)), votes) is None


def test_each_photo_unlike_the_others_has_a_vote() -> None:
    assert vote_weights(np.eye(5)).tolist() == [1.0] * 5
    assert vote_weights(np.eye(5)[[0, 1, 1, 2, 1]]) == pytest.approx([1.0, 1 / 3, 1 / 3, 1.0, 1 / 3])
    assert vote_weights(np.zeros((3, 5))).tolist() == [1.0] * 3  # plain pictures, which measure nothing


@given(measures(), measures())
def test_no_photo_decides_alone(one: Measures, other: Measures) -> None:
    assert abs(log_odds(one, other)) <= MOST
    assert frame_of(one[None], other[None], np.ones(1)) is None
    assert turn_of(np.stack([other] + [one] * 7)[None], np.ones(1)) is None


def test_every_measure_speaks_for_the_reading_that_has_more_of_it() -> None:
    assert len(WEIGHTS) == KINDS
    assert min(WEIGHTS) > 0


def test_many_photos_decide_what_few_cannot() -> None:
    for count, better, frame in ((2, 0.03, None), (30, 0.03, Frame.STORED), (30, -0.03, Frame.DISPLAYED)):
        other = np.random.default_rng(0).uniform(-2.0, 2.0, (count, KINDS))
        assert frame_of(other + better, other, np.ones(count)) is frame
    assert frame_of(other + 0.03, other, np.full(30, 1 / 30)) is None


@pytest.mark.parametrize("code", range(1, 9))
def test_the_turn_that_looks_best_is_named(code: int) -> None:
    group = np.random.default_rng(code).uniform(-2.0, 2.0, (20, 1, KINDS)) + np.zeros((20, 8, KINDS))
    group[:, code - 1] += 0.1
    assert turn_of(group, np.ones(20)) == (None if TURNS[code - 1] == IDENTITY else TURNS[code - 1])


def test_photos_that_measure_alike_under_every_turn_say_nothing() -> None:
    assert turn_of(np.ones((20, 8, KINDS)), np.ones(20)) is None
    assert frame_of(np.ones((20, KINDS)), np.ones((20, KINDS)), np.ones(20)) is None
