"""Laws of `Outline`: areas and shares agree with points that are counted; to clip parts a shape and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.plan import Place, Plan, Resample
from bboxprep.geometry.shapes import Boxes, hull, ring_around, within_convex
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.rendering import Effect
from bboxprep.model.rle import Rle
from bboxprep.model.validation import Location
from bboxprep.transform.map_objects import map_objects
from bboxprep.transform.occlusion import drop_occluded
from bboxprep.transform.outline import BoxOutline, Edge, MaskOutline, Outline, Outlines, PolygonOutline, clip_rings
from tests.strategies import affines, masks

SIZE = Size(24, 18)
LOCATION = Location("a.jpg", "train", ["cat"])
STEP = 1 / 16  # px between the points that are counted
_SIDES = [STEP * (np.arange(round(side / STEP)) + 0.5) for side in SIZE]
GRID = np.stack(np.meshgrid(*_SIDES), axis=-1).reshape(-1, 2)  # points (P, 2) in all of the image
TOLERANCE = 4.0  # square px; the ring of a shape in `SIZE` passes by no more than 84 / STEP points of the grid


@st.composite
def convex_rings(draw: st.DrawFn) -> Points:
    """Rings (P, 2) around a point in the image; at most 9 px from it."""
    middle = np.array([draw(st.floats(9.5, SIZE.width - 9.5)), draw(st.floats(9.0, SIZE.height - 9.0))])
    count, turn = draw(st.integers(3, 8)), draw(st.floats(0.0, 6.0))
    angles = turn + np.arange(count) * (2 * np.pi / count)
    radii = np.array([draw(st.floats(2.0, 9.0)), draw(st.floats(2.0, 9.0))])
    return np.asarray(middle + radii * np.stack((np.cos(angles), np.sin(angles)), axis=-1))


@st.composite
def stars(draw: st.DrawFn) -> Points:
    """Rings (P, 2), most of them not convex, that do not cross themselves."""
    ring = draw(convex_rings())
    middle = ring.mean(axis=0)
    return np.asarray(middle + (ring - middle) * np.array([[draw(st.floats(0.2, 1.0))] for _ in ring]))


def within_ring(points: Points, ring: Points) -> Any:
    """Which points (P, 2) lie in a ring: a line to the right of them crosses its sides an odd number of times."""
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < x0 + (x1 - x0) * (y - y0) / (y1 - y0 if y1 != y0 else 1.0))
    return inside


@st.composite
def edges(draw: st.DrawFn) -> Edge:
    """An upright rectangle, or a convex ring."""
    if draw(st.booleans()):
        return draw(convex_rings())
    (x0, x1), (y0, y1) = (sorted(draw(st.tuples(st.floats(0, side), st.floats(0, side)))) for side in SIZE)
    assume(x1 - x0 > 0.1 and y1 - y0 > 0.1)
    return x0, y0, x1, y1


Shape = tuple[Outline, Callable[[Points], Any]]  # an outline, and which points (P, 2) lie in it


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Polygons, masks and boxes."""
    kind = draw(st.sampled_from(["polygons", "mask", "box"]))
    if kind == "mask":
        pixels = draw(masks(SIZE))
        outline = MaskOutline.of(Rle.from_mask(pixels), Affine())
        return outline, lambda points: pixels[points[:, 1].astype(int), points[:, 0].astype(int)]
    if kind == "box":
        box = hull(draw(convex_rings()))
        return BoxOutline.of(box, Affine()), lambda points: within_convex(points, ring_around(tuple(box.tolist())))
    ring = draw(stars())
    return PolygonOutline((ring,)), lambda points: within_ring(points, ring)


def counted(inside: Any) -> float:
    """The area, square px, of the points of the grid that lie inside."""
    return float(np.count_nonzero(inside)) * STEP**2


def in_edge(points: Points, edge: Edge) -> Any:
    return within_convex(points, edge if isinstance(edge, np.ndarray) else ring_around(edge))


def centres_in_edge(outline: Outline, points: Points, edge: Edge) -> Any:
    """A ring takes whole pixels of a mask, by their centres."""
    at = np.floor(points) + 0.5 if isinstance(outline, MaskOutline) and isinstance(edge, np.ndarray) else points
    return in_edge(at, edge)


@given(shapes(), edges())
def test_area_and_share_are_those_of_the_points_that_lie_inside(shape: Shape, edge: Edge) -> None:
    outline, holds = shape
    inside, left = holds(GRID), outline.clipped(edge)
    cut = inside & centres_in_edge(outline, GRID, edge)
    assert abs(outline.area - counted(inside)) <= TOLERANCE
    assert abs(left.area - counted(cut)) <= TOLERANCE
    if outline.area > 40.0:
        assert outline.share_left(left) == pytest.approx(counted(cut) / counted(inside), abs=2 * TOLERANCE / 40.0)


@given(shapes(), edges())
def test_bounds_hold_the_points_that_are_left_and_no_more(shape: Shape, edge: Edge) -> None:
    outline, holds = shape
    cut = GRID[holds(GRID) & centres_in_edge(outline, GRID, edge) & in_edge(GRID, edge)]
    left = outline.clipped(edge)
    if len(cut):
        found = hull(cut)
        assert (left.bounds[:2] <= found[:2] + STEP).all()
        assert (left.bounds[2:] >= found[2:] - STEP).all()
    whole, limit = outline.bounds, hull(edge if isinstance(edge, np.ndarray) else ring_around(edge))
    if left.area > 0:
        assert (left.bounds[:2] >= np.maximum(whole, limit)[:2] - 1e-9).all()
        assert (left.bounds[2:] <= np.minimum(whole, limit)[2:] + 1e-9).all()


@given(shapes(), edges())
def test_to_clip_twice_is_to_clip_once(shape: Shape, edge: Edge) -> None:
    once = shape[0].clipped(edge)
    twice = once.clipped(edge)
    assert twice.area == pytest.approx(once.area, abs=1e-9)
    np.testing.assert_allclose(twice.bounds, once.bounds, atol=1e-9)


@given(shapes(), st.floats(0.0, SIZE.width), st.booleans())
def test_the_shares_of_a_part_and_of_the_rest_make_a_whole(shape: Shape, at: float, rings: bool) -> None:
    outline = shape[0]
    assume(outline.area > 0)
    parts: list[Edge] = [(0.0, 0.0, at, float(SIZE.height)), (at, 0.0, float(SIZE.width), float(SIZE.height))]
    if rings and not (isinstance(outline, MaskOutline) and at % 1 == 0.5):  # a centre on the edge is in both parts
        parts = [ring_around(part) for part in parts]  # type: ignore[arg-type]
    left, right = (outline.share_left(outline.clipped(part)) for part in parts)
    assert left + right == pytest.approx(1.0, abs=1e-6)
    if not rings:
        assert outline.share_under(np.array(parts, dtype=np.float64)) == pytest.approx(1.0, abs=1e-6)


@given(masks(SIZE), affines(), edges())
def test_a_mask_is_measured_where_it_was_drawn(pixels: Any, affine: Affine, edge: Edge) -> None:
    """Mapped by a stretch or a right turn, and clipped there, it has the shares that it has on its own grid."""
    if isinstance(edge, np.ndarray):
        edge = tuple(hull(edge).tolist())
    assume(pixels.any())
    rle = Rle.from_mask(pixels)
    here, there = MaskOutline.of(rle, Affine()), MaskOutline.of(rle, affine)
    mapped = hull(affine(ring_around(edge)))
    x0, y0, x1, y1 = mapped.tolist()
    near, far = here.clipped(edge), there.clipped((x0, y0, x1, y1))
    assert there.area == pytest.approx(here.area * abs(affine.determinant))
    assert there.share_left(far) == pytest.approx(here.share_left(near), abs=1e-6)
    if near.area > 1e-3:
        corners = affine(ring_around(tuple(near.bounds.tolist())))
        np.testing.assert_allclose(far.bounds, hull(corners), atol=1e-4)


@given(masks(SIZE))
def test_the_bounds_of_a_mask_are_those_of_its_runs(pixels: Any) -> None:
    rle = Rle.from_mask(pixels)
    assert MaskOutline.of(rle, Affine()).bounds.tolist() == rle.bounds.tolist()


def test_a_ring_and_a_box_without_area_are_empty_when_clipped() -> None:
    line = np.array([[2.0, 2.0], [8.0, 8.0], [2.0, 2.0]])
    for outline in (PolygonOutline((line,)), PolygonOutline(()), MaskOutline.of(Rle(SIZE, (SIZE.pixels,)), Affine())):
        left = outline.clipped((0.0, 0.0, 5.0, 5.0))
        assert (outline.area, left.area, left.bounds.tolist(), left.polygons) == (0.0, 0.0, [0.0] * 4, ())
        assert (outline.share_left(left), outline.share_under(np.array([[0.0, 0, 5, 5]]))) == (1.0, 0.0)
    assert clip_rings((line,), SIZE) == ()


# Which outline an object has, and that every operation asks for it.

BOX = (4.0, 4.0, 20.0, 14.0)
TRIANGLE = np.array([[4.0, 4.0], [20.0, 4.0], [4.0, 14.0]])
SLOPE = np.add.outer(np.arange(SIZE.height) * 1.6, np.arange(SIZE.width)) < 26.0


def triangle(kind: str) -> Instances:
    """An object whose box is `BOX`, and whose outline leaves the lower right half of it."""
    inside = np.zeros((SIZE.height, SIZE.width), dtype=np.bool_)
    inside[4:14, 4:20] = SLOPE[4:14, 4:20]
    columns: dict[str, Any] = {
        "polygons": {"polygons": [[TRIANGLE]]},
        "mask": {"masks": [Rle.from_mask(inside)]},
        "box": {},
    }
    return Instances.of([BOX], [0], areas=[1.0], **columns[kind])


def right_part(objects: Instances) -> Instances:
    """The objects that are left of a crop of the columns from 14 on, of which at least a quarter must be seen."""
    crop = Plan(SIZE).then(Place(Size(10, 18), -14, 0), Resample(Size(20, 36)))
    return map_objects(objects, crop, LOCATION, ObjectPolicy(min_visibility=0.25))[0]


def uncovered(objects: Instances) -> Instances:
    """The objects of which a hole over the columns below 14 leaves at least a quarter."""
    hole = Effect("cutout", (("holes", ((0.0, 0.0, 14 / 24, 1.0),)),))
    return drop_occluded(objects, [hole], SIZE, LOCATION, ObjectPolicy(min_visibility=0.25))[0]


OPERATIONS = [right_part, uncovered]


def follows_the_outline(operation: Callable[[Instances], Instances], kind: str) -> bool:
    """An eighth of the triangle lies right of column 14, but more than a quarter of its box."""
    return len(operation(triangle(kind))) == (kind == "box")


@pytest.mark.parametrize("kind", ["polygons", "mask", "box"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_measures_the_outline(operation: Callable[[Instances], Instances], kind: str) -> None:
    assert follows_the_outline(operation, kind)


def _without_masks(outlines: Outlines, row: int) -> Iterator[Outline]:
    if outlines.moved.polygons[row]:
        yield PolygonOutline(outlines.moved.polygons[row])


def _box_for_polygons(outlines: Outlines, row: int) -> Iterator[Outline]:
    yield BoxOutline.of(outlines.moved.boxes[row], Affine())


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("mistake", "kind"), [(_without_masks, "mask"), (_box_for_polygons, "polygons")], ids=["no mask", "box"]
)
def test_the_law_catches_an_outline_that_is_not_asked_for(
    mistake: Callable[[Outlines, int], Iterator[Outline]],
    kind: str,
    operation: Callable[[Instances], Instances],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Outlines, "_kinds", mistake)
    assert not follows_the_outline(operation, kind)


def test_polygons_speak_before_the_mask_and_the_mask_where_they_cannot() -> None:
    both = Instances.of([BOX], [0], polygons=[[TRIANGLE]], masks=[triangle("mask").masks[0]])
    elsewhere = Instances.of([BOX], [0], polygons=[[TRIANGLE + 40.0]], masks=[triangle("mask").masks[0]])
    flat = Instances.of([BOX], [0], polygons=[[TRIANGLE[[0, 1, 0]]]])
    box: Boxes = both.boxes[0]
    assert isinstance(Outlines.of(both).usable(0, box), PolygonOutline)
    assert isinstance(Outlines.of(elsewhere).usable(0, box), MaskOutline)
    assert isinstance(Outlines.of(flat).stated(0), PolygonOutline)
    assert Outlines.of(flat).usable(0, box) is None
    assert Outlines.of(triangle("box")).stated(0) is None


@pytest.mark.parametrize(("kind", "area"), [("polygons", 32.0), ("mask", 5.0), ("box", 0.75)])
def test_the_stated_area_becomes_that_of_what_is_left(kind: str, area: float) -> None:
    copy = Rle.from_mask(np.arange(SIZE.pixels).reshape(SIZE.height, SIZE.width) < 5)
    objects = triangle(kind)
    outlines = Outlines(Instances.of([BOX], [0], areas=[1.0], masks=[copy]), objects, Affine())
    left = {"polygons": PolygonOutline((ring_around((0.0, 0.0, 4.0, 8.0)),)), "box": None}.get(
        kind, MaskOutline.of(copy, Affine.scale(3.0, 3.0))
    )
    assert outlines.area_left(0, left, 0.75) == area
    unstated = Outlines.of(Instances.of([BOX], [0]))
    assert np.isnan(unstated.area_left(0, left, 0.75))


# Planted mistakes: what the laws above must refuse.


def _box_area(outline: Outline) -> float:
    x0, y0, x1, y1 = outline.bounds.tolist()
    return float((x1 - x0) * (y1 - y0))


@pytest.mark.parametrize("kind", [PolygonOutline, MaskOutline])
def test_the_law_of_areas_catches_the_area_of_the_box(kind: type[Outline], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "area", property(_box_area))
    rle = triangle("mask").masks[0]
    assert rle is not None
    outline = PolygonOutline((TRIANGLE,)) if kind is PolygonOutline else MaskOutline.of(rle, Affine())
    assert abs(outline.area - counted(within_ring(GRID, TRIANGLE))) > 10 * TOLERANCE
