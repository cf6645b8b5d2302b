from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample
from bboxprep.images.raster.execute import execute
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy, OutsideRule
from bboxprep.model.rle import Rle
from bboxprep.model.validation import Location
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Flip, Letterbox, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform.map_objects import map_objects
from tests.strategies import dihedrals, instances, plans

SPOT = Location("a.jpg", "train", ["cat", "dog", "hen"])
SIZE = Size(40, 30)
SQUARE = [[10, 10], [20, 10], [20, 20], [10, 20]]
object_policy = st.builds(
    ObjectPolicy,
    outside=st.sampled_from(["clip", "drop"]),
    outside_tolerance=st.sampled_from([0.0, 1e-3, 0.5, 3.0]),
    min_visibility=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)


def codes(objects: Instances, plan: Plan, rule: ObjectPolicy) -> list[str]:
    return [finding.code for finding in map_objects(objects, plan, SPOT, rule)[1]]


def left_of(x: int) -> Plan:
    """What is left of a picture of 40x30 when only the columns from `x` on are kept, then made larger and turned."""
    crop = Place(Size(40 - x, 30), -x, 0)
    return Plan(SIZE).then(crop, Resample(Size(100, 70)), Place(Size(150, 90), 20, 9), Orient(Dihedral.from_exif(7)))


def mask_of(*parts: tuple[int, int, int, int]) -> Rle:
    mask = np.zeros((30, 40), dtype=bool)
    for x0, y0, x1, y1 in parts:
        mask[y0:y1, x0:x1] = True
    return Rle.from_mask(mask)


@given(st.data(), st.integers(1, 3), dihedrals())
def test_a_cut_box_ends_where_the_painted_pixels_do(data: st.DataObject, scale: int, turn: Dihedral) -> None:
    columns = sorted(data.draw(st.lists(st.integers(0, 40), min_size=4, max_size=4, unique=True)))
    rows = sorted(data.draw(st.lists(st.integers(0, 30), min_size=4, max_size=4, unique=True)))
    (left, cut_left, right, cut_right), (top, cut_top, bottom, cut_bottom) = columns, rows
    window = Size(cut_right - cut_left, cut_bottom - cut_top)
    crop, margin = Place(window, -cut_left, -cut_top), Place(Size(150, 140), data.draw(st.integers(0, 9)), 11)
    larger = Resample(Size(window.width * scale, window.height * scale))
    plan = Plan(SIZE).then(crop, larger, Orient(turn), margin)
    painted = np.zeros((30, 40), dtype=np.uint8)
    painted[top:bottom, left:right] = 255
    y, x = np.nonzero(execute(plan, painted, kernel="nearest", pad=0))
    result = map_objects(Instances.of([[left, top, right, bottom]], [0]), plan, SPOT)[0]
    assert result.boxes.tolist() == [[x.min(), y.min(), x.max() + 1, y.max() + 1]]


@given(st.data(), plans(), object_policy)
def test_every_object_is_kept_or_told_of(data: st.DataObject, plan: Plan, rule: ObjectPolicy) -> None:
    objects = data.draw(instances(plan.source, spill=5.0))
    result, findings = map_objects(objects, plan, SPOT, rule)
    assert len(objects) == len(result) + sum(finding.objects for finding in findings)
    x0, y0, x1, y1 = plan.seen
    assert (result.boxes >= [x0, y0, x0, y0]).all()
    assert (result.boxes <= [x1, y1, x1, y1]).all()
    assert ((result.boxes[:, 2:] - result.boxes[:, :2]) > 0).all()


@given(st.data(), plans())
def test_a_higher_threshold_keeps_no_more(data: st.DataObject, plan: Plan) -> None:
    objects = data.draw(instances(plan.source))
    steps = [
        len(map_objects(objects, plan, SPOT, ObjectPolicy(min_visibility=least))[0]) for least in (0.0, 0.3, 0.7, 1.0)
    ]
    assert all(more >= less for more, less in pairwise(steps))


@given(st.data(), dihedrals(), st.builds(Size, st.integers(1, 90), st.integers(1, 90)))
def test_what_lies_inside_is_wholly_visible_at_any_size(data: st.DataObject, turn: Dihedral, to: Size) -> None:
    objects = data.draw(instances(SIZE))
    plan = Plan(SIZE).then(Resample(to), Place(Size(100, 100), 5, 5), Orient(turn))
    assert "box-hidden" not in codes(objects, plan, ObjectPolicy(min_visibility=1.0))


@pytest.mark.parametrize("kind", ["box", "polygon", "mask"])
@pytest.mark.parametrize("hidden", [Fraction(0), Fraction(1, 10), Fraction(1, 2), Fraction(9, 10), Fraction(1)])
@pytest.mark.parametrize("least", [0.0, 0.1, 0.5, 1.0])
def test_exact_fractions(kind: str, hidden: Fraction, least: float) -> None:
    columns: dict[str, Any] = {"polygon": {"polygons": [[SQUARE]]}, "mask": {"masks": [mask_of((10, 10, 20, 20))]}}
    objects = Instances.of([[10, 10, 20, 20]], [0], **columns.get(kind, {}))
    kept, findings = map_objects(objects, left_of(10 + int(hidden * 10)), SPOT, ObjectPolicy(min_visibility=least))
    lost = [finding.code for finding in findings if finding.objects]
    if hidden == 1:
        assert lost == ["box-cropped"]
    elif 1 - hidden < Fraction(str(least)):
        assert lost == ["box-hidden"]
    else:
        assert (len(kept), lost) == (1, [])


@pytest.mark.parametrize(("least", "kept"), [(0.25, 1), (0.2501, 0), (0.5, 0)])
def test_a_polygon_is_measured_and_not_its_box(least: float, kept: int) -> None:
    triangle = [[10, 10], [20, 10], [10, 20]]  # a quarter of it, but half of its box, lies right of x = 15
    objects = Instances.of([[10, 10, 20, 20]], [0], polygons=[[triangle]])
    assert len(map_objects(objects, left_of(15), SPOT, ObjectPolicy(min_visibility=least))[0]) == kept


def test_all_parts_of_a_polygon_count() -> None:
    objects = Instances.of([[5, 10, 20, 20]], [0], polygons=[[SQUARE, [[5, 10], [6, 10], [6, 20], [5, 20]]]])
    assert codes(objects, left_of(10), ObjectPolicy(min_visibility=10 / 11)) == ["box-clipped"]
    assert codes(objects, left_of(10), ObjectPolicy(min_visibility=0.91)) == ["box-hidden"]


def test_a_mask_is_measured_where_it_was_drawn() -> None:
    objects = Instances.of([[0, 0, 40, 20]], [0], masks=[mask_of((0, 0, 2, 3), (9, 10, 40, 20))])
    share = 310 / 316
    assert codes(objects, left_of(9), ObjectPolicy(min_visibility=share)) == ["box-clipped"]
    assert codes(objects, left_of(9), ObjectPolicy(min_visibility=share + 1e-6)) == ["box-hidden"]


def test_a_mask_cut_through_a_pixel_counts_that_part_of_it() -> None:
    plan = Plan(SIZE).then(Resample(Size(20, 15)), Place(Size(10, 15), -8, 0), Resample(Size(30, 45)))
    objects = Instances.of([[15, 0, 18, 2]], [0], masks=[mask_of((15, 0, 18, 2))])
    assert codes(objects, plan, ObjectPolicy(min_visibility=2 / 3)) == ["box-clipped"]
    assert codes(objects, plan, ObjectPolicy(min_visibility=0.67)) == ["box-hidden"]


def test_an_outline_without_area_leaves_the_word_to_the_box() -> None:
    columns: list[dict[str, Any]] = [{"polygons": [[[[10, 10], [20, 20]]]]}, {"masks": [mask_of()]}]
    for column in columns:
        objects = Instances.of([[10, 10, 20, 20]], [0], **column)
        lost = [
            finding.code for finding in map_objects(objects, left_of(15), SPOT, ObjectPolicy(min_visibility=0.5))[1]
        ]
        assert lost == ["box-cropped"]  # nothing of the outline is left, as without a threshold


def test_what_never_was_pictured_is_not_hidden_by_us() -> None:
    objects = Instances.of([[-30, 0, 10, 10]], [0])
    assert codes(objects, Plan(SIZE), ObjectPolicy(min_visibility=1.0)) == ["box-clipped"]
    half = Recipe(Crop(5, 0, 35, 30)).plan(SIZE, IDENTITY)
    assert codes(objects, half, ObjectPolicy(min_visibility=0.5)) == ["box-clipped", "box-clipped"]
    assert codes(objects, half, ObjectPolicy(min_visibility=0.51)) == ["box-clipped", "box-hidden"]


@pytest.mark.parametrize("steps", [[Letterbox(64)], [Resize((7, 90)), Flip()], [Flip("both"), Letterbox((99, 33))]])
def test_a_recipe_that_cuts_nothing_hides_nothing(steps: list[Any]) -> None:
    boxes: list[list[float]] = [[0, 0, 40, 30], [0, 0, 0.01, 0.01], [39.3, 29.7, 40, 30]]
    objects = Instances.of(boxes, [0, 1, 2])
    assert codes(objects, Recipe(*steps).plan(SIZE, IDENTITY), ObjectPolicy(min_visibility=1.0)) == []


@pytest.mark.parametrize(
    ("reach", "tolerance", "outside", "expected"),
    [
        (0.0, 0.0, "drop", []),
        (1e-3, 1e-3, "clip", []),
        (1e-3, 1e-3, "drop", []),
        (1e-3, 0.0, "clip", ["box-clipped"]),
        (1e-3, 0.0, "drop", ["box-overreach"]),
        (0.5, 1e-3, "clip", ["box-clipped"]),
        (0.5, 1e-3, "drop", ["box-overreach"]),
        (0.5, 0.5, "clip", []),
        (0.5, 0.5, "drop", []),
        (0.625, 0.5, "error", ["box-overreach"]),
        (30.0, 40.0, "drop", []),
    ],
)
def test_the_edge_of_its_own_picture(reach: float, tolerance: float, outside: OutsideRule, expected: list[str]) -> None:
    objects = Instances.of([[20, 0, 40 + reach, 30]], [0])
    rule = ObjectPolicy(outside=outside, outside_tolerance=tolerance)
    assert codes(objects, Plan(SIZE), rule) == expected
    kept = map_objects(objects, Plan(SIZE), SPOT, rule)[0]
    assert kept.boxes.tolist() == ([] if "box-overreach" in expected else [[20, 0, 40, 30]])


def test_an_outline_within_the_tolerance_is_laid_onto_the_edge_too() -> None:
    ring = [[20, 0], [42, 0], [42, 30], [20, 30]]
    objects = Instances.of([[20, 0, 42, 30]], [0], polygons=[[ring]], areas=[660])
    kept, findings = map_objects(objects, Plan(SIZE), SPOT, ObjectPolicy(outside_tolerance=2.0))
    assert findings == ()
    assert kept.polygons[0][0].max(axis=0).tolist() == [40, 30]
    assert kept.areas.tolist() == [600]


def test_a_refused_box_says_which_and_why() -> None:
    objects = Instances.of([[0, 0, 5, 5], [20, 0, 41, 30]], [0, 1])
    finding = map_objects(objects, Plan(SIZE), SPOT, ObjectPolicy(outside="drop"))[1][0]
    assert (finding.where, finding.category, finding.objects) == ("object 2", "dog", 1)
    assert finding.message == "it reaches over the edge of its image of 40x30 (box 20 0 41 30)"


MASKS = st.lists(
    st.tuples(st.integers(0, 39), st.integers(0, 29), st.integers(1, 12), st.integers(1, 9)), min_size=1, max_size=3
)


@given(MASKS, st.integers(0, 30), st.integers(0, 20), st.integers(5, 60), st.integers(5, 60))
def test_no_thin_part_of_a_mask_is_lost_when_it_is_made_smaller_and_cut(
    parts: list[tuple[int, int, int, int]], left: int, top: int, width: int, height: int
) -> None:
    """The box is around all that is seen of the mask, though its copy in the small picture may miss some of it."""
    mask = mask_of(*((x, y, min(40, x + wide), min(30, y + high)) for x, y, wide, high in parts))
    rows, columns = np.nonzero(mask.mask())
    whole = [float(edge) for edge in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)]
    plan = Plan(SIZE).then(Place(Size(40 - left, 30 - top), -left, -top), Resample(Size(width, height)))
    result, _ = map_objects(Instances.of([whole], [0], masks=[mask]), plan, SPOT)
    seen = mask.mask()[top:, left:]
    assert len(result) == seen.any()
    if seen.any():
        rows, columns = np.nonzero(seen)
        pixels = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=np.float64)
        scale = np.tile((width / (40 - left), height / (30 - top)), 2)
        np.testing.assert_allclose(result.boxes, pixels * scale, atol=1e-9)
