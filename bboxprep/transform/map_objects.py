"""Maps objects by a plan: boxes (oriented ones too), polygons, keypoints and masks follow one affine map,
and are clipped to the output.

Mapping never clips; clipping (`transform.clip`, `transform.rotated`) is a second step whose losses are findings.
Objects are checked and clipped in their own image first, so that no box reaches onto the margin of a letterbox.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.raster.execute import execute
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY, ObjectPolicy
from bboxprep.model.rle import Rle
from bboxprep.model.validation import Location, check_boxes, drop_findings
from bboxprep.transform.clip import ObjectsAndFindings, cut_at_own_edges, cut_at_plan_edges
from bboxprep.transform.rotated import map_rotated


def map_objects(
    instances: Instances, plan: Plan, location: Location, object_policy: ObjectPolicy = DEFAULT_OBJECT_POLICY
) -> ObjectsAndFindings:
    """The objects in px of the output of `plan`, which starts in their plane, and findings for what was lost."""
    inside, repairs = _repair(instances, plan.source, location, object_policy)
    if plan.is_identity:
        return inside, repairs
    clip = map_rotated if plan.is_warped else cut_at_plan_edges
    mapped, losses = clip(_map_columns(inside, plan), inside, plan, location, object_policy)
    return mapped, (*repairs, *losses)


def need_no_repair(instances: Instances, sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each object lies in its image, of `sizes` (N, 2) or (2,), without a change: bool (N,). Nearly all do."""
    low, high = instances.boxes[:, :2], instances.boxes[:, 2:]
    good = np.asarray(((low >= 0) & (low < high) & (high <= sizes)).all(axis=1))
    if instances.visibility.size:
        good &= ~instances.visibility.any(axis=1)
    own = np.broadcast_to(sizes, (len(good), 2))
    for row, mask in enumerate(instances.masks):
        if mask is not None:
            good[row] &= mask.size == tuple(own[row])
    return good


def _repair(instances: Instances, size: Size, location: Location, object_policy: ObjectPolicy) -> ObjectsAndFindings:
    """The objects that can lie in an image of `size`, clipped at its edges, and findings for what was lost."""
    if need_no_repair(instances, np.array(size)).all():
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
    message = f"{sum(misfits)} masks are not of the image's size, {size}"
    return replace(instances, masks=masks), (Finding("mask-misfit", message, path=location.path, split=location.split),)


def _drop_faulty(instances: Instances, size: Size, location: Location) -> tuple[Instances, tuple[Finding, ...]]:
    good, faults = check_boxes(instances, size)
    if good.all():
        return instances, ()
    why = {
        "box-not-finite": "a coordinate is not a finite number",
        "box-degenerate": "the box has no area",
        "box-outside": f"the box lies outside the image of {size}",
    }
    findings = [
        finding
        for code, rows in faults.items()
        for finding in drop_findings(code, instances, rows, location, why[code])
    ]
    return instances.select(good), tuple(findings)


def _map_columns(instances: Instances, plan: Plan) -> Instances:
    affine = plan.affine
    return replace(
        instances,
        boxes=map_boxes(affine, instances.boxes),
        polygons=instances.polygons.moved(affine),
        masks=tuple(mask and _map_mask(mask, plan) for mask in instances.masks),
        oriented=affine(instances.oriented) if Column.ORIENTED in instances.column_counts else instances.oriented,
        keypoints=affine(instances.keypoints),
        areas=instances.areas * abs(affine.determinant),
    )


def _map_mask(mask: Rle, plan: Plan) -> Rle:
    pixels = execute(plan, mask.mask().view(np.uint8), kernel="nearest", pad=0)
    return Rle.from_mask(pixels > 0, compressed=mask.compressed)
