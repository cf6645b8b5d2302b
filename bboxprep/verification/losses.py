"""Which source objects an output may lack, computed from the labels, the map and the rules; no record is believed.

A class may be left out, a crowd region unwanted, a box faulty or over its edge, an object cut off, or hidden by a
cutout or by the rule on visibility. The visible share of a plain box is exact. That of an outline is counted on a grid
of points, which needs no clipping; where the grid cannot tell on which side of the rule a share is, the object may be
missing and may be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.api import Format
from bboxprep.geometry.affine import Size
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import CrowdRule, ObjectPolicy
from bboxprep.verification.arithmetic import apply, apply_to_boxes, is_foreign, spoken
from bboxprep.verification.expectation import Boxes, Expectation, whole_of
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.region import Points, box_around, depths, grid_over, holds

Rows = NDArray[np.bool_]  # (N,)

GRID = 64  # points along each side of an object
LEAST_SHARE = 1e-9  # of an object that is seen at all
EXACT = 1e-6  # of an object; the error of a share that is computed and not counted
SLIVER = 2e-3  # px; whether so little of a box is left is a matter of rounding
FARTHEST = 1e9  # px; larger numbers may count as infinite
WITHIN = 1.5  # px; a pipeline that rounds boxes to whole pixels may cut one that is nearer to the edge

_CUTTING = re.compile(r"Crop|Pad|Drop|Eras|Mask|Mosaic|Grid|BBox|Lambda|Domain|Template")  # may hide or cut on the way
_MOVING = re.compile(r"Affine|Shift|^Rotate$|SafeRotate|Perspective|Distort|Elastic|Spline|Morph")
_FILTERS = ("min_area", "min_width", "min_height", "max_accept_ratio")


@dataclass(frozen=True, eq=False)
class ExpectedLosses:
    """Which of N source objects the output must lack (`surely`), and which it may lack (`maybe`, of which those are a
    part): bool (N,). `word` says why the losses could not be computed, "" where they were.
    """

    surely: Rows
    maybe: Rows
    word: str = ""


def expected_losses(
    source: Instances,
    names: Sequence[str],
    expected: Expectation,
    mapped: Mapped,
    policy: ObjectPolicy,
    steps: object,
    *,
    without_crowd: bool,
) -> ExpectedLosses:
    """The losses of the objects of `source`, called `names` in the output ("" for a dropped class), `expected` in an
    image that was `mapped` by the recorded `steps`. `without_crowd`: crowd regions are dropped.
    """
    surely = np.array([not name for name in names], dtype=np.bool_) | expected.gone
    if without_crowd:
        surely |= source.crowd
    maybe = surely | (np.abs(source.boxes) >= FARTHEST).any(axis=1) | _slivers(expected.boxes)
    if policy.outside != "clip":
        reach = _reach(source.boxes, mapped.frame)
        surely |= reach > policy.outside_tolerance + SLIVER
        maybe |= reach > policy.outside_tolerance - SLIVER
    named = [(name, options) for step in _list(steps) if isinstance(step, Mapping) for name, options in step.items()]
    if not mapped.derived:
        return _of_pipelines(surely, maybe, expected, mapped, named)
    cutouts = [_holes(options) for name, options in named if name == "cutout"]
    if None in cutouts:
        return ExpectedLosses(surely, maybe | True, "the record does not say where the holes of a cutout are")
    holes = [hole for each in cutouts for hole in each or ()]
    rows = np.flatnonzero(~surely & (expected.cut | bool(holes)))
    for row in rows.tolist():
        if np.isfinite(source.boxes[row]).all():
            low, high = _shares(source, row, expected, mapped, holes)
            least, most = least_visible(policy, names[row])
            surely[row] = high < least or high <= 0
            maybe[row] |= low < most or low <= 0
    return ExpectedLosses(surely, maybe | surely)


def least_visible(policy: ObjectPolicy, name: str) -> tuple[float, float]:
    """The share of an object that must be left, if it is called `name` in the output: two numbers where the partner of
    its class, with which a flip exchanges it, has another one.
    """
    partners = dict(policy.swap_classes) | {right: left for left, right in policy.swap_classes}
    shares = policy.least_shares([name, partners.get(name, name)]).tolist()
    return min(shares), max(shares)


def drops_crowd(rule: CrowdRule | None, carries: frozenset[Column], format: Format) -> bool:
    """Whether the `rule` drops crowd regions from labels of `format` that hold the columns `carries`."""
    if rule == "drop" or Column.CROWD in carries:
        return rule == "drop"
    return rule is None or (rule == "ignore" and not format.ignored_by)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _slivers(boxes: Boxes) -> Rows:
    return np.asarray((boxes[:, 2:] - boxes[:, :2] < SLIVER).any(axis=1))


def _reach(boxes: Boxes, frame: Size) -> NDArray[np.float64]:
    """The distance (N,) that each box exceeds its own image of the size `frame`, px; infinite for what is no number."""
    x0, y0, x1, y1 = whole_of(frame)
    over = np.concatenate(((x0, y0) - boxes[:, :2], boxes[:, 2:] - (x1, y1)), axis=1).max(axis=1, initial=0.0)
    return np.asarray(np.nan_to_num(over, nan=np.inf))


def _holes(options: object) -> list[list[float]] | None:
    """The holes of a cutout, x, y, width, height in shares of the image; None where they are not recorded."""
    holes = _list(options.get("holes")) if isinstance(options, Mapping) else []
    numbers = all(
        isinstance(hole, list) and [type(each) in (int, float) for each in hole] == [True] * 4 for hole in holes
    )
    return holes if holes and numbers else None


def _of_pipelines(
    surely: Rows, maybe: Rows, expected: Expectation, mapped: Mapped, named: Sequence[tuple[str, object]]
) -> ExpectedLosses:
    """The losses after pipelines of albumentations, and steps of others, among the steps `named`, through the recorded
    map.

    A box that lies wholly in the output can only be lost where a pipeline cuts, hides or filters, or moves twice.
    """
    pipelines = [options for name, options in named if name == "albumentations"]
    foreign = [spoken(name, options) for name, options in named if is_foreign(name) and isinstance(options, Mapping)]
    inside = (expected.boxes[:, :2] >= WITHIN).all(axis=1)
    inside &= (expected.boxes[:, 2:] <= np.array(mapped.size) - WITHIN).all(axis=1)
    if len(pipelines) == 1 and not foreign and _keeps_what_is_inside(pipelines[0]):
        return ExpectedLosses(surely, maybe | ~inside)
    what = "a pipeline of albumentations" if pipelines else "a recipe without its steps in the record"
    what = f"the step {foreign[0]}" if foreign and not pipelines else what
    return ExpectedLosses(surely, maybe | True, f"what {what} leaves out is not derived here")


def _keeps_what_is_inside(options: object) -> bool:
    """Whether a pipeline is known, moves the image once at most, and neither hides nor filters objects."""
    pipeline = options.get("pipeline") if isinstance(options, Mapping) else None
    if not isinstance(pipeline, Mapping):
        return False
    names = list(_transform_names(pipeline))
    filters = str(pipeline.get("transform", {}).get("bbox_params", "")) if pipeline.get("transform") else ""
    harmless = not any(map(_CUTTING.search, names)) and sum(bool(_MOVING.search(name)) for name in names) <= 1
    return harmless and not any(word in filters for word in _FILTERS)


def _transform_names(data: object) -> Iterator[str]:
    """The class names of all transforms in the plain `data` of a pipeline."""
    for part in data.values() if isinstance(data, Mapping) else _list(data):
        yield from _transform_names(part)
    if isinstance(data, Mapping) and isinstance(name := data.get("__class_fullname__"), str):
        yield name.rpartition(".")[2]


def _shares(
    source: Instances, row: int, expected: Expectation, mapped: Mapped, holes: Sequence[Sequence[float]]
) -> tuple[float, float]:
    """The least and the largest share of an object that may be visible: the smaller of that inside the image and of
    that beside the `holes`.
    """
    shapes = list(_shapes(source, row))
    if any(_lies_apart(source.boxes[row], shape, mapped.frame) for shape in shapes):
        return 0.0, 1.0
    if mapped.warped or shapes or holes:
        grid = _grid(source.boxes[row], [np.array(_corners(source.boxes[row]))])
        counted = [_counted_share(each, mapped, holes) for each in (grid, *shapes)]
        low, high = (min(share[0] for share in counted), max(share[1] for share in counted))
    else:
        low, high = 0.0, 1.0
    if not mapped.warped and not shapes:
        frame = whole_of(mapped.frame)
        inside = np.clip(source.boxes[row], np.tile(frame[:2], 2), np.tile(frame[2:], 2))
        placed = apply_to_boxes(mapped.from_frame, inside[None])[0]
        share = _area(expected.boxes[row]) / max(_area(placed), 1e-300)
        low, high = (min(low, share - EXACT), min(high, share + EXACT)) if holes else (share - EXACT, share + EXACT)
    return low, high


def _lies_apart(box: NDArray[np.float64], shape: Points, frame: Size) -> bool:
    """Whether an outline, by the points (P, 2) spread over it, lies elsewhere than the `box` (4,): either may count."""
    limits = np.tile(frame, 2)
    own, around = np.clip(box, 0.0, limits), np.clip(box_around(shape), 0.0, limits)
    common = np.concatenate((np.maximum(own[:2], around[:2]), np.minimum(own[2:], around[2:])))
    return not len(shape) or 2.0 * _area(common) < max(_area(own), _area(around))


def _corners(box: NDArray[np.float64]) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = box.tolist()
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _area(box: NDArray[np.float64]) -> float:
    return float(np.prod(np.maximum(box[2:] - box[:2], 0.0)))


def object_points(source: Instances, row: int) -> Iterator[Points]:
    """Points (P, 2) px spread evenly over the box of an object, then over each of its outlines."""
    yield _grid(source.boxes[row], [np.array(_corners(source.boxes[row]))])
    yield from _shapes(source, row)


def _shapes(source: Instances, row: int) -> Iterator[Points]:
    """Points (P, 2) spread evenly over each outline of an object: its polygons, mask, oriented box; none over an empty
    one.
    """
    rings = [ring for ring in source.polygons[row] if len(ring)]
    if rings:
        yield _grid(box_around(np.concatenate(rings)), rings)
    mask = source.masks[row]
    if mask is not None:
        down, across = np.nonzero(mask.mask())
        every = max(1, len(down) // GRID**2)
        yield np.stack((across[::every], down[::every]), axis=1).astype(np.float64) + 0.5
    turned = source.oriented[row]
    if np.isfinite(turned).all():
        yield _grid(box_around(turned), [turned])


def _grid(box: NDArray[np.float64], rings: Sequence[Points]) -> Points:
    """The points of a grid over `box` (4,) that `rings` hold, those of overlapping rings several times."""
    points = grid_over(box, GRID)
    return np.concatenate([points[holds(ring, points)] for ring in rings])


def _counted_share(points: Points, mapped: Mapped, holes: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The least and the largest visible share of an object, by the `points` (P, 2) spread over it."""
    if not len(points):
        return 0.0, 1.0
    error = min(1.0, 2.0 * GRID / len(points))
    own = ((points >= 0) & (points <= np.array(mapped.frame))).all(axis=1)
    moved = apply(mapped.from_frame, points)
    there = own & (depths(mapped.seen, moved) >= 0)
    seen = float(there.mean())
    least, most = _at_least(seen, error), seen / max(float(own.mean()), 1e-9) + error
    if not holes or not there.any():
        return least, most
    free, barely = (1.0 - _covered(moved[there], mapped.size, holes, grown).mean() for grown in (1.0, -1.0))
    error = min(1.0, 2.0 * GRID / int(there.sum()))
    return min(least, _at_least(float(free), error)), min(most, float(barely) + error)


def _at_least(share: float, error: float) -> float:
    """The least value of a `share` that was counted with an `error`: something is left where a point is."""
    return max(share - error, LEAST_SHARE) if share > 0 else share - error


def _covered(points: Points, size: Size, holes: Sequence[Sequence[float]], grown: float) -> Rows:
    """Whether each of `points` (P, 2) of an image of `size` lies in a hole, `grown` by so many px to each side."""
    covered = np.zeros(len(points), dtype=np.bool_)
    for hole in holes:
        x, y, width, height = (float(share) * side for share, side in zip(hole, (*size, *size), strict=True))
        low, high = np.array([x, y]) - grown, np.array([x + width, y + height]) + grown
        covered |= ((points > low) & (points < high)).all(axis=1)
    return covered
