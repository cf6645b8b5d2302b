"""Objects cut at the edges of a picture, in two acts that mean different things.

`cut_at_own_edges`: what reaches over the picture that it was drawn on was never pictured. It is laid onto the edge, and
`ObjectPolicy.outside` says what is thought of it. `cut_at_plan_edges`: what a recipe leaves outside is hidden by us,
and
`ObjectPolicy.min_visibility` says how much of an object must be left. Its whole is therefore the object as it was
pictured, after the first act and before the recipe: what no photo ever showed is not hidden by a crop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import (
    Region,
    box_areas,
    clip_boxes,
    clip_ring,
    hull,
    map_boxes,
    ring_area,
    visible_fractions,
)
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.rle import Rle
from bboxprep.model.validation import Location, Rows, lost

CUT_SLACK = 1e-3  # px; an outline whose box reaches no further over an edge than this is left as it is
_EDGE = 1e-6  # px; what the rounding of float64 may make of an edge that two pixels share
SHARE_SLACK = 1e-9  # of an object; what the rounding of float64 may hide of it

Shares = NDArray[np.float64]  # (N,), 0 to 1
Cut = tuple[Instances, tuple[Finding, ...]]


def cut_at_own_edges(instances: Instances, size: Size, location: Location, object_policy: ObjectPolicy) -> Cut:
    """The objects cut at the edges of the picture of `size` that they were drawn on, or dropped, as `object_policy`
    say."""
    reach = _reach(instances, size)
    over = reach > object_policy.outside_tolerance
    refused: tuple[Finding, ...] = ()
    if object_policy.outside != "clip" and over.any():
        why = f"it reaches over the edge of its picture of {size}"
        refused = lost("box-overreach", instances, over, location, why)
        instances, reach, over = instances.select(~over), reach[~over], over[~over]
    inside = _within(instances.keypoints, (0.0, 0.0, float(size.width), float(size.height)))
    instances, hidden = hide_keypoints(instances, inside, size, location)
    if not reach.any():
        return instances, (*refused, *hidden)
    cut = _cut_shapes(
        instances, size, reach > min(CUT_SLACK, object_policy.outside_tolerance), partial(_mask_at, instances)
    )
    gone = box_areas(cut.boxes) <= 0
    dropped = lost("box-outside", instances, gone, location, f"nothing of it is left in the picture of {size}")
    return cut.select(~gone), (*refused, *dropped, *clipped(over & ~gone, size, location), *hidden)


def cut_at_plan_edges(
    mapped: Instances, source: Instances, plan: Plan, location: Location, object_policy: ObjectPolicy
) -> Cut:
    """The objects `mapped` by `plan`, which were `source`, cut where its outcome ends to show the picture."""
    reach = _reach(mapped, plan.seen)
    mapped, hidden = hide_keypoints(mapped, _within(mapped.keypoints, plan.seen), plan.size, location)
    if not reach.any():
        return mapped, hidden
    over = reach > CUT_SLACK
    cut = _cut_shapes(mapped, plan.seen, over, partial(_left_of_mask, source, plan))
    gone = box_areas(cut.boxes) <= 0
    dropped = lost("box-cropped", mapped, gone, location, f"nothing of it is left in the picture of {plan.size}")
    shares = _shares(mapped, source, plan, over & ~gone & (object_policy.min_visibility > 0))
    dim = ~gone & (shares < object_policy.min_visibility - SHARE_SLACK)
    why = f"less than {object_policy.min_visibility:g} of it is left in the picture of {plan.size}"
    dropped += lost("box-hidden", mapped, dim, location, why)
    kept = ~(gone | dim)
    return cut.select(kept), (*dropped, *clipped(over & kept, plan.size, location), *hidden)


def _reach(instances: Instances, region: Region) -> NDArray[np.float64]:
    """How far (N,) each box reaches over the edge of `region`, px."""
    boxes = instances.boxes
    reach: NDArray[np.float64] = np.abs(clip_boxes(boxes, region) - boxes).max(axis=1, initial=0.0)
    return reach


def _cut_shapes(
    instances: Instances, region: Region, rows: Rows, masked: Callable[[int], NDArray[np.float64] | None]
) -> Instances:
    """The objects with their boxes cut at `region`, and at `rows` their outlines too, and boxes drawn tight to them.

    An object's area is then that of what is left of its outline, or the visible share of its stated area. `masked` says
    which box is around what is left of the mask of a row.
    """
    boxes, areas = clip_boxes(instances.boxes, region), instances.areas.copy()
    share = visible_fractions(instances.boxes, region)
    polygons = list(instances.polygons)
    for row in np.flatnonzero(rows):
        mask = instances.masks[row]
        areas[row] *= share[row]
        if polygons[row]:
            rings = tuple(ring for ring in (clip_ring(ring, region) for ring in polygons[row]) if ring_area(ring) > 0)
            polygons[row] = rings
            boxes[row] = tight(boxes[row], hull(np.concatenate(rings)) if rings else None)
            areas[row] = np.nan if np.isnan(areas[row]) else sum(map(ring_area, rings))
        elif mask is not None:
            boxes[row] = tight(boxes[row], masked(int(row)))
            areas[row] = np.nan if np.isnan(areas[row]) else mask.area
    return replace(instances, boxes=boxes, areas=areas, polygons=tuple(polygons))


def _mask_at(instances: Instances, row: int) -> NDArray[np.float64] | None:
    mask = instances.masks[row]
    return mask_box(mask) if mask is not None else None


def _left_of_mask(source: Instances, plan: Plan, row: int) -> NDArray[np.float64] | None:
    """The box (4,) around what the outcome of `plan` shows of a mask, or None where that is nothing.

    Found where the mask was drawn: a smaller copy of it, nearest neighbour by nearest neighbour, loses thin parts.
    """
    mask = source.masks[row]
    if mask is None:
        return None
    window = map_boxes(~plan.affine, np.array([plan.seen]))[0]
    rows, columns = np.nonzero(mask.mask())
    pixels = np.stack((columns, rows, columns + 1, rows + 1), axis=-1).astype(np.float64)
    seen = pixels[(pixels[:, 2:] > window[:2] + _EDGE).all(axis=1) & (pixels[:, :2] < window[2:] - _EDGE).all(axis=1)]
    if not len(seen):
        return None
    box = np.concatenate((seen[:, :2].min(axis=0), seen[:, 2:].max(axis=0)))
    return np.asarray(map_boxes(plan.affine, np.clip(box, np.tile(window[:2], 2), np.tile(window[2:], 2))[None])[0])


def _shares(mapped: Instances, source: Instances, plan: Plan, rows: Rows) -> Shares:
    """How much of each object at `rows` is seen in the outcome of `plan`, by its polygons, else its mask, else its
    box; 1 for the others.

    A mask is measured where it was drawn, because a nearest-neighbour copy of it has not exactly its area.
    """
    shares = np.where(rows, visible_fractions(mapped.boxes, plan.seen), 1.0)
    window = map_boxes(~plan.affine, np.array([plan.seen]))[0]
    for row in np.flatnonzero(rows):
        whole = sum(map(ring_area, mapped.polygons[row]))
        mask = source.masks[row]
        if whole > 0:
            shares[row] = sum(ring_area(clip_ring(ring, plan.seen)) for ring in mapped.polygons[row]) / whole
        elif mask is not None and mask.area:
            shares[row] = _mask_share(mask, window)
    return shares


def _mask_share(mask: Rle, window: NDArray[np.float64]) -> float:
    """The share of the mask's area that lies in `window` (x0 y0 x1 y1 px), which may cut through pixels."""
    columns, rows = (
        np.clip(np.minimum(np.arange(1, length + 1), high) - np.maximum(np.arange(length), low), 0.0, 1.0)
        for length, low, high in zip(mask.size, window[:2], window[2:], strict=True)
    )
    return float(rows @ mask.mask() @ columns) / mask.area


def tight(box: NDArray[np.float64], outline: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The common part of a box and the box around an outline; no area where they do not meet."""
    if outline is None:
        return np.zeros(4)
    common = np.concatenate((np.maximum(box[:2], outline[:2]), np.minimum(box[2:], outline[2:])))
    return common if (common[2:] > common[:2]).all() else np.zeros(4)


def mask_box(mask: Rle) -> NDArray[np.float64] | None:
    """The box (4,) around the pixels of a mask, or None where it has none."""
    rows, columns = np.nonzero(mask.mask())
    if not len(rows):
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=np.float64)


def _within(points: Points, seen: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Which of the points (..., 2) lie in a part of a picture, or so near that they count as inside."""
    low, high = np.array(seen[:2]) - CUT_SLACK, np.array(seen[2:]) + CUT_SLACK
    return np.asarray(((points >= low) & (points <= high)).all(axis=-1))


def hide_keypoints(instances: Instances, inside: NDArray[np.bool_], size: Size, location: Location) -> Cut:
    """The objects with the keypoints that are not `inside` (N, K) a picture of `size` marked as not labelled."""
    outside = (instances.visibility > 0) & ~inside
    if not outside.size or not outside.any():
        return instances, ()
    finding = note("keypoint-outside", int(outside.sum()), f"outside the picture of {size}", location)
    return replace(instances, visibility=np.where(outside, 0, instances.visibility).astype(np.uint8)), (finding,)


def clipped(rows: Rows, size: Size, location: Location) -> tuple[Finding, ...]:
    """The finding on the objects at `rows` that were cut at the edge of a picture of `size`."""
    count = int(np.count_nonzero(rows))
    return (note("box-clipped", count, f"cut at the edge of the picture of {size}", location),) if count else ()


def note(code: str, count: int, message: str, location: Location) -> Finding:
    """A finding on `count` of something that drops no object."""
    return Finding(code, f"{count} {message}", path=location.path, split=location.split)
