"""Objects through a plan: every kind of annotation follows the one affine map, and is then cut at the picture's edge.

Mapping never cuts; cutting is a second, visible act whose losses are findings. Objects are checked and cut in their
own picture first, so that a box that reaches over it does not lie on the margin of a letterbox.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import box_areas, clip_boxes, clip_ring, hull, map_boxes, ring_area, visible_fractions
from bboxprep.images.raster import execute
from bboxprep.model.checks import Location, lost, sound
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle

CUT_SLACK = 1e-3  # px; what a decimal rounding reaches over the edge is set onto it without a word


def move(instances: Instances, plan: Plan, location: Location) -> tuple[Instances, tuple[Finding, ...]]:
    """The objects in the outcome of `plan`, whose source is the plane they lie in; and what was lost on the way."""
    fitting, misfits = _drop_misfits(instances, plan.source, location)
    kept, faulty = _drop_faulty(fitting, plan.source, location)
    inside, cut = _cut(kept, plan.source, location, "box-outside")
    if plan.is_identity:
        return inside, (*misfits, *faulty, *cut)
    cropped, lost_to_crop = _cut(_map(inside, plan), plan.size, location, "box-cropped")
    return cropped, (*misfits, *faulty, *cut, *lost_to_crop)


def _drop_misfits(instances: Instances, size: Size, location: Location) -> tuple[Instances, tuple[Finding, ...]]:
    misfits = [mask is not None and mask.size != size for mask in instances.masks]
    if not any(misfits):
        return instances, ()
    masks = tuple(None if misfit else mask for mask, misfit in zip(instances.masks, misfits, strict=True))
    notes = _note("mask-misfit", sum(misfits), f"masks are not of the picture's size, {size}", location)
    return replace(instances, masks=masks), notes


def _drop_faulty(instances: Instances, size: Size, location: Location) -> tuple[Instances, tuple[Finding, ...]]:
    good, faults = sound(instances, size)
    if good.all():
        return instances, ()
    why = {
        "box-not-finite": "a coordinate is not a finite number",
        "box-degenerate": "the box has no area",
        "box-outside": f"the box lies outside the picture of {size}",
    }
    findings = [
        finding for code, rows in faults.items() for finding in lost(code, instances, rows, location, why[code])
    ]
    return instances.select(good), tuple(findings)


def _map(instances: Instances, plan: Plan) -> Instances:
    affine = plan.affine
    return replace(
        instances,
        boxes=map_boxes(affine, instances.boxes),
        polygons=tuple(tuple(affine(ring) for ring in rings) for rings in instances.polygons),
        masks=tuple(mask and _map_mask(mask, plan) for mask in instances.masks),
        keypoints=affine(instances.keypoints),
        areas=instances.areas * abs(affine.determinant),
    )


def _map_mask(mask: Rle, plan: Plan) -> Rle:
    pixels = execute(plan, mask.mask().astype(np.uint8), kernel="nearest", pad=0)
    return Rle.from_mask(pixels > 0, compressed=mask.compressed)


def _cut(instances: Instances, size: Size, location: Location, code: str) -> tuple[Instances, tuple[Finding, ...]]:
    """The objects cut at the edges of a picture of `size`; those of which nothing is left are findings of `code`."""
    boxes = clip_boxes(instances.boxes, size)
    reach = np.abs(boxes - instances.boxes).max(axis=1, initial=0.0)
    instances, hidden = _hide_keypoints(instances, size, location)
    if not reach.any():
        return instances, hidden
    cut = _cut_shapes(
        replace(instances, boxes=boxes), size, reach > CUT_SLACK, visible_fractions(instances.boxes, size)
    )
    gone = box_areas(cut.boxes) <= 0
    why = f"nothing of it is left in the picture of {size}"
    dropped = lost(code, instances, gone, location, why)
    clipped = int(np.count_nonzero((reach > CUT_SLACK) & ~gone))
    notes = _note("box-clipped", clipped, f"cut at the edge of the picture of {size}", location)
    return cut.select(~gone), (*dropped, *notes, *hidden)


def _cut_shapes(instances: Instances, size: Size, rows: NDArray[np.bool_], share: NDArray[np.float64]) -> Instances:
    """The objects, whose boxes are cut already, with the outlines of those at `rows` cut and boxes drawn tight to them.

    An object's area is then that of what is left of its outline, or the visible `share` of its stated area.
    """
    boxes, areas = instances.boxes.copy(), instances.areas.copy()
    polygons = list(instances.polygons)
    for row in np.flatnonzero(rows):
        mask = instances.masks[row]
        areas[row] *= share[row]
        if polygons[row]:
            rings = tuple(ring for ring in (clip_ring(ring, size) for ring in polygons[row]) if ring_area(ring) > 0)
            polygons[row] = rings
            boxes[row] = _tight(boxes[row], hull(np.concatenate(rings)) if rings else None)
            areas[row] = np.nan if np.isnan(areas[row]) else sum(map(ring_area, rings))
        elif mask is not None:
            boxes[row] = _tight(boxes[row], _mask_box(mask))
            areas[row] = np.nan if np.isnan(areas[row]) else mask.area
    return replace(instances, boxes=boxes, areas=areas, polygons=tuple(polygons))


def _tight(box: NDArray[np.float64], outline: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The common part of a box and the box around an outline; no area where they do not meet."""
    if outline is None:
        return np.zeros(4)
    common = np.concatenate((np.maximum(box[:2], outline[:2]), np.minimum(box[2:], outline[2:])))
    return common if (common[2:] > common[:2]).all() else np.zeros(4)


def _mask_box(mask: Rle) -> NDArray[np.float64] | None:
    rows, columns = np.nonzero(mask.mask())
    if not len(rows):
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=np.float64)


def _hide_keypoints(instances: Instances, size: Size, location: Location) -> tuple[Instances, tuple[Finding, ...]]:
    points, visible = instances.keypoints, instances.visibility > 0
    inside = ((points >= -CUT_SLACK) & (points <= np.array(size) + CUT_SLACK)).all(axis=2)
    outside = visible & ~inside
    if not outside.any():
        return instances, ()
    notes = _note("keypoint-outside", int(outside.sum()), f"outside the picture of {size}", location)
    return replace(instances, visibility=np.where(outside, 0, instances.visibility).astype(np.uint8)), notes


def _note(code: str, count: int, message: str, location: Location) -> tuple[Finding, ...]:
    return (Finding(code, f"{count} {message}", path=location.path, split=location.split),) if count else ()
