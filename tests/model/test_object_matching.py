"""Objects find their rows whatever became of the file around them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import hull
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.object_matching import GONE, UNWRITTEN, WrittenObjects, combined, combined_order, match
from tests.strategies import instances

SIZE = Size(64, 48)
SLACK = 0.01


def written(objects: Instances) -> WrittenObjects:
    return WrittenObjects.of(objects, objects.labels, SIZE)


@given(objects=instances(SIZE), data=st.data())
def test_each_finds_a_row_like_itself_in_any_order(objects: Instances, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(objects))))
    noise = data.draw(hnp.arrays(np.float64, (len(objects), 4), elements=st.floats(-SLACK, SLACK)))
    shuffled = objects.select(np.array(order, dtype=np.int64))
    rows = match(shuffled.boxes + noise, shuffled.labels, written(objects), 2 * SLACK)
    assert sorted(rows.tolist()) == list(range(len(objects)))
    assert np.abs(shuffled.boxes[rows] - objects.boxes).max(initial=0.0) <= 2 * SLACK
    assert (shuffled.labels[rows] == objects.labels).all()


@given(objects=instances(SIZE), data=st.data())
def test_what_was_taken_away_is_gone_and_takes_no_other_with_it(objects: Instances, data: st.DataObject) -> None:
    stays = data.draw(hnp.arrays(np.bool_, len(objects)))
    left = objects.select(stays)
    rows = match(left.boxes, left.labels, written(objects), SLACK)
    found = rows[rows != GONE]
    assert sorted(found.tolist()) == list(range(len(left)))
    assert np.abs(left.boxes[found] - objects.boxes[rows != GONE]).max(initial=0.0) <= 2 * SLACK  # two may be alike


@given(objects=instances(SIZE))
def test_another_class_or_a_moved_box_is_not_the_same(objects: Instances) -> None:
    assert (match(objects.boxes, objects.labels + 3, written(objects), SLACK) == GONE).all()
    assert (match(objects.boxes + 1000, objects.labels, written(objects), SLACK) == GONE).all()


@given(objects=instances(SIZE))
def test_a_row_that_states_only_the_polygon_is_known_by_its_outline(objects: Instances) -> None:
    has = objects.has(Column.POLYGONS)
    boxes = objects.boxes.copy()
    for row in np.flatnonzero(has).tolist():
        boxes[row] = hull(np.concatenate(objects.polygons[row]))
    assert sorted(match(boxes, objects.labels, written(objects), SLACK).tolist()) == list(range(len(objects)))


def test_boxes_that_are_no_numbers_are_nobodys() -> None:
    boxes = np.array([[np.nan] * 4, [-np.inf, 0, np.inf, 4], [1, 2, 3, 4]])
    one = WrittenObjects(np.array([[1.0, 2, 3, 4]]), np.array([[1.0, 2, 3, 4]]), np.array([0]))
    assert match(boxes, np.zeros(3, dtype=np.int64), one, SLACK).tolist() == [2]


@given(
    states=st.lists(st.sampled_from(["kept", "gone", "unwritten", "new"]), max_size=9),
)
def test_every_object_of_both_stands_once_and_in_order(states: list[str]) -> None:
    rows, was_written, expected = [], [], []
    kept = row = 0
    for state in states:
        if state != "new":
            rows.append({"kept": row, "gone": GONE, "unwritten": UNWRITTEN}[state])
            was_written.append(state != "unwritten")
        if state != "gone":
            expected.append((kept if state != "new" else -1, row if state in ("kept", "new") else -1))
        kept += state != "new"
        row += state in ("kept", "new")
    order = combined_order(np.array(rows, dtype=np.int64), np.array(was_written, dtype=np.bool_), row)
    assert sorted(order) == sorted(expected)
    assert [pair for pair in order if pair[0] >= 0] == [pair for pair in expected if pair[0] >= 0]
    assert [r for _, r in order if r >= 0] == list(range(row))


@given(kept=instances(SIZE), read=instances(SIZE))
def test_columns_of_the_file_are_taken_from_it(kept: Instances, read: Instances) -> None:
    common = min(len(kept), len(read))
    order = [(row, row) for row in range(common)] + [(-1, row) for row in range(common, len(read))]
    found = combined(kept, read, order, frozenset({Column.POLYGONS, Column.ATTRIBUTES}))
    assert len(found) == len(read)
    assert found.attributes == read.attributes
    assert (found.boxes[:common] == kept.boxes[:common]).all()
    assert found.select(np.arange(common, len(read))).ids.tolist() == read.ids[common:].tolist()
    assert combined(kept, read, [(row, -1) for row in range(len(kept))], frozenset()).ids.tolist() == kept.ids.tolist()
