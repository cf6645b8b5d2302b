from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances
from bboxprep.verification.expectation import Boxes, expect
from bboxprep.verification.geometric import Matching, match, same_class
from bboxprep.verification.losses import ExpectedLosses
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.region import rectangle
from bboxprep.verification.sides import fits

SIZE = Size(100, 80)
STEP = np.full(4, 0.01)
UNTOUCHED = Mapped(np.eye(3), np.eye(3), SIZE, rectangle(SIZE), SIZE, SIZE, derived=True)
OBJECTS = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 70), st.integers(1, 10), st.integers(1, 10), st.sampled_from("abc")),
    max_size=12,
)


def edges(rows: list[tuple[int, int, int, int, str]]) -> Boxes:
    return np.array([(x, y, x + w, y + h) for x, y, w, h, _ in rows], dtype=np.float64).reshape(-1, 4)


def matched(
    source: Boxes, names: list[str], output: Boxes, labels: list[str], lost: NDArray[np.bool_] | None = None
) -> Matching:
    expected = expect(Instances.of(source, np.zeros(len(source), dtype=np.int64)), UNTOUCHED)
    fitting = fits(expected, output, STEP, outlined=False)
    lost = np.zeros(len(source), dtype=np.bool_) if lost is None else lost
    return match(fitting, same_class(names, labels), expected, output, ExpectedLosses(lost, lost))


@given(rows=OBJECTS, data=st.data())
def test_what_is_left_in_order_is_found_and_what_was_dropped_is_explained(
    rows: list[tuple[int, int, int, int, str]], data: st.DataObject
) -> None:
    keep = [index for index in range(len(rows)) if data.draw(st.booleans())]
    names, boxes = [row[4] for row in rows], edges(rows)
    lost = np.isin(np.arange(len(rows)), keep, invert=True)
    found = matched(boxes, names, boxes[keep], [names[index] for index in keep], lost)
    assert len(found.true) == len(keep)
    assert (found.relabelled, found.moved, found.missing, found.extra) == ((), (), (), ())
    for source, output in found.true:
        assert names[source] == names[keep[output]]
        np.testing.assert_array_equal(boxes[source], boxes[keep[output]])


@given(rows=OBJECTS.filter(len), data=st.data())
def test_one_that_nobody_says_was_dropped_is_missing(
    rows: list[tuple[int, int, int, int, str]], data: st.DataObject
) -> None:
    gone = data.draw(st.integers(0, len(rows) - 1))
    rest = [index for index in range(len(rows)) if index != gone]
    names, boxes = [row[4] for row in rows], edges(rows)
    found = matched(boxes, names, boxes[rest], [names[index] for index in rest])
    assert len(found.missing) == 1
    assert rows[found.missing[0]] == rows[gone]


def test_classes_and_places_are_told_apart() -> None:
    boxes = np.array([(0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)], dtype=np.float64)
    there = np.array([(0, 0, 10, 10), (20, 5, 30, 15), (40, 0, 50, 10), (70, 70, 80, 80)], dtype=np.float64)
    found = matched(boxes, ["a", "b", "c"], there, ["c", "b", "c", "d"])
    assert found == Matching(((2, 2),), ((0, 0),), ((1, 1),), (), (3,))


def test_a_cut_box_may_be_drawn_tight_to_its_outline_but_not_tighter() -> None:
    ring = np.array([(-10.0, 10.0), (30.0, 10.0), (30.0, 20.0), (-10.0, 30.0)])
    source = Instances.of([(-10, 5, 30, 30)], [0], polygons=[[ring]])
    expected = expect(source, UNTOUCHED)
    places = np.array([(0, 5, 30, 30), (0, 10, 30, 27.5), (0, 10, 29, 27.5), (0, 12, 30, 27.5), (0, 0, 30, 30)])
    assert fits(expected, places, STEP, outlined=False).tolist() == [[True, True, False, False, False]]


def test_a_whole_box_must_be_the_box_itself() -> None:
    ring = np.array([(10.0, 10.0), (30.0, 10.0), (30.0, 20.0)])
    source = Instances.of([(5, 5, 30, 30)], [0], polygons=[[ring]])
    places = np.array([(5, 5, 30, 30), (10, 10, 30, 20)], dtype=np.float64)
    expected = expect(source, UNTOUCHED)
    assert fits(expected, places, STEP, outlined=False).tolist() == [[True, False]]
    assert fits(expected, places, STEP, outlined=True).tolist() == [[True, True]]
