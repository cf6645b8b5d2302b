"""Objects through a user's pipeline of albumentations: as arrays into it, and as objects out of it again.

The pipeline says which objects are left and in which boxes. Where its map is affine, all else follows that map by this
package's own arithmetic, which is exact where the library's is not: it rounds boxes to whole pixels where it drops
pixels out, resizes points and masks half a pixel aside. Where it is not, everything is as the library has it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.plan import Plan, Warp
from bboxprep.geometry.shapes import Boxes, box_areas, clip_ring, hull, map_boxes, ring_area
from bboxprep.images.effects.albumentations_adapter import Augmented, Named, Pixels, Shapes, augment
from bboxprep.images.raster.execute import execute
from bboxprep.model.columns import Rings
from bboxprep.model.instances import Instances
from bboxprep.model.rendering import Effect
from bboxprep.model.rle import Rle
from bboxprep.model.segmentation import LEAST_OVERLAP
from bboxprep.model.validation import Location, lost
from bboxprep.transform.clip import CUT_SLACK, Cut, clipped, hide_keypoints, mask_box, note, tight

_NEAR = 1.0  # px; as far as the library's rounding takes an edge of a box


@dataclass(frozen=True, eq=False)
class AugmentedObjects:
    """What a pipeline made of a picture: the `pixels`, and of its objects (`objects`, with `findings`, is a `Cut`)."""

    pixels: Pixels
    objects: Cut
    affine: Affine | None
    mirrors: bool
    problem: str

    @property
    def size(self) -> Size:
        """The size of the picture."""
        return Size(self.pixels.shape[1], self.pixels.shape[0])


def through_pipeline(
    pixels: Pixels, instances: Instances, pipeline: Effect, location: Location, min_visibility: float
) -> AugmentedObjects:
    """`pixels` and the `instances` on them after `pipeline`; the objects that it dropped are findings.

    Raises `PipelineError` where it cannot be done on this picture, and `UsageError` where there is none.
    """
    options = dict(pipeline.options)
    if options.get("seed") is None:
        raise UsageError("albumentations: want a seed, or a recipe that draws one (Recipe.drawn)")
    named = Named(options.get("pipeline"), options.get("object"), min_visibility)
    made = augment(pixels, _shapes(instances), named, options["seed"])
    objects = _objects(instances, made, location)
    return AugmentedObjects(made.pixels, objects, made.found.affine, made.found.mirrors, made.found.problem)


def _shapes(instances: Instances) -> Shapes:
    """The arrays of `instances`: all corners of their polygons in a row, then their labelled keypoints."""
    rings = [ring for rings in instances.polygons for ring in rings]
    points = np.concatenate([*rings, instances.keypoints[instances.visibility > 0]]) if len(instances) else None
    masks = [mask.mask() for mask in instances.masks if mask is not None]
    some = {"masks": np.stack(masks).astype(np.uint8)} if masks else {}
    return Shapes(instances.boxes, np.zeros((0, 2)) if points is None else points.reshape(-1, 2), **some)


def _objects(before: Instances, made: Augmented, location: Location) -> Cut:
    """The objects in the picture that was `made`."""
    kept = np.zeros(len(before), dtype=np.bool_)
    kept[made.rows] = True
    dropped = lost("box-filtered", before, ~kept, location, "the pipeline left nothing or too little of it")
    if made.found.affine == Affine() and made.size == _size_of(before, made) and _same(before, made):
        return before.select(kept), dropped
    moved = _moved(before, made).select(kept)
    exact = map_boxes(made.found.affine, before.boxes[kept]) if made.found.affine else made.boxes
    boxes = _settled(exact, made)
    cut = np.abs(boxes - exact).max(axis=1, initial=0.0) > CUT_SLACK
    found = _drawn(replace(moved, boxes=boxes), exact, cut, made)
    found, misfits = (found, ()) if made.found.affine else _without_misfits(found, before.select(kept), location)
    inside = ((found.keypoints >= 0) & (found.keypoints <= np.array(made.size))).all(axis=-1)
    found, hidden = hide_keypoints(found, np.asarray(inside), made.size, location)
    notes = clipped(cut, made.size, location) if _keeps_axes(made.found.affine) else _loosened(found, location)
    return found, (*dropped, *misfits, *notes, *hidden)


def _size_of(before: Instances, made: Augmented) -> Size:
    """The size of the masks that there are; that of the new picture where there are none."""
    return next((mask.size for mask in before.masks if mask is not None), made.size)


def _same(before: Instances, made: Augmented) -> bool:
    """Whether no box that is left was changed."""
    return bool(np.abs(made.boxes - before.boxes[made.rows]).max(initial=0.0) <= CUT_SLACK)


def _settled(exact: Boxes, made: Augmented) -> Boxes:
    """The boxes (M, 4) of the pipeline; those that it only rounded, where its map puts them."""
    limit = np.tile(made.size, 2).astype(np.float64)
    if not _keeps_axes(made.found.affine):
        return np.clip(made.boxes, 0.0, limit)
    wanted = np.clip(exact, 0.0, limit)
    off = np.abs(wanted - made.boxes)
    whole = (off <= _NEAR).all(axis=1) & (box_areas(wanted) > 0)
    return np.where(whole[:, None] | (off <= CUT_SLACK), wanted, np.clip(made.boxes, 0.0, limit))


def _moved(before: Instances, made: Augmented) -> Instances:
    """All objects with their polygons, keypoints and masks moved, none cut; a ring that lost a corner is left out."""
    affine, place = made.found.affine, 0
    polygons: list[Rings] = []
    for rings in before.polygons:
        places = np.cumsum([place, *map(len, rings)]).tolist()
        found = [made.points[start:end] for start, end in pairwise(places)]
        polygons.append(tuple(ring for ring in found if np.isfinite(ring).all()))
        place = places[-1]
    keypoints, visibility = before.keypoints.copy(), before.visibility.copy()
    keypoints[visibility > 0] = made.points[place:]
    visibility[~np.isfinite(keypoints).all(axis=-1)] = 0
    return replace(
        before,
        polygons=tuple(polygons),
        keypoints=np.nan_to_num(keypoints),
        visibility=visibility,
        masks=_moved_masks(before, made),
        areas=before.areas * abs(affine.determinant) if affine else before.areas,
    )


def _moved_masks(before: Instances, made: Augmented) -> tuple[Rle | None, ...]:
    given = iter(()) if made.masks is None else iter(made.masks)
    affine, masks = made.found.affine, list[Rle | None]()
    for mask in before.masks:
        if mask is None:
            masks.append(None)
        elif affine:
            plan = Plan(mask.size, (Warp(affine, made.size),))
            drawn = execute(plan, mask.mask().astype(np.uint8), kernel="nearest", pad=0)
            masks.append(Rle.from_mask(drawn > 0, compressed=mask.compressed))
        else:
            masks.append(Rle.from_mask(next(given) > 0, compressed=mask.compressed))
    return tuple(masks)


def _drawn(moved: Instances, exact: Boxes, cut: NDArray[np.bool_], made: Augmented) -> Instances:
    """The objects cut where their boxes are, and boxes drawn tight to polygons and masks that turned or were cut."""
    upright = _keeps_axes(made.found.affine)
    boxes, areas = moved.boxes.copy(), moved.areas.copy()
    polygons, masks = list(moved.polygons), list(moved.masks)
    for row in range(len(moved)):
        if upright and not cut[row]:
            continue
        x0, y0, x1, y1 = boxes[row].tolist() if upright else (0.0, 0.0, *map(float, made.size))
        polygons[row] = _cut_rings(polygons[row], (x0, y0, x1, y1))
        masks[row] = _cut_mask(masks[row], boxes[row]) if upright else masks[row]
        boxes[row] = _tightened(boxes[row], polygons[row], masks[row])
        share = box_areas(boxes[row : row + 1])[0] / max(float(box_areas(exact[row : row + 1])[0]), 1e-12)
        areas[row] = _area(float(areas[row]), polygons[row], masks[row], share if upright else 1.0)
    return replace(moved, boxes=boxes, areas=areas, polygons=tuple(polygons), masks=tuple(masks))


def _without_misfits(found: Instances, before: Instances, location: Location) -> Cut:
    """The objects without those polygons that the library lost, or moved elsewhere than pixels and boxes."""
    polygons = tuple(
        rings if rings and len(rings) == len(old) and _fits(box, hull(np.concatenate(rings))) else ()
        for box, rings, old in zip(found.boxes, found.polygons, before.polygons, strict=True)
    )
    lost_ones = sum(bool(old) and not rings for old, rings in zip(before.polygons, polygons, strict=True))
    if not lost_ones:
        return found, ()
    words = "outlines that the pipeline lost, or moved off their boxes; the boxes are kept"
    return replace(found, polygons=polygons), (note("mask-misfit", lost_ones, words, location),)


def _fits(box: Boxes, outline: Boxes) -> bool:
    """Whether a box (4,) and the box around an outline have half of what they cover in common."""
    common = float(box_areas(tight(box, outline)[None])[0])
    return common >= LEAST_OVERLAP * (float(box_areas(np.stack((box, outline))).sum()) - common)


def _cut_rings(rings: Rings, region: tuple[float, float, float, float]) -> Rings:
    return tuple(ring for ring in (clip_ring(ring, region) for ring in rings) if len(ring) and ring_area(ring) > 0)


def _cut_mask(mask: Rle | None, box: Boxes) -> Rle | None:
    """The part of a mask on the pixels that `box` (4,) touches."""
    if mask is None:
        return None
    pixels, inside = mask.mask(), np.zeros((mask.size.height, mask.size.width), dtype=np.bool_)
    (left, top), (right, bottom) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    inside[top:bottom, left:right] = True
    return Rle.from_mask(pixels & inside, compressed=mask.compressed)


def _tightened(box: Boxes, rings: Rings, mask: Rle | None) -> Boxes:
    """`box` (4,), tight to the outline in it, if there is any."""
    outline: Points | None = None
    if rings:
        outline = hull(np.concatenate(rings))
    elif mask is not None:
        outline = mask_box(mask)
    found = tight(box, outline)
    return found if box_areas(found[None])[0] > 0 else box


def _area(stated: float, rings: Rings, mask: Rle | None, share: float) -> float:
    if np.isnan(stated):
        return stated
    if rings:
        return sum(map(ring_area, rings))
    return float(mask.area) if mask is not None else stated * share


def _keeps_axes(affine: Affine | None) -> bool:
    return affine is not None and ((affine.b == 0.0 == affine.d) or (affine.a == 0.0 == affine.e))


def _loosened(found: Instances, location: Location) -> tuple[Finding, ...]:
    """That boxes were turned or bent by the library's own rule, where no outline says where their objects end."""
    bare = sum(not rings and mask is None for rings, mask in zip(found.polygons, found.masks, strict=True))
    if not bare:
        return ()
    words = "without an outline, turned or bent as albumentations does it"
    return (note("box-loosened", bare, words, location),)
