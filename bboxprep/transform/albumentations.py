"""Applies an albumentations pipeline to objects: converts them to its arrays and back.

The pipeline decides which objects are left, and their boxes. If its map is affine, polygons, keypoints and masks follow
it by the exact arithmetic of this package: the library rounds boxes to whole pixels in dropouts, and resizes points and
masks with an offset of half a pixel. The results of other maps are those of the library.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.plan import Plan, Warp
from bboxprep.geometry.shapes import Boxes, box_areas, common_boxes, hull, map_boxes, overlap, ring_around
from bboxprep.images.effects.albumentations_adapter import Augmented, Named, Pixels, Shapes, augment, chance_in
from bboxprep.images.raster.execute import execute
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Polygons, Rings
from bboxprep.model.rendering import SETTLED, Effect
from bboxprep.model.rle import Rle
from bboxprep.model.segmentation import LEAST_OVERLAP
from bboxprep.model.validation import Location, drop_findings
from bboxprep.transform.clip import ObjectsAndFindings, clipped_finding, count_finding, hide_keypoints, refitted_finding
from bboxprep.transform.outline import CUT_SLACK, BoxOutline, Outlines, clip_rings, cut_corners

_ROUNDING = 1.0  # px; the library rounds the edges of a box by no more
_NO_BOX = np.zeros(4)
_LEAST_AREA = 1e-12  # square px; the share of a box without area is a number all the same


class AugmentedObjects(msgspec.Struct, frozen=True, eq=False):
    """An image after a pipeline: its `pixels`, uint8 (H, W, 3) or (H, W), and its `objects` with their findings.

    `affine` is the map; None if it is not affine, and `problem` says why. `mirrors`: it exchanges left and right.
    """

    pixels: Pixels
    objects: ObjectsAndFindings
    affine: Affine | None
    mirrors: bool
    problem: str

    @property
    def size(self) -> Size:
        """The size of the image."""
        return Size(self.pixels.shape[1], self.pixels.shape[0])


def run_pipeline(
    pixels: Pixels, instances: Instances, pipeline: Effect, location: Location, min_visibility: float
) -> AugmentedObjects:
    """`pixels` and the `instances` on them after `pipeline`, with findings for the objects that it dropped.

    Raises `PipelineError` where the pipeline fails on this image, and `UsageError` where there is no pipeline or seed.
    """
    options = dict(pipeline.options)
    if options.get("seed") is None:
        raise UsageError("albumentations: want a seed, or a recipe that draws one (Recipe.drawn)")
    named = Named(options.get("pipeline"), options.get("object"), min_visibility)
    if options["seed"] == SETTLED and (why := chance_in(named)):
        raise UsageError(f"albumentations: {why}, which is chance; want it under augment, or a seed")
    augmented = augment(pixels, _shapes(instances), named, options["seed"])
    objects = _augmented_objects(instances, augmented, location)
    found = augmented.found
    return AugmentedObjects(augmented.pixels, objects, found.affine, found.mirrors, found.problem)


def _shapes(instances: Instances) -> Shapes:
    """The arrays of `instances`: boxes, masks, and as points all corners of polygons and of oriented boxes, then the
    labelled keypoints."""
    rings = [ring for rings in instances.polygons for ring in rings]
    corners = instances.oriented[instances.has(Column.ORIENTED)].reshape(-1, 2)
    points = (
        np.concatenate([*rings, corners, instances.keypoints[instances.visibility > 0]]) if len(instances) else None
    )
    masks = [mask.mask() for mask in instances.masks if mask is not None]
    some = {"masks": np.stack(masks).astype(np.uint8)} if masks else {}
    return Shapes(instances.boxes, np.zeros((0, 2)) if points is None else points.reshape(-1, 2), **some)


def _augmented_objects(before: Instances, augmented: Augmented, location: Location) -> ObjectsAndFindings:
    """The objects that the pipeline left, in the plane of the `augmented` image."""
    affine = augmented.found.affine
    augmented = _tightened(before, augmented)
    kept = np.zeros(len(before), dtype=np.bool_)
    kept[augmented.rows] = True
    dropped = drop_findings("box-filtered", before, ~kept, location, "the pipeline left nothing or too little of it")
    if affine == Affine() and augmented.size == _size_before(before, augmented) and _same_boxes(before, augmented):
        return before.select(kept), dropped
    moved = _move_shapes(before, augmented).select(kept)
    exact = map_boxes(affine, before.boxes[kept]) if affine else augmented.boxes
    boxes = _unrounded_boxes(exact, augmented)
    cut = np.abs(boxes - exact).max(axis=1, initial=0.0) > CUT_SLACK
    fitted = _fit_to_outlines(replace(moved, boxes=boxes), exact, cut, augmented)
    fitted, misfits = (fitted, ()) if affine else _drop_misfits(fitted, before.select(kept), location)
    inside = ((fitted.keypoints >= 0) & (fitted.keypoints <= np.array(augmented.size))).all(axis=-1)
    fitted, hidden = hide_keypoints(fitted, np.asarray(inside), augmented.size, location)
    upright = affine is not None and affine.keeps_axes
    notes = clipped_finding(cut, augmented.size, location) if upright else _loosened_finding(fitted, location)
    notes += refitted_finding(moved, fitted, moved.has(Column.ORIENTED) & fitted.has(Column.ORIENTED), location)
    return fitted, (*dropped, *misfits, *notes, *hidden)


def _tightened(before: Instances, augmented: Augmented) -> Augmented:
    """`augmented`; where its map turns the axes, with boxes around what is visible of the turned boxes at most.

    The library draws a box around a turned box, and cuts that at the edges of the image: it may reach far beyond what
    is visible of the turned box, also where nothing is. Through several turns it draws boxes around boxes.
    """
    affine = augmented.found.affine
    if affine is None or affine.keeps_axes or not len(augmented.rows):
        return augmented
    image = ring_around(augmented.size)
    visible = [BoxOutline.of(box, affine).clipped(image) for box in before.boxes[augmented.rows]]
    most = np.array([part.bounds if part.area > 0 else _NO_BOX for part in visible])
    boxes = common_boxes(augmented.boxes, most)
    left = box_areas(boxes) > 0
    return msgspec.structs.replace(augmented, rows=augmented.rows[left], boxes=boxes[left])


def _size_before(before: Instances, augmented: Augmented) -> Size:
    """The size of the masks; that of the new image where there are none."""
    return next((mask.size for mask in before.masks if mask is not None), augmented.size)


def _same_boxes(before: Instances, augmented: Augmented) -> bool:
    """Whether the pipeline changed no box that it left."""
    return bool(np.abs(augmented.boxes - before.boxes[augmented.rows]).max(initial=0.0) <= CUT_SLACK)


def _unrounded_boxes(exact: Boxes, augmented: Augmented) -> Boxes:
    """The boxes (M, 4) of the pipeline; those that it only rounded as the map has them (`exact`), cut at the image."""
    limit = np.tile(augmented.size, 2).astype(np.float64)
    affine = augmented.found.affine
    if affine is None or not affine.keeps_axes:
        return np.clip(augmented.boxes, 0.0, limit)
    wanted = np.clip(exact, 0.0, limit)
    off = np.abs(wanted - augmented.boxes)
    rounded = (off <= _ROUNDING).all(axis=1) & (box_areas(wanted) > 0)
    return np.where(rounded[:, None] | (off <= CUT_SLACK), wanted, np.clip(augmented.boxes, 0.0, limit))


def _move_shapes(before: Instances, augmented: Augmented) -> Instances:
    """All objects with their shapes and keypoints moved, none cut; a ring that lost a corner is left out."""
    affine, place = augmented.found.affine, 0
    polygons: list[Rings] = []
    for rings in before.polygons:
        places = np.cumsum([place, *map(len, rings)]).tolist()
        moved = [augmented.points[start:end] for start, end in pairwise(places)]
        polygons.append(tuple(ring for ring in moved if np.isfinite(ring).all()))
        place = places[-1]
    oriented, has = before.oriented.copy(), before.has(Column.ORIENTED)
    place, start = place + 4 * int(has.sum()), place
    oriented[has] = augmented.points[start:place].reshape(-1, 4, 2)
    oriented[~np.isfinite(oriented).all(axis=(1, 2))] = np.nan
    if affine:
        oriented = affine(before.oriented)
    keypoints, visibility = before.keypoints.copy(), before.visibility.copy()
    keypoints[visibility > 0] = augmented.points[place:]
    visibility[~np.isfinite(keypoints).all(axis=-1)] = 0
    return replace(
        before,
        polygons=Polygons.of(polygons),
        keypoints=np.nan_to_num(keypoints),
        visibility=visibility,
        masks=_move_masks(before, augmented),
        oriented=oriented,
        areas=before.areas * abs(affine.determinant) if affine else before.areas,
    )


def _move_masks(before: Instances, augmented: Augmented) -> tuple[Rle | None, ...]:
    library = iter(()) if augmented.masks is None else iter(augmented.masks)
    affine, masks = augmented.found.affine, list[Rle | None]()
    for mask in before.masks:
        if mask is None:
            masks.append(None)
        elif affine:
            plan = Plan(mask.size, (Warp(affine, augmented.size),))
            pixels = execute(plan, mask.mask().astype(np.uint8), kernel="nearest", pad=0)
            masks.append(Rle.from_mask(pixels > 0, compressed=mask.compressed))
        else:
            masks.append(Rle.from_mask(next(library) > 0, compressed=mask.compressed))
    return tuple(masks)


def _fit_to_outlines(moved: Instances, exact: Boxes, cut: NDArray[np.bool_], augmented: Augmented) -> Instances:
    """The objects with their shapes cut where their boxes (M, 4) are `cut` (M,), and boxes drawn tight to them.

    Where the map turns the axes, every box is drawn tight, and outlines are cut at the edges of the image only.
    """
    affine = augmented.found.affine
    upright = affine is not None and affine.keeps_axes
    rows = np.flatnonzero(cut) if upright else np.arange(len(moved))
    polygons, masks, oriented = list(moved.polygons), list(moved.masks), moved.oriented.copy()
    for row in rows.tolist():
        x0, y0, x1, y1 = moved.boxes[row].tolist() if upright else (0.0, 0.0, *map(float, augmented.size))
        polygons[row] = clip_rings(polygons[row], (x0, y0, x1, y1))
        oriented[row] = cut_corners(oriented[row], (x0, y0, x1, y1))
        masks[row] = _cut_mask(masks[row], moved.boxes[row]) if upright else masks[row]
    moved = replace(moved, polygons=Polygons.of(polygons), masks=tuple(masks), oriented=oriented)
    outlines, boxes, areas = Outlines.of(moved), moved.boxes.copy(), moved.areas.copy()
    for row in rows.tolist():
        outline = outlines.usable(row, boxes[row])
        if outline is not None:
            boxes[row] = common_boxes(boxes[row], outline.bounds)
        share = box_areas(boxes[row, None])[0] / max(float(box_areas(exact[row, None])[0]), _LEAST_AREA)
        areas[row] = outlines.area_left(row, outline, share if upright else 1.0)
    return replace(moved, boxes=boxes, areas=areas)


def _cut_mask(mask: Rle | None, box: Boxes) -> Rle | None:
    """The part of a mask on the pixels that `box` (4,) touches."""
    if mask is None:
        return None
    pixels, inside = mask.mask(), np.zeros((mask.size.height, mask.size.width), dtype=np.bool_)
    (left, top), (right, bottom) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    inside[top:bottom, left:right] = True
    return Rle.from_mask(pixels & inside, compressed=mask.compressed)


def _drop_misfits(fitted: Instances, before: Instances, location: Location) -> ObjectsAndFindings:
    """The objects without the polygons and oriented boxes that the library lost, or moved off their boxes."""
    polygons = tuple(
        rings if rings and len(rings) == len(old) and overlap(box, hull(np.concatenate(rings))) >= LEAST_OVERLAP else ()
        for box, rings, old in zip(fitted.boxes, fitted.polygons, before.polygons, strict=True)
    )
    count = sum(bool(old) and not rings for old, rings in zip(before.polygons, polygons, strict=True))
    oriented = fitted.oriented.copy()
    for row in np.flatnonzero(before.has(Column.ORIENTED)).tolist():
        corners = oriented[row]
        if not np.isfinite(corners).all() or overlap(fitted.boxes[row], hull(corners)) < LEAST_OVERLAP:
            oriented[row], count = np.nan, count + 1
    if not count:
        return fitted, ()
    message = "outlines that the pipeline lost, or moved off their boxes; the boxes are kept"
    fitted = replace(fitted, polygons=Polygons.of(polygons), oriented=oriented)
    return fitted, (count_finding("mask-misfit", count, message, location),)


def _loosened_finding(fitted: Instances, location: Location) -> tuple[Finding, ...]:
    """The finding for boxes turned or bent by the library's rule, of objects without an outline; none for no object."""
    outlines = Outlines.of(fitted)
    count = sum(outlines.stated(row) is None for row in range(len(fitted)))
    if not count:
        return ()
    message = "without an outline, turned or bent as albumentations does it"
    return (count_finding("box-loosened", count, message, location),)
