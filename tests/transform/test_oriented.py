"""Oriented boxes through plans: exact where nothing is cut, else the smallest rectangle around what is left, and
counted.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.oriented import refitted
from bboxprep.geometry.plan import Place, Plan
from bboxprep.geometry.shapes import clip_to_convex, hull, ring_area
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.validation import Location
from bboxprep.transform import outline as outline_module
from bboxprep.transform.map_objects import map_objects
from tests.strategies import plans, turned, warped_plans

PLACE = Location("a.jpg", "train", ("cat",))
KEEP_ALL = ObjectPolicy(min_visibility=0.0)


@st.composite
def quadrilaterals(draw: st.DrawFn, size: Size) -> Points:
    """The corners (4, 2) of a turned box, or of a parallelogram, in an image of `size`, or partly outside."""
    x, y, wide, high = (draw(st.floats(0, 1)) for _ in range(4))
    low = np.array([x * size.width, y * size.height])
    box = np.concatenate((low, low + np.array([0.5 + wide * size.width, 0.5 + high * size.height]) / 2))
    ring = turned(box, draw(st.integers(0, 359)))
    lean = draw(st.sampled_from([0.0, 0.0, 0.5]))
    return ring + np.outer(ring[:, 1] - ring[:, 1].mean(), [lean, 0.0])


def moved(corners: Points, plan: Plan) -> tuple[Instances, tuple[Finding, ...]]:
    return map_objects(Instances.of([hull(corners)], [0], oriented=[corners]), plan, PLACE, KEEP_ALL)


def check(corners: Points, plan: Plan) -> None:
    """The law for one object: what it becomes by `plan`."""
    found, findings = moved(corners, plan)
    refits = [one for one in findings if one.code == "oriented-refitted"]
    if not len(found):
        return
    (have,) = found.oriented
    want = plan.affine(corners)
    inside = np.abs(np.clip(corners, 0, plan.source) - corners).max() <= 0
    visible = clip_to_convex(want, plan.outline)
    if inside and np.abs(ring_area(visible) - ring_area(want)) <= 1e-9 * ring_area(want):
        np.testing.assert_allclose(have, want, atol=1e-6)
        assert not refits
    elif inside and len(visible) and ring_area(visible) > 1e-3:
        (_, sides, _) = cv2.minAreaRect(visible.astype(np.float32))
        assert ring_area(have) == pytest.approx(sides[0] * sides[1], rel=1e-3, abs=1e-2)
        around = cv2.boxPoints(cv2.minAreaRect(have.astype(np.float32)))
        far = [-cv2.pointPolygonTest(around, point, measureDist=True) for point in visible.astype(np.float32).tolist()]
        assert max(far) <= 1e-2 * max(1.0, float(np.abs(visible).max()) / 100)
        assert bool(refits) == (not np.array_equal(have, want))


@given(st.data())
def test_corners_follow_every_map_and_a_cut_leaves_the_smallest_rectangle(data: st.DataObject) -> None:
    plan = data.draw(st.one_of(plans(), warped_plans()))
    check(data.draw(quadrilaterals(plan.source)), plan)


CUT = Plan(Size(64, 64)).then(Place(Size(32, 64), 0, 0))  # the left half of an image
BAR = turned(np.array([20.0, 28.0, 44.0, 36.0]), 30)

MISTAKES: dict[str, Any] = {
    "upright": lambda _, left: np.array(hull(left))[[[0, 1], [2, 1], [2, 3], [0, 3]]],
    "not cut": lambda corners, _: corners,
    "a corner forgotten": lambda corners, left: refitted(corners, left[1:]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_law_catches_another_rectangle(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check(BAR, CUT)
    monkeypatch.setattr(outline_module, "refitted", MISTAKES[mistake])
    with pytest.raises(AssertionError):
        check(BAR, CUT)


def test_the_law_catches_corners_that_are_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bboxprep.transform.map_objects._map_columns", lambda instances, _: instances)
    with pytest.raises(AssertionError):
        check(BAR, Plan(Size(64, 64)).then(Place(Size(80, 64), 8, 0)))


def test_a_cut_is_counted_and_cutting_again_changes_nothing() -> None:
    found, findings = moved(BAR, CUT)
    assert [(one.code, one.message) for one in findings] == [
        ("box-clipped", "1 cut at the edge of the image of 32x64"),
        ("oriented-refitted", "1 oriented boxes are now the smallest rectangles around what is left of them"),
    ]
    corners = found.oriented[0]
    again, findings = map_objects(
        Instances.of([hull(corners)], [0], oriented=[corners]), Plan(Size(32, 64)), PLACE, KEEP_ALL
    )
    assert np.array_equal(again.oriented[0], corners)
    assert "oriented-refitted" not in {one.code for one in findings}
    assert again.has(Column.ORIENTED).all()


def test_an_object_of_which_a_line_is_left_has_an_oriented_box_still() -> None:
    tip = BAR[:, 0].min()
    found, _ = moved(BAR - (tip - 31.9996, 0.0), CUT)
    assert len(found) == 1
    assert 0 < ring_area(found.oriented[0]) < 1e-6
    np.testing.assert_allclose(hull(found.oriented[0]), found.boxes[0])


@given(st.integers(0, 359), st.booleans())
def test_the_first_side_still_points_where_it_did(degrees: int, mirrored: bool) -> None:
    ring = turned(np.array([10.0, 26.0, 30.0, 38.0]), degrees)
    ring = Affine.translation(40.0, 0.0)(Affine.scale(-1.0, 1.0)(ring)) if mirrored else ring
    left = clip_to_convex(ring, np.array([(12.0, 0), (64, 0), (64, 64), (12, 64)]))
    new = refitted(ring, left)
    old, side = ring[1] - ring[0], new[1] - new[0]
    assert old @ side >= np.hypot(*old) * np.hypot(*side) * np.cos(np.radians(45.001))
    assert _is_clockwise(new) == _is_clockwise(ring)


def _is_clockwise(ring: Points) -> bool:
    x, y = ring.T
    return bool(x @ np.roll(y, -1) > y @ np.roll(x, -1))
