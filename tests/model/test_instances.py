from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.model.columns import Column, default_column
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Polygons
from tests.strategies import instances

SIZE = Size(20, 15)
objects = instances(SIZE, spill=5.0)
TWO = [[0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 3.0, 2.0]]


def columns(of: Instances) -> dict[str, Any]:
    return {field.name: getattr(of, field.name) for field in fields(of)}


def arrays(of: Instances) -> list[Any]:
    found = [column for column in columns(of).values() if isinstance(column, np.ndarray)]
    return [*found, *(ring for rings in of.polygons for ring in rings)]


@given(objects)
def test_every_column_has_a_row_an_object(some: Instances) -> None:
    assert {len(column) for column in columns(some).values()} == {len(some)}


@given(objects)
def test_arrays_cannot_be_written_to(some: Instances) -> None:
    for array in arrays(some):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(FrozenInstanceError):
        some.boxes = np.zeros((0, 4))  # type: ignore[misc]  # that is the test


@given(objects)
def test_rings_that_are_put_in_later_are_frozen_too(some: Instances) -> None:
    moved = replace(some, polygons=Polygons.of([ring + 1.0 for ring in rings] for rings in some.polygons))
    assert not any(array.flags.writeable for array in arrays(moved))


def test_what_is_handed_in_is_copied() -> None:
    boxes, ring = np.array(TWO), np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    some = Instances.of(boxes, polygons=[[ring], []])
    boxes[0, 0] = ring[0, 0] = 99.0
    assert some.boxes[0, 0] == some.polygons[0][0][0, 0] == 0.0


@given(objects)
def test_equal_by_value(some: Instances) -> None:
    again = Instances.of(**{**columns(some), "polygons": some.polygons, "masks": some.masks})
    assert again == some
    assert some != "something else"


@given(objects.filter(len), st.data())
def test_a_change_in_any_column_makes_them_differ(some: Instances, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(some) - 1))
    for name, column in columns(some).items():
        if isinstance(column, np.ndarray) and column[row].size:
            other = column.copy()
            other[row] = np.where(np.isnan(other[row]), 1, other[row] == 0) if column.dtype != np.bool_ else ~other[row]
            change: dict[str, Any] = {name: other}
            assert replace(some, **change) != some, name
    changed = tuple({"other": True} if at == row else each for at, each in enumerate(some.attributes))
    assert replace(some, attributes=changed) != some
    changed_masks = tuple(None if at == row else each for at, each in enumerate(some.masks))
    assert (replace(some, masks=changed_masks) == some) == (some.masks[row] is None)


@given(objects, st.data())
def test_selecting_rows_selects_them_in_every_column(some: Instances, data: st.DataObject) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(some), max_size=len(some)))
    rows = np.flatnonzero(keep)
    by_mask, by_number = some.select(np.array(keep, dtype=np.bool_)), some.select(rows)
    assert by_mask == by_number
    assert len(by_mask) == sum(keep)
    for at, row in enumerate(rows):
        assert by_mask.select([at]) == some.select([row])
        assert np.array_equal(by_mask.boxes[at], some.boxes[row])
        assert by_mask.masks[at] is some.masks[row]
        assert by_mask.attributes[at] is some.attributes[row]


@given(objects)
def test_selecting_all_or_none(some: Instances) -> None:
    assert some.select(np.ones(len(some), dtype=np.bool_)) == some
    assert some.select(range(len(some))) == some
    assert len(some.select([])) == len(some.select(np.zeros(len(some), dtype=np.bool_))) == 0
    assert some.select([]).keypoints.shape == (0, *some.keypoints.shape[1:])


@given(objects, st.data())
def test_what_they_have_goes_with_the_rows(some: Instances, data: st.DataObject) -> None:
    rows = data.draw(st.permutations(range(len(some))))
    for column in Column:
        has = some.has(column)
        assert has.shape == (len(some),)
        assert has.dtype == np.bool_
        assert np.array_equal(some.select(list(rows)).has(column), has[list(rows)])


def test_bare_boxes_have_boxes_and_nothing_else() -> None:
    bare = Instances.of(TWO)
    assert [column for column in Column if bare.has(column).any()] == [Column.BOXES]
    assert bare.labels.tolist() == [0, 0]
    assert len(Instances.of()) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": [1]},
        {"labels": [[1, 2], [3, 4]]},
        {"crowd": []},
        {"polygons": [[]]},
        {"masks": [None]},
        {"areas": [1.0, 2.0, 3.0]},
        {"ids": 5},
        {"attributes": [{}]},
        {"keypoints": np.zeros((2, 3, 3))},
        {"keypoints": np.zeros((2, 3, 2)), "visibility": np.zeros((2, 2))},
        {"keypoints": np.zeros((2, 2))},
        {"visibility": np.zeros((2, 2))},
    ],
)
def test_a_column_of_another_shape_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Instances.of(TWO, **wrong)


def test_values_are_not_policed() -> None:
    bad = Instances.of([[np.nan, 5.0, 1.0, np.inf]], labels=[-3], scores=[7.0])
    assert len(bad) == 1


@given(objects, st.data())
def test_parts_are_what_is_selected_of_the_whole(some: Instances, data: st.DataObject) -> None:
    ends = sorted(data.draw(st.lists(st.integers(0, len(some)), max_size=3)))
    starts = [0, *ends]
    parts = some.split_by_counts([end - start for start, end in zip(starts, [*ends, len(some)], strict=True)])
    for part, start, end in zip(parts, starts, [*ends, len(some)], strict=True):
        assert part == some.select(np.arange(start, end))
        assert part.column_counts == some.select(np.arange(start, end)).column_counts
        assert not any(array.flags.writeable for array in arrays(part))


@given(st.integers(0, 600), st.sampled_from([(0, np.int64), (False, np.bool_), (np.nan, np.float64), (1, np.float64)]))
def test_an_unsaid_column_holds_one_value_and_cannot_be_changed(count: int, kind: tuple[float, type[Any]]) -> None:
    column = default_column(count, *kind)

    np.testing.assert_array_equal(column, np.full(count, kind[0]))
    assert column.dtype == kind[1]
    assert not column.flags.writeable


@given(st.lists(objects, max_size=3))
def test_what_is_stacked_is_all_of_its_parts_in_their_order(parts: list[Instances]) -> None:
    whole = Instances.concat(parts)
    points = max((part.visibility.shape[1] for part in parts), default=0)
    assert whole.visibility.shape == (sum(map(len, parts)), points)
    for own, part in zip(whole.split_by_counts(map(len, parts)), parts, strict=True):
        had = part.visibility.shape[1]
        assert not own.visibility[:, had:].any()
        narrow = replace(own, keypoints=own.keypoints[:, :had], visibility=own.visibility[:, :had])
        assert narrow == part


@given(objects, st.data())
def test_parts_that_follow_each_other_are_joined_as_others_are(some: Instances, data: st.DataObject) -> None:
    """As without their common whole: in any order, with gaps, and with other objects between them."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(some)), max_size=3)))
    parts = some.split_by_counts([end - start for start, end in zip([0, *cuts], [*cuts, len(some)], strict=True)])
    chosen = data.draw(st.lists(st.sampled_from([*parts, Instances.of(TWO)]), min_size=1, max_size=6))
    alone = [one.select(range(len(one))) for one in chosen]
    joined = Instances.concat(chosen)
    assert joined == Instances.concat(alone)
    assert joined.column_counts == Instances.concat(alone).column_counts
    assert Instances.concat(parts) == some
    assert pickle.loads(pickle.dumps(parts[0])) == parts[0]
