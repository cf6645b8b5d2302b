from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample
from bboxprep.geometry.shapes import clip_boxes, map_boxes
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.validation import Location as Spot
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform import map_objects as moving
from bboxprep.transform.map_objects import map_objects
from tests.stepwise import map_of, size_after
from tests.strategies import instances, plans

SPOT = Spot("a.jpg", "train", [f"class {number}" for number in range(1000)])
SIZE = Size(40, 30)


def moved(objects: Instances, plan: Plan) -> Instances:
    return map_objects(objects, plan, SPOT)[0]


def codes(objects: Instances, plan: Plan) -> list[str]:
    return [finding.code for finding in map_objects(objects, plan, SPOT)[1]]


@given(st.data(), plans())
def test_objects_are_moved_or_listed(data: st.DataObject, plan: Plan) -> None:
    objects = data.draw(instances(plan.source))
    assume(objects.labels.max(initial=0) < 1000)
    result, findings = map_objects(objects, plan, SPOT)
    assert len(objects) == len(result) + sum(finding.objects for finding in findings)
    assert (clip_boxes(result.boxes, plan.size) == result.boxes).all()
    assert ((result.boxes[:, 2:] - result.boxes[:, :2]) > 0).all()


def agrees_with_the_careful_way(objects: Instances, size: Size, well: Callable[[Instances, Size], bool]) -> bool:
    """Whether a repair leaves objects as they are, if `well` says that they need none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moving, "need_no_repair", lambda *_: np.zeros(1, dtype=np.bool_))
        careful = map_objects(objects, Plan(size), SPOT)
    return not well(objects, size) or (objects, ()) == careful


@given(st.data(), st.sampled_from([0.0, 2.0]), st.sampled_from([0.0, 40.0]))
def test_objects_that_need_no_repair_are_not_changed_by_it(data: st.DataObject, spill: float, away: float) -> None:
    objects = data.draw(instances(SIZE, spill=spill))
    objects = replace(objects, keypoints=objects.keypoints + away)
    assert agrees_with_the_careful_way(
        objects, SIZE, lambda own, size: bool(moving.need_no_repair(own, np.array(size)).all())
    )


@pytest.mark.parametrize(
    "objects",
    [
        *(Instances.of([box]) for box in ([0, 0, 41, 9], [-1, 0, 4, 9], [3, 4, 3, 9], [5, 4, 3, 9], [0, 0, np.nan, 9])),
        Instances.of([[0, 0, 9, 9]], keypoints=[[[50, 3]]], visibility=[[2]]),
        Instances.of([[0, 0, 9, 9]], masks=[Rle(Size(9, 9), (80, 1))]),
    ],
    ids=["over the right edge", "over the left", "no width", "no order", "no number", "a keypoint outside", "a misfit"],
)
def test_the_law_catches_who_says_so_of_everything(objects: Instances) -> None:
    assert not agrees_with_the_careful_way(objects, SIZE, lambda *_: True)


@given(st.data(), plans())
def test_a_box_is_what_each_step_leaves_of_it(data: st.DataObject, plan: Plan) -> None:
    size = plan.source
    x0, x1 = sorted(data.draw(st.lists(st.floats(0, size.width), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(data.draw(st.lists(st.floats(0, size.height), min_size=2, max_size=2, unique=True)))
    expected = np.array([[x0, y0, x1, y1]])
    for step in plan.steps:
        expected = clip_boxes(map_boxes(map_of(step, size), expected), size := size_after(step, size))
    assume((expected[:, 2:] - expected[:, :2] > 1e-6).all())
    result = moved(Instances.of([[x0, y0, x1, y1]]), plan)
    np.testing.assert_allclose(result.boxes, expected, atol=1e-9)


def test_what_a_crop_cut_off_does_not_come_back_on_the_margin_of_a_letterbox() -> None:
    plan = Recipe(Crop(0, 0, 20, 20), Letterbox((100, 50)), Flip("horizontal")).plan(SIZE, Dihedral())
    mask = np.zeros((30, 40), dtype=bool)
    mask[5:15, 10:35] = True
    objects = Instances.of(
        [[10, 5, 35, 15], [30, 5, 35, 15]],
        [0, 0],
        polygons=[[[[10, 5], [35, 5], [35, 15], [10, 15]]], []],
        masks=[Rle.from_mask(mask), None],
        keypoints=[[[12, 6], [22, 6]], [[0, 0], [0, 0]]],
        visibility=[[2, 2], [0, 0]],
    )
    result, findings = map_objects(objects, plan, SPOT)
    assert result.boxes.tolist() == [[25, 12.5, 50, 37.5]]
    np.testing.assert_allclose(result.polygons[0][0].min(0), [25, 12.5])
    np.testing.assert_allclose(result.polygons[0][0].max(0), [50, 37.5])
    assert result.visibility.tolist() == [[2, 0]]
    assert [finding.code for finding in findings] == ["box-cropped", "box-clipped", "keypoint-outside"]


def test_every_kind_follows_the_same_map() -> None:
    mask = np.zeros((30, 40), dtype=bool)
    mask[4:20, 6:26] = True
    ring = [[6, 4], [26, 4], [26, 20], [6, 20]]
    objects = Instances.of(
        [[6, 4, 26, 20]],
        [0],
        polygons=[[ring]],
        masks=[Rle.from_mask(mask)],
        keypoints=[[[6, 4], [26, 20]]],
        visibility=[[2, 1]],
        areas=[320.0],
    )
    plan = Plan(SIZE).then(Resample(Size(80, 60)), Place(Size(100, 100), 10, 20), Orient(Dihedral.from_exif(6)))
    result = moved(objects, plan)
    rows, columns = np.nonzero(result.masks[0].mask())  # type: ignore[union-attr]
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    points = np.concatenate((result.polygons[0][0], result.keypoints[0]))
    assert result.boxes[0].tolist() == box
    assert [*points.min(0), *points.max(0)] == box
    assert result.areas.tolist() == [4 * 320.0]


def test_an_outline_that_is_cut_gives_a_tight_box_and_its_own_area() -> None:
    triangle = [[0, 0], [20, 0], [0, 20]]
    objects = Instances.of([[0, 0, 20, 20]], [0], polygons=[[triangle]], areas=[200.0])
    result = moved(objects, Plan(SIZE).then(Place(Size(30, 30), -10, 0)))
    np.testing.assert_allclose(result.boxes, [[0, 0, 10, 10]])
    np.testing.assert_allclose(result.areas, [50.0])


def test_a_mask_that_is_cut_gives_a_tight_box_and_its_own_area() -> None:
    mask = np.zeros((30, 40), dtype=bool)
    mask[0:20, 5:15] = mask[0:5, 15:25] = True
    objects = Instances.of([[5, 0, 25, 20]], [0], masks=[Rle.from_mask(mask)], areas=[250.0])
    result = moved(objects, Plan(SIZE).then(Place(Size(30, 30), -15, 0)))
    assert result.boxes.tolist() == [[0, 0, 10, 5]]
    assert result.areas.tolist() == [50.0]


def test_an_area_without_an_outline_shrinks_with_its_box() -> None:
    objects = Instances.of([[0, 0, 20, 20]], [0], areas=[100.0])
    assert moved(objects, Plan(SIZE).then(Place(Size(30, 30), -15, 0))).areas.tolist() == [25.0]


@pytest.mark.parametrize(
    ("box", "code"),
    [
        ([5, 5, 5, 9], "box-degenerate"),
        ([9, 5, 5, 9], "box-degenerate"),
        ([np.nan, 5, 9, 9], "box-not-finite"),
        ([0, 0, np.inf, 9], "box-not-finite"),
        ([50, 5, 60, 9], "box-outside"),
        ([-9, 5, 0, 9], "box-outside"),
        ([30, 5, 60, 9], "box-clipped"),
        ([0, 0, 5, 5], "box-cropped"),
    ],
)
def test_what_is_wrong_with_a_box_has_a_name(box: list[float], code: str) -> None:
    assert codes(Instances.of([box], [0]), Plan(SIZE).then(Place(Size(30, 30), -10, 0))) == [code]


def test_a_reach_of_less_than_a_thousandth_is_rounding() -> None:
    objects = Instances.of([[-0.0005, 0, 40.0009, 30]], [0])
    assert codes(objects, Plan(SIZE)) == []
    assert moved(objects, Plan(SIZE)).boxes.tolist() == [[0, 0, 40, 30]]


def test_a_box_over_the_edge_does_not_lie_on_the_margin() -> None:
    objects = Instances.of([[-5, 10, 45, 20]], [0])
    assert moved(objects, Plan(SIZE).then(Place(Size(60, 60), 10, 10))).boxes.tolist() == [[10, 20, 50, 30]]


def test_nothing_changes_where_nothing_is_to_be_done() -> None:
    objects = Instances.of([[1.1, 2.2, 3.3, 4.4]], [0], areas=[7.0])
    assert moved(objects, Plan(SIZE)) is objects


def test_keypoints_outside_are_no_longer_labelled() -> None:
    objects = Instances.of([[0, 0, 40, 30]], [0], keypoints=[[[5, 5], [35, 5], [2, 2]]], visibility=[[2, 2, 0]])
    result, findings = map_objects(objects, Plan(SIZE).then(Place(Size(30, 30), -10, 0)), SPOT)
    assert result.visibility.tolist() == [[0, 2, 0]]
    assert [finding.code for finding in findings] == ["box-clipped", "keypoint-outside"]
    assert findings[1].message.startswith("1 ")


def test_a_mask_of_another_size_is_dropped_and_its_box_kept() -> None:
    objects = Instances.of([[0, 0, 5, 5]], [0], masks=[Rle(Size(30, 40), (1200,))])
    result, findings = map_objects(objects, Plan(SIZE), SPOT)
    assert result == replace(objects, masks=(None,))
    assert [finding.code for finding in findings] == ["mask-misfit"]
