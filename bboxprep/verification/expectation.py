"""The expected boxes of source objects in the output: mapped by a matrix and clipped to both images.

The box of a cut object with an outline may be tight to the rest of its outline. The clipping of outlines is not
repeated here: each box between `inner` (around the points of the outline inside the image) and `outer` is accepted.

A map that does not keep the axes gives an object a new box, around the visible part of its outline: its polygons, else
its mask, else its oriented box, else the recorded outline of a box (the ellipse in it, or its corners). The new box is
never larger than the box around the mapped corners.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances
from bboxprep.verification.arithmetic import apply, apply_to_boxes
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.region import (
    EMPTY_BOX,
    Box,
    Matrix,
    Points,
    Region,
    box_around,
    convex_hull,
    depths,
    part_of,
    rectangle,
)

Boxes = NDArray[np.float64]  # (N, 4) x0 y0 x1 y1, px
SLACK = 1e-3  # px; decimal rounding may reach that far over an edge, which is not a cut


CUT = 1e-3  # px; a shape that reaches no further out is not cut
_ELLIPSE_POINTS = 720
_ELLIPSE_ERROR = 1e-4  # of a box: how much smaller the ellipse of points may be than the true one
_FLAT = 1e-6  # square px; a ring with less area is a line and is ignored
_HALF = 0.51  # px; how far the pixels of a mask may reach beyond its true edge


@dataclass(frozen=True, eq=False)
class Expectation:
    """The expected `boxes` (N, 4) of N source objects in the output, the boxes `outlines` (N, 4) around their polygons,
    and the `inner` and `outer` boxes (N, 4) that bound a tight box; px.

    `gone` (N,): the object is outside of the image; `cut` (N,): a part of it is; `drawn` (N,): it has an outline.
    `tolerance` (N,) is the error of its box because outlines are approximated, px.
    """

    boxes: Boxes
    outlines: Boxes
    outer: Boxes
    inner: Boxes
    gone: NDArray[np.bool_]
    cut: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    tolerance: NDArray[np.float64]


def expect(source: Instances, mapped: Mapped, *, outlined: bool = True) -> Expectation:
    """The `Expectation` of the objects of `source` in an image that was `mapped`.

    A recorded map does not say where the image was cut on the way: then any part of a mapped box is accepted. Unless
    `outlined`, boxes are not those around outlines, and of objects that no edge cuts the outlines are left out.
    """
    return _expect_warped(source, mapped) if mapped.warped else _expect_clipped(source, mapped, outlined=outlined)


def _expect_clipped(source: Instances, mapped: Mapped, *, outlined: bool) -> Expectation:
    """The expectation for a map that keeps the axes."""
    frame, matrix, seen = whole_of(mapped.frame), mapped.from_frame, mapped.visible
    inside = _clipped(source.boxes, frame)
    with np.errstate(invalid="ignore"):
        placed = apply_to_boxes(matrix, inside)
        boxes = _clipped(placed, seen)
        there = (boxes[:, 2:] > boxes[:, :2]) & (source.boxes[:, 2:] > source.boxes[:, :2])
        gone = np.asarray(~there.all(axis=1))
        reach = np.maximum(np.abs(inside - source.boxes), np.abs(boxes - placed)).max(axis=1, initial=0.0)
    outlines, inner = boxes.copy(), np.tile(EMPTY_BOX, (len(boxes), 1))
    drawn = np.zeros(len(boxes), dtype=np.bool_)
    for row in range(len(boxes)) if outlined else np.flatnonzero(reach > SLACK).tolist():
        points, slack = _outline(source, row, matrix)
        drawn[row] = len(points) > 0
        if drawn[row]:
            part = seen if reach[row] > SLACK else whole_of(mapped.size)  # an outline is cut only where its box is
            whole, inner[row] = _around(points, slack, frame, matrix, part)
            outlines[row] = whole if source.polygons[row] or source.masks[row] is None else boxes[row]
    if not mapped.derived:
        inner[:], drawn[:], reach[:] = EMPTY_BOX, True, np.inf
    return Expectation(boxes, outlines, boxes, inner, gone, reach > SLACK, drawn, np.zeros(len(boxes)))


def _expect_warped(source: Instances, mapped: Mapped) -> Expectation:
    """The expectation for a map that does not keep the axes."""
    warp = ExpectedMap(mapped.from_frame, mapped.seen, rectangle(mapped.frame), mapped.rule)
    inside = _clipped(source.boxes, whole_of(mapped.frame))
    finite, solid = np.isfinite(source.boxes).all(axis=1), (inside[:, 2:] > inside[:, :2]).all(axis=1)
    sound = np.asarray(finite & solid)
    over = np.abs(inside - source.boxes).max(axis=1, initial=0.0) > SLACK
    rows = [
        expect_object(source, row, inside[row], warp, overreached=bool(over[row])) if sound[row] else _GONE_OBJECT
        for row in range(len(inside))
    ]
    boxes, outlines, outer, inner = (
        np.array([getattr(each, name) for each in rows]).reshape(-1, 4) for name in ("box", "outline", "outer", "inner")
    )
    cut, drawn = (np.array([getattr(each, name) for each in rows], dtype=np.bool_) for name in ("cut", "drawn"))
    tolerance, gone = np.array([each.tolerance for each in rows]), ~(boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes[gone] = 0.0
    if not mapped.derived:
        inside, warp = _redrawn(inside, warp, mapped)
        places = [quadrilateral(box, warp) if good else EMPTY_BOX for box, good in zip(inside, sound, strict=True)]
        outer = outlines = np.array(places).reshape(-1, 4)
        gone = ~(outer[:, 2:] > outer[:, :2]).all(axis=1)
        inner, cut, drawn = np.tile(EMPTY_BOX, (len(boxes), 1)), cut | True, drawn | True
    return Expectation(boxes, outlines, outer, inner, np.asarray(gone), cut, drawn, tolerance)


def _redrawn(boxes: Boxes, warp: ExpectedMap, mapped: Mapped) -> tuple[Boxes, ExpectedMap]:
    """`boxes` (N, 4) as the largest ones in the plane in which they were drawn anew, and `warp` from there on.

    Such a box may reach onto the margin around its image.
    """
    if mapped.redrawn is None:
        return boxes, warp
    around = [box_around(apply(mapped.redrawn, _corners_of(box))) for box in boxes]
    later = np.asarray(warp.matrix @ np.linalg.inv(mapped.redrawn), dtype=np.float64)
    return np.array(around).reshape(-1, 4), replace(warp, matrix=later, region=rectangle(mapped.size))


def whole_of(size: Size) -> Box:
    """The box (4,) of a whole image of `size`."""
    return np.array([0, 0, *size], dtype=np.float64)


def _outline(source: Instances, row: int, matrix: Matrix) -> tuple[NDArray[np.float64], float]:
    """The points (P, 2) of the outline of an object, empty where it has none; and how far the box around them may lie
    inside the true one, output px: half a pixel each for the pixels of a mask in the source and in the output.
    """
    if source.polygons[row]:
        return np.concatenate(source.polygons[row]), SLACK
    mask, turned = source.masks[row], source.oriented[row]
    if mask is None:
        return (turned, SLACK) if np.isfinite(turned).all() else (np.zeros((0, 2)), 0.0)
    rows, columns = np.nonzero(mask.mask())
    centres = np.stack((columns, rows), axis=1).astype(np.float64) + 0.5
    return centres, 0.5 + float(np.abs(matrix[:2, :2]).sum(axis=1).max())


def _around(
    points: NDArray[np.float64], slack: float, frame: Box, matrix: Matrix, output: Box
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The box (4,) around an outline, clipped to the output; and the box around its points inside both images."""
    mapped = apply(matrix, points)
    whole = _clipped(np.concatenate((mapped.min(axis=0), mapped.max(axis=0)))[None], output)[0]
    seen = _within(points, frame) & _within(mapped, output)
    if not seen.any():
        return whole, EMPTY_BOX
    low, high = mapped[seen].min(axis=0) + slack, mapped[seen].max(axis=0) - slack
    return whole, np.concatenate((low, high))


def _within(points: NDArray[np.float64], part: Box) -> NDArray[np.bool_]:
    return np.asarray(((points >= part[:2]) & (points <= part[2:])).all(axis=1))


def _clipped(boxes: Boxes, part: Box) -> Boxes:
    clipped: Boxes = np.clip(boxes.reshape(-1, 2, 2), part[:2], part[2:]).reshape(-1, 4)
    return clipped


@dataclass(frozen=True, eq=False)
class ExpectedMap:
    """The map of the frame of a source's labels (the region `frame`) to an output: `matrix`, visible in `region`.
    `rule` is the outline of an object that has none: "ellipse" or "corners" of its box.
    """

    matrix: Matrix
    region: Region
    frame: Region
    rule: str


@dataclass(frozen=True, eq=False)
class _Outline:
    """The closed `rings` of an outline; of a mask its convex hull, and the `centres` (P, 2) of its pixels."""

    rings: Sequence[Points]
    centres: Points | None = None


@dataclass(frozen=True, eq=False)
class ExpectedObject:
    """The expectation of one object: its `box`; where it is `cut`, any box between `inner` and `outer`; each with a
    `tolerance` in px. `outline` is the largest box of a format that states the box around polygons.
    """

    box: Box
    inner: Box
    outer: Box
    outline: Box
    cut: bool
    drawn: bool
    tolerance: float = 0.0


_GONE_OBJECT = ExpectedObject(np.zeros(4), EMPTY_BOX, np.zeros(4), np.zeros(4), cut=True, drawn=False)


def expect_object(source: Instances, row: int, box: Box, warp: ExpectedMap, *, overreached: bool) -> ExpectedObject:
    """The expectation of the object of `row`. `box` (4,) is its box clipped to its image; `overreached`: it was larger.

    A box that overreached may have been made tight to its outline before it was mapped.
    """
    outlines = list(_outlines(source, row))
    found = _expect_by_shape(box, outlines, warp)
    if not overreached:
        return found
    tight = _tight(box, outlines[0], warp) if outlines else box
    if not _area(tight) > 0:
        return replace(found, cut=True)
    least = _expect_by_shape(tight, outlines, warp)
    outer = _union(found.outer, least.outer)
    if not source.polygons[row] and source.masks[row] is None and outlines:
        outer = _union(outer, quadrilateral(box, warp))  # its edges made a rectangle of what was left of four corners
    return replace(found, box=least.box, inner=least.inner, outer=outer, cut=True, drawn=bool(outlines))


def _expect_by_shape(box: Box, outlines: Sequence[_Outline], warp: ExpectedMap) -> ExpectedObject:
    """The expectation of an object with that `box`, by the first of its `outlines` that meets it."""
    place = box_around(apply(warp.matrix, _corners_of(box)))
    for outline in outlines:
        moved = [apply(warp.matrix, ring) for ring in outline.rings]
        if _area(_intersection(place, box_around(np.concatenate(moved)))) > 0:
            return _expect_by_outline(place, outline, moved, warp)
    return _expect_by_box(box, warp)


def _expect_by_box(box: Box, warp: ExpectedMap) -> ExpectedObject:
    """The expectation of an object without an outline."""
    whole = apply(warp.matrix, _corners_of(box))
    ring = apply(warp.matrix, _ellipse_in(box)) if warp.rule == "ellipse" else whole
    left, largest = (box_around(part_of(each, warp.region)) for each in (ring, whole))
    cut = bool((depths(warp.region, whole) < -CUT).any())
    tolerance = float(np.ptp(whole, axis=0).max()) * _ELLIPSE_ERROR if warp.rule == "ellipse" else 0.0
    return ExpectedObject(left, left, left, largest, cut, drawn=False, tolerance=tolerance)


def _tight(box: Box, outline: _Outline, warp: ExpectedMap) -> Box:
    """The intersection of `box` with the box around the part of the outline inside its own image."""
    own = [part_of(ring, warp.frame) for ring in outline.rings]
    return _intersection(box, box_around(np.concatenate(own)))


def quadrilateral(box: Box, warp: ExpectedMap) -> Box:
    """The box (4,) around the visible part of the mapped corners of `box`: no rule gives a larger one."""
    return box_around(part_of(apply(warp.matrix, _corners_of(box)), warp.region))


def _expect_by_outline(place: Box, outline: _Outline, moved: Sequence[Points], warp: ExpectedMap) -> ExpectedObject:
    """The expectation of an object with an outline, whose mapped rings are `moved` and mapped box is `place`."""
    around = box_around(np.concatenate(moved))
    if all((depths(warp.region, ring) >= -CUT).all() for ring in moved):
        wanted = _intersection(place, around)
        return ExpectedObject(wanted, wanted, wanted, around, cut=False, drawn=True)
    parts = [part_of(ring, warp.region) for ring in moved if _ring_area(ring) > _FLAT]
    inner, tolerance = box_around(np.concatenate(parts or [np.zeros((0, 2))])), 0.0
    if outline.centres is not None:
        centres = apply(warp.matrix, outline.centres)
        tolerance = _HALF + float(np.abs(warp.matrix[[0, 1], [1, 0]]).max())  # a pixel that is cut counts as a whole
        slack = _HALF + float(np.abs(warp.matrix[:2, :2]).sum(axis=1).max())
        inner = box_around(centres[depths(warp.region, centres) >= 0]) + slack * np.array([1, 1, -1, -1])
    most = box_around(np.concatenate([part_of(convex_hull(ring), warp.region) for ring in moved]))
    outer = _intersection(place, most)
    return ExpectedObject(outer, _intersection(place, inner), outer, most, cut=True, drawn=True, tolerance=tolerance)


def _outlines(source: Instances, row: int) -> Iterator[_Outline]:
    """The outlines of an object besides its box, the best first."""
    rings = [ring for ring in source.polygons[row] if len(ring)]
    if sum(map(_ring_area, rings)) > 0:
        yield _Outline(rings)
    mask = source.masks[row]
    if mask is not None and mask.area:
        pixels = mask.mask()
        rows, columns = np.nonzero(pixels)
        yield _Outline([hull_of_pixels(pixels)], np.stack((columns, rows), axis=1).astype(np.float64) + 0.5)
    turned = source.oriented[row]
    if np.isfinite(turned).all() and _ring_area(turned) > 0:
        yield _Outline([turned])


def hull_of_pixels(pixels: NDArray[np.bool_]) -> Points:
    """The convex hull (P, 2) of the pixels of a mask, from the first and the last pixel of each row."""
    rows = np.flatnonzero(pixels.any(axis=1))
    ends = pixels[rows].argmax(axis=1), pixels.shape[1] - pixels[rows, ::-1].argmax(axis=1)
    points = [np.stack((end, rows + down), axis=1) for end in ends for down in (0, 1)]
    return convex_hull(np.concatenate(points).astype(np.float64))


def _ellipse_in(box: Box) -> Points:
    angles = np.linspace(0.0, 2.0 * np.pi, _ELLIPSE_POINTS, endpoint=False)
    middle, radius = (box[:2] + box[2:]) / 2.0, (box[2:] - box[:2]) / 2.0
    return np.asarray(middle + radius * np.stack((np.cos(angles), np.sin(angles)), axis=1))


def _corners_of(box: Box) -> Points:
    return box[[[0, 1], [2, 1], [2, 3], [0, 3]]]


def _intersection(one: Box, other: Box) -> Box:
    return np.concatenate((np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])))


def _union(one: Box, other: Box) -> Box:
    return np.concatenate((np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])))


def _area(box: Box) -> float:
    width, height = (box[2:] - box[:2]).tolist()
    return float(width * height) if width > 0 and height > 0 else 0.0


def _ring_area(ring: Points) -> float:
    (x, y), (along, down) = ring.T, np.roll(ring, -1, axis=0).T
    return float(abs(x @ down - y @ along)) / 2.0
