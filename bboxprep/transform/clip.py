"""Clips objects (boxes upright and oriented, polygons, masks, keypoints) at the edges of their source image and of the
output image.

- `cut_at_own_edges`: a box that reaches over its source image; `ObjectPolicy.outside` is the rule.
- `cut_at_plan_edges`: an object that a crop hides in part; `ObjectPolicy.min_visibility` is the part that must be left.
  It is a part of the object after the first clip.

Plans with a `Warp` clip in `transform.rotated`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import Boxes, Region, box_areas, clip_boxes, common_boxes, visible_fractions
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.polygons import Polygons
from bboxprep.model.validation import Location, Rows, drop_findings
from bboxprep.transform.outline import CUT_SLACK, Outlines, clip_rings, cut_oriented

SHARE_SLACK = 1e-9  # of an object; an error of float64

Shares = NDArray[np.float64]  # (N,), 0 to 1
ObjectsAndFindings = tuple[Instances, tuple[Finding, ...]]  # the objects that are left, and findings for the others


def cut_at_own_edges(
    instances: Instances, size: Size, location: Location, object_policy: ObjectPolicy
) -> ObjectsAndFindings:
    """The objects cut at the edges of their own image of `size`, or dropped, as `object_policy` says."""
    reach = _reach(instances, size)
    over = reach > object_policy.outside_tolerance
    refused: tuple[Finding, ...] = ()
    if object_policy.outside != "clip" and over.any():
        why = f"it reaches over the edge of its image of {size}"
        refused = drop_findings("box-overreach", instances, over, location, why)
        instances, reach, over = instances.select(~over), reach[~over], over[~over]
    inside = _within(instances.keypoints, (0.0, 0.0, float(size.width), float(size.height)))
    instances, hidden = hide_keypoints(instances, inside, size, location)
    if not reach.any():
        return instances, (*refused, *hidden)
    rows = reach > min(CUT_SLACK, object_policy.outside_tolerance)
    clipped, _ = _clip_objects(Outlines.of(instances), size, rows, shares_wanted=False)
    gone = box_areas(clipped.boxes) <= 0
    dropped = drop_findings("box-outside", instances, gone, location, f"nothing of it is left in the image of {size}")
    notes = (*clipped_finding(over & ~gone, size, location), *refitted_finding(instances, clipped, ~gone, location))
    return clipped.select(~gone), (*refused, *dropped, *notes, *hidden)


def cut_at_plan_edges(
    mapped: Instances, source: Instances, plan: Plan, location: Location, object_policy: ObjectPolicy
) -> ObjectsAndFindings:
    """The objects `mapped` from `source` by `plan`, which keeps the axes, clipped to the visible part of the image.

    An outline may reach over an edge that the box of its object respects: it is cut too, so that no shape lies on the
    margin. So may the rectangle around what the edges of its own image left of an oriented box. Stretched, it is none
    any more, nor the smallest one around that part: it is fitted again.
    """
    reach, spilled = _reach(mapped, plan.seen), spilled_outlines(mapped, np.array(plan.seen))
    mapped, hidden = hide_keypoints(mapped, _within(mapped.keypoints, plan.seen), plan.size, location)
    if not reach.any() and not spilled.any():
        return mapped, hidden
    over = reach > CUT_SLACK
    outlines, shares_wanted = Outlines(mapped, source, plan.affine), object_policy.needs_shares
    clipped, shares = _clip_objects(outlines, plan.seen, over, shares_wanted=shares_wanted)
    clipped = _trimmed(clipped, spilled & ~over, plan.seen)
    dropped, kept = drop_hidden(mapped, clipped.boxes, shares, plan.size, location, object_policy)
    cut = (over | (spilled & mapped.has(Column.POLYGONS))) & kept
    notes = (*clipped_finding(cut, plan.size, location), *refitted_finding(mapped, clipped, kept, location))
    return clipped.select(kept), (*dropped, *notes, *hidden)


def drop_hidden(
    mapped: Instances, boxes: NDArray[np.float64], shares: Shares, size: Size, location: Location, policy: ObjectPolicy
) -> tuple[tuple[Finding, ...], Rows]:
    """The findings for objects that an image of `size` hides, and which objects (N,) are kept.

    `boxes` (N, 4) are those that are left, `shares` (N,) how much of each object is visible.
    """
    gone = box_areas(boxes) <= 0
    least = least_shares(mapped, location, policy)
    hidden = ~gone & (shares < least - SHARE_SLACK)
    dropped = drop_findings("box-cropped", mapped, gone, location, f"nothing of it is left in the image of {size}")
    for share in np.unique(least[hidden]).tolist():
        why = f"less than {share:g} of it is left in the image of {size}"
        dropped += drop_findings("box-hidden", mapped, hidden & (least == share), location, why)
    return dropped, ~(gone | hidden)


def least_shares(instances: Instances, location: Location, policy: ObjectPolicy) -> Shares:
    """The share (N,) of each object that must be left, as `policy` says of its class."""
    return policy.least_shares([location.names[label] for label in instances.labels.tolist()])


def _reach(instances: Instances, region: Region) -> NDArray[np.float64]:
    """The distance (N,) that each box exceeds `region`, px."""
    boxes = instances.boxes
    reach: NDArray[np.float64] = np.abs(clip_boxes(boxes, region) - boxes).max(axis=1, initial=0.0)
    return reach


def spilled_outlines(instances: Instances, regions: Boxes) -> Rows:
    """Whether a point of the polygons or the oriented box of each object lies outside of its region of `regions`, (4,)
    or (N, 4) px, by more than `CUT_SLACK`: bool (N,).
    """
    limits = np.broadcast_to(regions, (len(instances), 4)) + np.array([-CUT_SLACK, -CUT_SLACK, CUT_SLACK, CUT_SLACK])
    spilled = instances.polygons.reach_out(limits)
    if Column.ORIENTED in instances.column_counts:
        corners = instances.oriented  # NaN, where there is none, lies nowhere
        spilled |= ((corners < limits[:, None, :2]) | (corners > limits[:, None, 2:])).any(axis=(1, 2))
    return spilled


def _trimmed(instances: Instances, rows: Rows, region: tuple[float, float, float, float]) -> Instances:
    """`instances` with the outlines of those at `rows` cut at `region`, and their boxes as they are."""
    if not rows.any():
        return instances
    polygons = list(instances.polygons)
    for row in np.flatnonzero(rows).tolist():
        polygons[row] = clip_rings(polygons[row], region)
    return replace(instances, polygons=Polygons.of(polygons), oriented=cut_oriented(instances, rows, region))


def _clip_objects(outlines: Outlines, region: Region, rows: Rows, *, shares_wanted: bool) -> tuple[Instances, Shares]:
    """The objects clipped at `region`, and how much of each is left; 1 for those that are not at `rows`.

    All boxes are clipped. At `rows` polygons, oriented boxes and areas are too, and boxes are drawn tight to what is
    left of outlines.
    Shares are those of the boxes unless `shares_wanted`: to measure a whole outline takes its time.
    """
    instances = outlines.moved
    boxes, shares = clip_boxes(instances.boxes, region), visible_fractions(instances.boxes, region)
    areas, polygons = np.where(rows, instances.areas * shares, instances.areas), list(instances.polygons)
    for row in np.flatnonzero(rows).tolist():
        outline = outlines.stated(row)
        if outline is None:
            continue
        left = outline.clipped(region)
        boxes[row] = common_boxes(boxes[row], left.bounds)
        areas[row] = outlines.area_left(row, left, shares[row])
        polygons[row] = left.polygons
        if shares_wanted and outline.area > 0:
            shares[row] = outline.share_left(left)
    oriented = cut_oriented(instances, rows, region)
    clipped = replace(instances, boxes=boxes, areas=areas, polygons=Polygons.of(polygons), oriented=oriented)
    return clipped, np.where(rows, shares, 1.0)


def _within(points: Points, region: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Whether points (..., 2) are in `region` or at most `CUT_SLACK` outside of it: bool (...,)."""
    low, high = np.array(region[:2]) - CUT_SLACK, np.array(region[2:]) + CUT_SLACK
    return np.asarray(((points >= low) & (points <= high)).all(axis=-1))


def hide_keypoints(
    instances: Instances, inside: NDArray[np.bool_], size: Size, location: Location
) -> ObjectsAndFindings:
    """The objects with the keypoints that are not `inside` (N, K) an image of `size` marked as not labelled."""
    outside = (instances.visibility > 0) & ~inside
    if not outside.size or not outside.any():
        return instances, ()
    finding = count_finding("keypoint-outside", int(outside.sum()), f"outside the image of {size}", location)
    return replace(instances, visibility=np.where(outside, 0, instances.visibility).astype(np.uint8)), (finding,)


def clipped_finding(rows: Rows, size: Size, location: Location) -> tuple[Finding, ...]:
    """The finding for the objects at `rows`, which were cut at the edge of an image of `size`; none for no object."""
    count = int(np.count_nonzero(rows))
    return (count_finding("box-clipped", count, f"cut at the edge of the image of {size}", location),) if count else ()


def refitted_finding(before: Instances, after: Instances, kept: Rows, location: Location) -> tuple[Finding, ...]:
    """The finding for the oriented boxes of the objects that are `kept` (N,) which a cut has changed; none for none."""
    had = kept & before.has(Column.ORIENTED)
    count = int(np.count_nonzero((before.oriented[had] != after.oriented[had]).any(axis=(1, 2))))
    message = "oriented boxes are now the smallest rectangles around what is left of them"
    return (count_finding("oriented-refitted", count, message, location),) if count else ()


def count_finding(code: str, count: int, message: str, location: Location) -> Finding:
    """A finding for `count` things of one image that drops no object."""
    return Finding(code, f"{count} {message}", path=location.path, split=location.split)
