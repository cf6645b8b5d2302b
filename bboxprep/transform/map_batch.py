"""Moves the objects of many images at once, each by the plan of its image: an affine map for each object.

Only objects that lie in their image whole, before and after, are moved so: nothing of them is cut, dropped or repaired.
`transform.map_objects` moves the others, image by image; the numbers of both are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Affines
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import map_boxes
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.transform.clip import spilled_outlines
from bboxprep.transform.map_objects import need_no_repair


def move_together(batch: Batch, plans: Sequence[Plan | None]) -> tuple[Batch, list[bool]] | None:
    """The objects of `batch` after `plans`, which start in their plane, and whether those of each sample are true: its
    plan is not None, and all of its objects lie in its image, before and after. None where no sample has a plan.
    """
    known = [plan if plan and not plan.is_warped else None for plan in plans]
    if not any(known):
        return None
    owners, still = batch.owners, [plan is None or plan.is_identity for plan in known]
    sizes = np.array([plan.source if plan else (0, 0) for plan in known], dtype=np.float64)
    good, moved = need_no_repair(batch.instances, sizes[owners]), batch.instances
    if not all(still):
        affines = Affines.of([plan.affine if plan else Affine() for plan in known]).take(owners)
        moved = _moved(batch.instances, affines)
        seen = np.array([plan.seen if plan else (0.0, 0.0, 0.0, 0.0) for plan in known], dtype=np.float64)[owners]
        inside = (moved.boxes[:, :2] >= seen[:, :2]).all(axis=1) & (moved.boxes[:, 2:] <= seen[:, 2:]).all(axis=1)
        good &= inside
        good &= np.array(still)[owners] | ~(batch.instances.has(Column.MASKS) | spilled_outlines(moved, seen))
    whole: NDArray[np.bool_] = (batch.totals(~good) == 0) & np.array([plan is not None for plan in known])
    return batch.with_objects(moved), whole.tolist()


def _moved(instances: Instances, affines: Affines) -> Instances:
    """`instances` mapped by one of `affines` each; masks stay."""
    polygons, oriented = instances.polygons, instances.oriented
    if polygons.holds_any:
        ends = np.concatenate(([0], np.cumsum(polygons.lengths)))[polygons.objects - polygons.objects[0]]
        polygons = polygons.moved(affines.take(np.repeat(np.arange(len(instances)), np.diff(ends))))
    if Column.ORIENTED in instances.column_counts:
        oriented = affines(oriented)
    return replace(
        instances,
        boxes=map_boxes(affines, instances.boxes),
        polygons=polygons,
        oriented=oriented,
        keypoints=affines(instances.keypoints),
        areas=instances.areas * np.abs(affines.determinant),
    )
