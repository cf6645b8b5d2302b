"""Drops objects that the holes of a cutout or pasted objects hide.

The box of a partly hidden object does not change: it is the extent of the object, as it is behind another object, and
trainers that erase parts of images keep their boxes too. An object of which nothing is left, or less than
`ObjectPolicy.min_visibility`, is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes, box_areas, common_boxes
from bboxprep.images.effects.apply import holes_in
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.pixel_owners import object_pixels, pixels_of_all, window_of
from bboxprep.model.rendering import BACKGROUND, Effect
from bboxprep.model.validation import Location, drop_findings
from bboxprep.transform.clip import SHARE_SLACK, ObjectsAndFindings, Shares, least_shares
from bboxprep.transform.outline import Outlines


def drop_occluded(
    instances: Instances, effects: Iterable[Effect], size: Size, location: Location, object_policy: ObjectPolicy
) -> ObjectsAndFindings:
    """The objects that the `effects` on an image of `size` leave visible, and findings for the others."""
    found = [holes for effect in effects if len(holes := holes_in(size, effect))]
    if not found or not len(instances):
        return instances, ()
    shares = _visible_shares(instances, _disjoint(np.concatenate(found)))
    return _drop_hidden(instances, shares, "beside the cutout", location, object_policy)


def drop_covered(
    instances: Instances, covered: NDArray[np.bool_], location: Location, object_policy: ObjectPolicy
) -> ObjectsAndFindings:
    """The objects of an image whose pixels are `covered` (H, W) by pasted ones that are visible beside them, and
    findings for the others. A pixel counts for an object where its centre is in it.
    """
    height, width = covered.shape
    shares = np.ones(len(instances))
    for row in range(len(instances)):
        pixels, corner = object_pixels(instances, row, Size(width, height))
        shares[row] -= window_of(covered, pixels, corner)[pixels].mean()
    return _drop_hidden(instances, shares, "beside pasted objects", location, object_policy)


def pixels_beside_background(instances: Instances, effects: Iterable[Effect], size: Size) -> NDArray[np.bool_] | None:
    """The pixels of all objects of an image of `size`, bool (H, W), if one of its `effects` fills its background."""
    fills = any(effect.name == BACKGROUND for effect in effects)
    return pixels_of_all(instances, size) if fills else None


def _drop_hidden(
    instances: Instances, shares: Shares, beside: str, location: Location, object_policy: ObjectPolicy
) -> ObjectsAndFindings:
    """The objects of which enough is visible, by the `shares` (N,) that are, and findings for the others."""
    least = least_shares(instances, location, object_policy)
    hidden = (shares <= SHARE_SLACK) | (shares < least - SHARE_SLACK)
    findings: tuple[Finding, ...] = ()
    for share in np.unique(least[hidden]).tolist():
        why = f"less than {share:g} of it is left" if share else "nothing of it is left"
        rows = hidden & (least == share)
        findings += drop_findings("box-hidden", instances, rows, location, f"{why} {beside}")
    return instances.select(~hidden), findings


def _visible_shares(instances: Instances, parts: Boxes) -> Shares:
    """The share (N,) of each object that no part (P, 4) covers; parts do not overlap."""
    common = common_boxes(instances.boxes[:, None], parts)
    near, outlines = np.asarray(common.any(axis=2)), Outlines.of(instances)
    touched = near.any(axis=1)
    covered = box_areas(common.reshape(-1, 4)).reshape(near.shape).sum(axis=1)
    np.divide(covered, box_areas(instances.boxes), out=covered, where=touched)
    for row in np.flatnonzero(touched).tolist():
        outline = outlines.usable(row)
        if outline is not None:
            covered[row] = outline.share_under(parts[near[row]])
    return np.asarray(1.0 - covered)


def _disjoint(holes: NDArray[np.int64]) -> Boxes:
    """Boxes (P, 4) that cover what `holes` (K, 4) cover, none of them twice."""
    parts: list[tuple[float, float, float, float]] = []
    for left, right in pairwise(np.unique(holes[:, [0, 2]]).tolist()):
        across = holes[(holes[:, 0] <= left) & (holes[:, 2] >= right)]
        parts += [(left, top, right, bottom) for top, bottom in _merge_spans(sorted(across[:, [1, 3]].tolist()))]
    return np.array(parts, dtype=np.float64).reshape(-1, 4)


def _merge_spans(spans: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """The union of sorted spans, as spans that do not touch."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif end > start:
            merged.append((start, end))
    return merged
