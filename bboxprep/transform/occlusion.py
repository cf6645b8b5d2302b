"""Objects under the holes of a cutout.

A box stays as it is: it says where the object lies, as it does when something else stands before it, which is what a
cutout is to teach; trainers that erase parts of pictures keep their boxes too. But what nobody could see any more is
not to be found: an object is dropped where all that the plan left of it, or more than `ObjectPolicy.min_visibility`
allows, is under holes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes, box_areas, clip_ring, ring_area
from bboxprep.images.effects.apply import holes_in
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.rendering import Effect
from bboxprep.model.validation import Location, lost
from bboxprep.transform.clip import SHARE_SLACK, Cut


def drop_occluded(
    instances: Instances, effects: Iterable[Effect], size: Size, location: Location, object_policy: ObjectPolicy
) -> Cut:
    """The objects that the `effects` on a picture of `size` leave to be seen, and findings on the others."""
    found = [holes for effect in effects if len(holes := holes_in(size, effect))]
    if not found or not len(instances):
        return instances, ()
    holes = np.concatenate(found)
    parts = _apart(holes)
    shares = np.array([_seen(instances, row, parts) for row in range(len(instances))])
    hidden = (shares <= SHARE_SLACK) | (shares < object_policy.min_visibility - SHARE_SLACK)
    why = (
        f"less than {object_policy.min_visibility:g} of it is left"
        if object_policy.min_visibility
        else "nothing of it is left"
    )
    findings: tuple[Finding, ...] = lost("box-hidden", instances, hidden, location, f"{why} beside the cutout")
    return instances.select(~hidden), findings


def _apart(holes: NDArray[np.int64]) -> Boxes:
    """Boxes (P, 4) that cover what `holes` (K, 4) cover, none of them twice."""
    parts: list[tuple[float, float, float, float]] = []
    for left, right in pairwise(np.unique(holes[:, [0, 2]]).tolist()):
        across = holes[(holes[:, 0] <= left) & (holes[:, 2] >= right)]
        parts += [(left, top, right, bottom) for top, bottom in _joined(sorted(across[:, [1, 3]].tolist()))]
    return np.array(parts, dtype=np.float64).reshape(-1, 4)


def _joined(spans: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """The union of sorted spans, as spans that do not meet."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > start:
            joined.append((start, end))
    return joined


def _seen(instances: Instances, row: int, parts: Boxes) -> float:
    """The share, 0 to 1, of an object that no part covers: by its polygons, else its mask, else its box."""
    box, mask, rings = instances.boxes[row], instances.masks[row], instances.polygons[row]
    common = np.concatenate((np.maximum(box[:2], parts[:, :2]), np.minimum(box[2:], parts[:, 2:])), axis=1)
    near = (common[:, 2:] > common[:, :2]).all(axis=1)
    if not near.any():
        return 1.0
    whole = sum(map(ring_area, rings))
    if whole > 0:
        regions = [(x0, y0, x1, y1) for x0, y0, x1, y1 in parts[near].tolist()]
        covered = sum(ring_area(clip_ring(ring, region)) for ring in rings for region in regions)
    elif mask is not None and mask.area:
        pixels, whole = mask.mask(), float(mask.area)
        covered = sum(
            int(np.count_nonzero(pixels[y0:y1, x0:x1])) for x0, y0, x1, y1 in parts[near].astype(int).tolist()
        )
    else:
        whole, covered = float(box_areas(box[None])[0]), float(box_areas(common[near]).sum())
    return 1.0 - covered / whole
