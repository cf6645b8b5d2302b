"""The ragged column of polygons is a list of tuples of rings, whatever its arrays share."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.model.polygons import Polygons
from tests import strategies

Nested = list[list[Any]]
ring = strategies.points(Size(20, 15), 1, 5)
nested = st.lists(st.lists(ring, max_size=3), max_size=6)


def plain(polygons: Polygons) -> Nested:
    """The points of each ring as lists."""
    return [[points.tolist() for points in rings] for rings in polygons]


def listed(rings: Nested) -> Nested:
    return [[points.tolist() for points in own] for own in rings]


@given(nested, st.data())
def test_it_is_the_list_of_its_objects(rings: Nested, data: st.DataObject) -> None:
    column, wanted = Polygons.of(rings), listed(rings)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(rings))] * 2)))
    part = column[start:end]
    assert plain(column) == wanted
    assert plain(part) == wanted[start:end]
    assert plain(part[1:]) == wanted[start:end][1:]
    assert [[one.tolist() for one in part[row]] for row in range(len(part))] == wanted[start:end]
    assert part.counts.tolist() == list(map(len, wanted[start:end]))
    assert part.lengths.tolist() == [len(one) for own in wanted[start:end] for one in own]
    assert part.count(()) == wanted[start:end].count([])
    assert part.holds_any == any(wanted[start:end])


@given(nested, st.data())
def test_rows_and_parts_are_chosen_and_joined_as_of_a_list(rings: Nested, data: st.DataObject) -> None:
    column, wanted = Polygons.of(rings), listed(rings)
    cut = data.draw(st.integers(0, len(rings)))
    rows = data.draw(st.lists(st.integers(0, len(rings) - 1), max_size=6) if rings else st.just([]))
    assert plain(column.select(np.array(rows, dtype=np.int64))) == [wanted[row] for row in rows]
    assert plain(column[::-1]) == wanted[::-1]
    assert plain(Polygons.concat([column[cut:], column[:cut]])) == wanted[cut:] + wanted[:cut]
    assert Polygons.concat([column[:cut], column[cut:]]) == column


@given(nested, st.data())
def test_a_move_changes_the_points_of_these_objects_alone(rings: Nested, data: st.DataObject) -> None:
    column = Polygons.of(rings)
    cut = data.draw(st.integers(0, len(rings)))
    moved = column[cut:].moved(lambda points: points * 2 + 1)
    assert plain(moved) == [[(points * 2 + 1).tolist() for points in own] for own in rings[cut:]]
    assert plain(column) == listed(rings)


@given(nested, nested)
def test_equal_and_hashed_by_value(rings: Nested, others: Nested) -> None:
    one, other = Polygons.of(rings), Polygons.of(others)
    assert (one == other) == (listed(rings) == listed(others))
    assert one == Polygons.of(rings)
    assert one[1:] == Polygons.of(rings[1:])
    assert pickle.loads(pickle.dumps(one[1:])) == one[1:]
    if len(rings) == len(others):
        assert (one.to_bytes() == other.to_bytes()) == (one == other)
    assert one != listed(rings)


def test_points_cannot_be_written_to_and_rows_beyond_the_end_raise() -> None:
    column = Polygons.of([[np.zeros((3, 2))], []])
    with pytest.raises(ValueError, match="read-only"):
        column[0][0][0, 0] = 1.0
    with pytest.raises(IndexError):
        column[2]
    assert column[-1] == ()
    assert len(pickle.dumps(Polygons.of([[np.zeros((1000, 2))], []])[1:])) < 1000
