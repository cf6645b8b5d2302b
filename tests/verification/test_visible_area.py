"""The bounds of a visible area hold the area of the clipped outline, whatever its form and wherever it is cut."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances
from bboxprep.transform.outline import PolygonOutline
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.region import box_around, rectangle
from bboxprep.verification.visible_area import visible_area

SIZE = Size(60, 40)


def mapped(scale: float, across: float) -> Mapped:
    matrix = np.array([[scale, 0, across], [0, scale, 0], [0, 0, 1.0]])
    return Mapped(matrix, matrix, SIZE, rectangle(SIZE), SIZE, SIZE, derived=True)


@settings(max_examples=100)
@given(seed=st.integers(0, 9999), corners=st.integers(3, 12), scale=st.floats(0.5, 2.0), across=st.floats(-30, 30))
def test_the_area_of_a_cut_polygon_lies_between_the_bounds(
    seed: int, corners: int, scale: float, across: float
) -> None:
    chance = np.random.default_rng(seed)
    angles = np.sort(chance.uniform(0, 2 * np.pi, corners))
    assume(np.diff(angles, append=angles[0] + 2 * np.pi).max() < np.pi)  # else it may cross itself
    reach = chance.uniform(3, 25, corners)
    ring = np.stack((30 + reach * np.cos(angles), 20 + reach * np.sin(angles)), axis=1)
    moved = ring * scale + (across, 0)
    left = PolygonOutline((moved,)).clipped((0.0, 0.0, 60.0, 40.0))
    box = np.clip(box_around(moved), 0, np.tile(SIZE, 2))
    source = Instances.of([box_around(ring)], [0], polygons=[[ring]])
    least, most = visible_area(source, 0, box, mapped(scale, across))
    assert least <= left.area + 1e-6
    assert left.area <= most + 1e-6


def test_an_outline_that_crosses_itself_has_no_bounds() -> None:
    ring = np.array([[10.0, 10.0], [40.0, 30.0], [40.0, 10.0], [10.0, 30.0]])
    source = Instances.of([box_around(ring)], [0], polygons=[[ring]])
    assert visible_area(source, 0, box_around(ring), mapped(1.0, 0.0)) == (0.0, np.inf)
