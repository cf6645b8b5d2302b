from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.plan import Place, Plan, Warp
from bboxprep.geometry.shapes import box_areas, hull, map_boxes, ring_area
from bboxprep.images.raster.execute import execute
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.rle import Rle
from bboxprep.model.validation import Location as Spot
from bboxprep.transform.map_objects import map_objects
from tests.strategies import instances, points, warped_plans

SPOT = Spot("a.jpg", "train", [f"class {number}" for number in range(1000)])
SIZE = Size(40, 30)
CORNERS = ObjectPolicy(turned="corners")


def turned(degrees: float, canvas: Size = Size(60, 60)) -> Plan:  # noqa: B008  # frozen
    """A turn about the middle, on a canvas that holds all of it."""
    middle = Affine.translation((canvas.width - SIZE.width) / 2, (canvas.height - SIZE.height) / 2)
    return Plan(SIZE).then(Warp(middle @ Affine.rotation(degrees).about(SIZE.width / 2, SIZE.height / 2), canvas))


def boxed(ring: Points) -> Instances:
    """An object with an outline and the box around it."""
    return Instances.of([hull(ring)], [0], polygons=[[ring]], areas=[1.0])


@given(st.data(), warped_plans(), st.sampled_from(["ellipse", "corners"]), st.sampled_from([0.0, 0.3, 1.0]))
def test_objects_are_moved_or_listed(data: st.DataObject, plan: Plan, held: str, least: float) -> None:
    objects = data.draw(instances(plan.source))
    assume(objects.labels.max(initial=0) < 1000)
    result, findings = map_objects(objects, plan, SPOT, ObjectPolicy(turned=held, min_visibility=least))  # type: ignore[arg-type]
    assert len(objects) == len(result) + sum(finding.objects for finding in findings)
    x0, y0, x1, y1 = plan.seen
    assert (result.boxes >= [x0 - 0.01, y0 - 0.01, x0 - 0.01, y0 - 0.01]).all()
    assert (result.boxes <= [x1 + 0.01, y1 + 0.01, x1 + 0.01, y1 + 0.01]).all()
    assert (box_areas(result.boxes) > 0).all()


@given(points(SIZE, 3, 8), st.integers(1, 359))
def test_a_box_is_drawn_anew_around_the_outline(ring: Points, degrees: int) -> None:
    assume(ring_area(ring) > 0.5)
    plan = turned(degrees)
    result, _ = map_objects(boxed(ring), plan, SPOT)
    assert len(result) == 1
    np.testing.assert_allclose(result.boxes[0], hull(plan.affine(ring)), atol=1e-9)


@given(st.integers(0, 359), st.integers(1, 20), st.integers(1, 20))
def test_a_box_is_drawn_anew_around_the_mask(degrees: int, width: int, height: int) -> None:
    """The hull of a disc's pixels is that of the disc, however it is turned."""
    rows, columns = np.indices((30, 40)) + 0.5
    mask = ((columns - 20) / width) ** 2 + ((rows - 15) / height) ** 2 <= 0.6
    assume(mask.any())
    objects = Instances.of([box_of(mask)], [0], masks=[Rle.from_mask(mask)])
    plan = turned(degrees)
    result, findings = map_objects(objects, plan, SPOT)
    moved = result.masks[0]
    assert moved is not None
    if moved.area:
        assert np.abs(result.boxes[0] - box_of(moved.mask())).max() <= 1.0
    assert not findings


def box_of(mask: NDArray[np.bool_]) -> list[float]:
    rows, columns = np.nonzero(mask)
    return [float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)]


@given(st.integers(1, 89), st.floats(2.0, 20.0), st.floats(2.0, 14.0))
def test_without_an_outline_the_box_is_that_of_an_ellipse_or_of_the_corners(
    degrees: int, width: float, height: float
) -> None:
    objects, plan = Instances.of([[4, 3, 4 + width, 3 + height]], [0]), turned(degrees)
    ellipse, said = map_objects(objects, plan, SPOT)
    corners, _ = map_objects(objects, plan, SPOT, CORNERS)
    np.testing.assert_allclose(corners.boxes, map_boxes(plan.affine, objects.boxes), atol=1e-9)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    sides = np.hypot([width * c, width * s], [height * s, height * c])
    np.testing.assert_allclose(ellipse.boxes[0, 2:] - ellipse.boxes[0, :2], sides, rtol=1e-4)
    assert [finding.code for finding in said] == ["box-loosened"]
    growth = float(said[0].message.split(" x")[1].split()[0])
    assert growth == pytest.approx(sides.prod() / (width * height), abs=0.006)


def test_all_of_a_box_counts_when_a_crop_hides_some_of_it() -> None:
    plan = Plan(SIZE).then(Place(Size(20, 30), 0, 0), Warp(Affine.rotation(45.0), Size(40, 40)))
    objects = Instances.of([[10, 5, 30, 15]], [0], areas=[200.0])
    cut, findings = map_objects(objects, plan, SPOT, ObjectPolicy(turned="corners"))
    np.testing.assert_allclose(cut.areas, [200.0 * _share(objects.boxes[0], plan)])
    assert [finding.code for finding in findings] == ["box-clipped", "box-loosened"]
    gone, findings = map_objects(objects, plan, SPOT, ObjectPolicy(turned="corners", min_visibility=0.6))
    assert len(gone) == 0
    assert [finding.code for finding in findings] == ["box-hidden"]


def _share(box: NDArray[np.float64], plan: Plan) -> float:
    """How much of a box is seen, by counting points of a fine grid."""
    x, y = np.meshgrid(np.linspace(box[0], box[2], 801)[:-1] + 0.0125, np.linspace(box[1], box[3], 801)[:-1] + 0.00625)
    found = plan.affine(np.stack((x, y), axis=-1))
    seen = (x <= 20) & (found >= 0).all(axis=-1) & (found <= np.array(plan.size)).all(axis=-1)
    return float(np.round(seen.mean(), 9))


def test_an_outline_that_is_cut_gives_a_tight_box_and_its_own_area() -> None:
    """A square turned by an eighth, of which the canvas leaves the lower half: a triangle."""
    ring = np.array([[15.0, 10.0], [25.0, 10.0], [25.0, 20.0], [15.0, 20.0]])
    to = Affine.translation(0.0, -30.0)
    plan = turned(45.0).then(Warp(to, Size(60, 30)))
    result, findings = map_objects(boxed(ring), plan, SPOT)
    half = 5.0 * np.sqrt(2.0)
    np.testing.assert_allclose(result.boxes[0], [30 - half, 0, 30 + half, half], atol=1e-9)
    np.testing.assert_allclose(result.areas, [50.0])
    assert [finding.code for finding in findings] == ["box-clipped"]


def test_a_mask_that_is_cut_gives_the_box_of_its_pixels_and_counts_by_them() -> None:
    mask = np.zeros((30, 40), dtype=bool)
    mask[10:20, 15:25] = True
    objects = Instances.of([[15, 10, 25, 20]], [0], masks=[Rle.from_mask(mask)], areas=[100.0])
    plan = turned(45.0).then(Warp(Affine.translation(0.0, -30.0), Size(60, 30)))
    result, findings = map_objects(objects, plan, SPOT)
    moved = result.masks[0]
    assert moved is not None
    assert np.array_equal(moved.mask(), execute(plan, mask.astype(np.uint8), kernel="nearest", pad=0) > 0)
    assert result.areas.tolist() == [moved.area]
    assert np.abs(result.boxes[0] - box_of(moved.mask())).max() <= 1.0
    assert [finding.code for finding in findings] == ["box-clipped"]
    assert len(map_objects(objects, plan, SPOT, ObjectPolicy(min_visibility=0.45))[0]) == 1
    assert len(map_objects(objects, plan, SPOT, ObjectPolicy(min_visibility=0.55))[0]) == 0


@pytest.mark.parametrize("degrees", [20.0, 45.0, 200.0])
def test_no_thin_part_of_a_mask_is_lost_when_it_is_turned_smaller_and_cut(degrees: float) -> None:
    """A bar of one pixel, of which a copy at a fifth of the size has next to nothing."""
    mask = np.zeros((30, 40), dtype=bool)
    mask[3:27, 19] = mask[4:6, 17:24] = True
    smaller = Affine.scale(0.2, 0.2).about(30.0, 30.0)
    plan = turned(degrees).then(Warp(Affine.translation(0.0, -30.0) @ smaller, Size(60, 30)))
    result, _ = map_objects(Instances.of([[17, 3, 24, 27]], [0], masks=[Rle.from_mask(mask)]), plan, SPOT)
    rows, columns = np.nonzero(mask)
    centres = plan.affine(np.stack((columns, rows), axis=-1).astype(np.float64) + 0.5)
    seen = centres[centres[:, 1] > 0]
    assert len(result) == 1
    assert np.abs(result.boxes[0] - hull(seen)).max() <= 0.15  # half a pixel of the source, turned


def test_an_outline_that_is_none_leaves_the_box_to_speak() -> None:
    """A ring without area, and one that lies elsewhere than the box."""
    for ring in ([[5, 5], [15, 5], [5, 5]], [[30, 20], [39, 20], [39, 29]]):
        objects = Instances.of([[5, 5, 15, 15]], [0], polygons=[[ring]])
        plain = Instances.of([[5, 5, 15, 15]], [0])
        assert np.array_equal(
            map_objects(objects, turned(20.0), SPOT)[0].boxes, map_objects(plain, turned(20.0), SPOT)[0].boxes
        )


def test_keypoints_that_a_turn_puts_off_the_picture_are_no_longer_labelled() -> None:
    objects = Instances.of([[0, 0, 40, 30]], [0], keypoints=[[[1, 1], [20, 15]]], visibility=[[2, 2]])
    plan = turned(30.0, SIZE)
    result, findings = map_objects(objects, plan, SPOT)
    assert result.visibility.tolist() == [[0, 2]]
    np.testing.assert_allclose(result.keypoints[0, 1], [20, 15])
    assert "keypoint-outside" in [finding.code for finding in findings]


def test_no_turn_that_is_unknown() -> None:
    with pytest.raises(ValueError, match="turned: have 'round', want one of ellipse, corners"):
        ObjectPolicy(turned="round")  # type: ignore[arg-type]
