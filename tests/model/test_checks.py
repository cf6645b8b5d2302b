from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bboxprep.model.checks import repeats
from bboxprep.model.instances import Instances


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
    assert repeats(Instances.of(boxes, labels)) == count
