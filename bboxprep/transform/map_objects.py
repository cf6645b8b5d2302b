"""Objects through a plan: every kind of annotation follows the one affine map, and is then cut at the picture's edge.

Mapping never cuts; cutting (`transform.clip`) is a second, visible act whose losses are findings. Objects are checked
and cut in their own picture first, so that a box that reaches over it does not lie on the margin of a letterbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.raster.execute import execute
from bboxprep.model.columns import Rings
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY, ObjectPolicy
from bboxprep.model.rle import Rle
from bboxprep.model.validation import Location, lost, sound
from bboxprep.transform.clip import ObjectsAndFindings, cut_at_own_edges, cut_at_plan_edges
from bboxprep.transform.rotated import map_rotated


def map_objects(
    instances: Instances, plan: Plan, location: Location, object_policy: ObjectPolicy = DEFAULT_OBJECT_POLICY
) -> ObjectsAndFindings:
    """The objects in the outcome of `plan`, whose source is the plane they lie in; and what was lost on the way."""
    inside, mended = _mended(instances, plan.source, location, object_policy)
    if plan.is_identity:
        return inside, mended
    through = map_rotated if plan.is_warped else cut_at_plan_edges
    moved, lost_on_the_way = through(_map(inside, plan), inside, plan, location, object_policy)
    return moved, (*mended, *lost_on_the_way)


def _lies_well(instances: Instances, size: Size) -> bool:
    """Whether nothing of `instances` needs mending in a picture of `size`: said at once for nearly every picture."""
    width, height = size
    for x0, y0, x1, y1 in instances.boxes.tolist():  # a picture has a few, and an operation on arrays takes longer
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            return False
    if instances.visibility.size and instances.visibility.any():
        return False
    masks = instances.masks
    return masks.count(None) == len(masks) or all(mask is None or mask.size == size for mask in masks)


def _mended(instances: Instances, size: Size, location: Location, object_policy: ObjectPolicy) -> ObjectsAndFindings:
    """The objects as they can lie in a picture of `size`, and what was lost of them."""
    if _lies_well(instances, size):
        return instances, ()
    fitting, misfits = _drop_misfits(instances, size, location)
    kept, faulty = _drop_faulty(fitting, size, location)
    inside, cut = cut_at_own_edges(kept, size, location, object_policy)
    return inside, (*misfits, *faulty, *cut)


def _drop_misfits(instances: Instances, size: Size, location: Location) -> tuple[Instances, tuple[Finding, ...]]:
    misfits = [mask is not None and mask.size != size for mask in instances.masks]
    if not any(misfits):
        return instances, ()
    masks = tuple(None if misfit else mask for mask, misfit in zip(instances.masks, misfits, strict=True))
    message = f"{sum(misfits)} masks are not of the picture's size, {size}"
    return replace(instances, masks=masks), (Finding("mask-misfit", message, path=location.path, split=location.split),)


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
        polygons=_map_rings(affine, instances.polygons),
        masks=tuple(mask and _map_mask(mask, plan) for mask in instances.masks),
        keypoints=affine(instances.keypoints),
        areas=instances.areas * abs(affine.determinant),
    )


def _map_rings(affine: Affine, polygons: Sequence[Rings]) -> tuple[Rings, ...]:
    """All rings at once: there are ten to a picture, and a map costs as much for one as for all."""
    rings = [ring for own in polygons for ring in own]
    if not rings:
        return tuple(polygons)
    points, ends = affine(np.concatenate(rings)), accumulate(map(len, rings), initial=0)
    mapped = iter([points[start:end] for start, end in pairwise(ends)])
    return tuple([tuple([next(mapped) for _ in own]) for own in polygons])


def _map_mask(mask: Rle, plan: Plan) -> Rle:
    pixels = execute(plan, mask.mask().view(np.uint8), kernel="nearest", pad=0)
    return Rle.from_mask(pixels > 0, compressed=mask.compressed)
