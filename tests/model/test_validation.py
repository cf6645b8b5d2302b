from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.model.instances import Instances
from bboxprep.model.validation import count_duplicates


@pytest.mark.parametrize(
    ("boxes", "labels", "count"),
    [
        ([], [], 0),
        ([[0, 0, 5, 5], [0, 0, 5, 5]], [0, 0], 1),
        ([[0, 0, 5, 5], [0, 0, 5, 5]], [0, 1], 0),
        ([[0, 0, 5, 5], [-0.0, 0, 5, 5], [0, 0, 5, 5]], [2, 2, 2], 2),
        ([[0, 0, 5, 5], [0, 0, 5, np.nextafter(5, 6)]], [0, 0], 0),
        ([[0, 0, np.nan, 5], [0, 0, np.nan, 5]], [0, 0], 0),
    ],
)
def test_a_repeat_has_exactly_the_same_class_and_box(boxes: list[Any], labels: list[int], count: int) -> None:
    assert count_duplicates(Instances.of(boxes, labels)) == count


EDGES = st.sampled_from([0.0, -0.0, 1.0, 2.0, np.inf, np.nan])


@given(st.lists(st.tuples(st.integers(0, 1), st.tuples(EDGES, EDGES, EDGES, EDGES)), max_size=6))
def test_repeats_are_those_that_a_look_at_every_pair_finds(rows: list[tuple[int, tuple[float, ...]]]) -> None:
    finite = [(label, box) for label, box in rows if np.isfinite(box).all()]
    alike = [any(one == other for other in finite[:at]) for at, one in enumerate(finite)]
    assert count_duplicates(Instances.of([box for _, box in rows], [label for label, _ in rows])) == sum(alike)
