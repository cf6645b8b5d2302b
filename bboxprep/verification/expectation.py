"""Where the objects of a source image should lie in the output: their boxes through a matrix, cut at both images.

An object with an outline whose box is cut may have its box drawn tight to what is left of the outline. How it is cut is
not repeated here; a box between `inner` (around those points of the outline that are still in the image) and `outer`
is as it should be.

Where the axes were turned, the box was drawn anew. It is that around what is seen of the object's outline: of its
polygons, else of its mask, else of what the recorded rules hold for the outline of a box (the ellipse in it, or all of
it). No outline makes a box larger than the old box turned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances
from bboxprep.verification.arithmetic import apply, apply_to_boxes
from bboxprep.verification.region import (
    Matrix,
    Points,
    Region,
    box_around,
    convex_hull,
    corners,
    depths,
    moved,
    part_of,
    rectangle,
)

Boxes = NDArray[np.float64]  # (N, 4) x0 y0 x1 y1, px
Box = NDArray[np.float64]  # (4,)
SLACK = 1e-3  # px; what decimal rounding reaches over an edge is no cut
_NOWHERE = np.array([np.inf, np.inf, -np.inf, -np.inf])


CUT = 1e-3  # px; what reaches no further out is whole
_POINTS = 720  # of an ellipse
_SHORT = 1e-4  # of a box: how much an ellipse of points may fall short of the true one
_FLAT = 1e-6  # square px; a ring of less is a line, and nobody misses it
_HALF = 0.51  # px: how far the pixels of a mask may reach beyond its true edge


@dataclass(frozen=True, eq=False)
class Mapped:
    """How one source image became one output image.

    `from_shown` maps points of the image as viewers show it, of size `shown`, to the output of `size`; `from_frame`
    those of the plane of its labels, of size `frame`. `seen` is the part of the output on which the source is seen.
    `derived` says whether the recipe was recomputed, else all of this is from the record. `warped`: the axes were
    turned, and boxes drawn anew by the `rule`.
    """

    from_shown: Matrix
    from_frame: Matrix
    size: Size
    seen: Region
    frame: Size
    shown: Size
    derived: bool
    warped: bool = False
    rule: str = "ellipse"

    def reduced(self, by: int) -> Mapped:
        """The same map to an output of one `by`-th of the size."""
        smaller = np.diag([1.0 / by, 1.0 / by, 1.0])
        size = Size(self.size.width // by, self.size.height // by)
        from_shown, from_frame = smaller @ self.from_shown, smaller @ self.from_frame
        return replace(self, from_shown=from_shown, from_frame=from_frame, size=size, seen=moved(self.seen, smaller))

    @property
    def visible(self) -> Box:
        """The box around the part of the output on which the source is seen; no area where there is none."""
        found = corners(self.seen)
        return box_around(found) if len(found) else np.zeros(4)


@dataclass(frozen=True, eq=False)
class Expectation:
    """Of N source objects: the `boxes` (N, 4) their boxes should have in the output, `outlines` (N, 4) those around
    their polygons instead, and the `inner` and `outer` boxes (N, 4) between which a tightened one must lie.

    `gone` (N,): nothing of it is left; `cut` (N,): part of it is; `drawn` (N,): it has an outline; `give` (N,): how far
    its box may be off because outlines are approximated, px.
    """

    boxes: Boxes
    outlines: Boxes
    outer: Boxes
    inner: Boxes
    gone: NDArray[np.bool_]
    cut: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    give: NDArray[np.float64]


def expect(source: Instances, mapped: Mapped) -> Expectation:
    """What the objects of `source` become in an image that was `mapped`.

    Where the map is only the recorded one, nobody knows what was cut on the way: a box may then be any part of its
    place.
    """
    return _drawn_anew(source, mapped) if mapped.warped else _carried(source, mapped)


def _carried(source: Instances, mapped: Mapped) -> Expectation:
    """What objects become where the axes are kept."""
    frame, matrix, seen = whole_of(mapped.frame), mapped.from_frame, mapped.visible
    inside = _clipped(source.boxes, frame)
    with np.errstate(invalid="ignore"):
        placed = apply_to_boxes(matrix, inside)
        boxes = _clipped(placed, seen)
        there = (boxes[:, 2:] > boxes[:, :2]) & (source.boxes[:, 2:] > source.boxes[:, :2])
        gone = np.asarray(~there.all(axis=1))
        reach = np.maximum(np.abs(inside - source.boxes), np.abs(boxes - placed)).max(axis=1, initial=0.0)
    outlines, inner = boxes.copy(), np.tile(_NOWHERE, (len(boxes), 1))
    drawn = np.zeros(len(boxes), dtype=np.bool_)
    for row in range(len(boxes)):
        points, slack = _outline(source, row, matrix)
        drawn[row] = len(points) > 0
        if drawn[row]:
            whole, inner[row] = _around(points, slack, frame, matrix, seen)
            outlines[row] = whole if source.polygons[row] else boxes[row]
    if not mapped.derived:
        inner[:], drawn[:], reach[:] = _NOWHERE, True, np.inf
    return Expectation(boxes, outlines, boxes, inner, gone, reach > SLACK, drawn, np.zeros(len(boxes)))


def _drawn_anew(source: Instances, mapped: Mapped) -> Expectation:
    """What objects become where the axes are turned."""
    way = ExpectedMap(mapped.from_frame, mapped.seen, rectangle(mapped.frame), mapped.rule)
    inside = _clipped(source.boxes, whole_of(mapped.frame))
    finite, solid = np.isfinite(source.boxes).all(axis=1), (inside[:, 2:] > inside[:, :2]).all(axis=1)
    sound = np.asarray(finite & solid)
    over = np.abs(inside - source.boxes).max(axis=1, initial=0.0) > SLACK
    rows = [
        turned(source, row, inside[row], way, overreached=bool(over[row])) if sound[row] else _LOST
        for row in range(len(inside))
    ]
    boxes, outlines, outer, inner = (
        np.array([getattr(each, name) for each in rows]).reshape(-1, 4) for name in ("box", "outline", "outer", "inner")
    )
    cut, drawn = (np.array([getattr(each, name) for each in rows], dtype=np.bool_) for name in ("cut", "drawn"))
    give, gone = np.array([each.give for each in rows]), ~(boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes[gone] = 0.0
    if not mapped.derived:
        places = [quadrilateral(box, way) if good else _NOWHERE for box, good in zip(inside, sound, strict=True)]
        outer = outlines = np.array(places).reshape(-1, 4)
        inner, cut, drawn = np.tile(_NOWHERE, (len(boxes), 1)), cut | True, drawn | True
    return Expectation(boxes, outlines, outer, inner, np.asarray(gone), cut, drawn, give)


def whole_of(size: Size) -> Box:
    """All of an image of `size`."""
    return np.array([0, 0, *size], dtype=np.float64)


def _outline(source: Instances, row: int, matrix: Matrix) -> tuple[NDArray[np.float64], float]:
    """The points (P, 2) of an object's outline, none if it has no outline; and how far a box around them may lie
    inside the true one, in output px: half a pixel each for the pixels of a mask in the source and in the output."""
    if source.polygons[row]:
        return np.concatenate(source.polygons[row]), SLACK
    mask = source.masks[row]
    if mask is None:
        return np.zeros((0, 2)), 0.0
    rows, columns = np.nonzero(mask.mask())
    centres = np.stack((columns, rows), axis=1).astype(np.float64) + 0.5
    return centres, 0.5 + float(np.abs(matrix[:2, :2]).sum(axis=1).max())


def _around(
    points: NDArray[np.float64], slack: float, frame: Box, matrix: Matrix, output: Box
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The box around all of an outline, cut at the output's edge; and the one around its points in both images."""
    mapped = apply(matrix, points)
    whole = _clipped(np.concatenate((mapped.min(axis=0), mapped.max(axis=0)))[None], output)[0]
    seen = _within(points, frame) & _within(mapped, output)
    if not seen.any():
        return whole, _NOWHERE
    low, high = mapped[seen].min(axis=0) + slack, mapped[seen].max(axis=0) - slack
    return whole, np.concatenate((low, high))


def _within(points: NDArray[np.float64], part: Box) -> NDArray[np.bool_]:
    return np.asarray(((points >= part[:2]) & (points <= part[2:])).all(axis=1))


def _clipped(boxes: Boxes, part: Box) -> Boxes:
    clipped: Boxes = np.clip(boxes, np.tile(part[:2], 2), np.tile(part[2:], 2))
    return clipped


@dataclass(frozen=True, eq=False)
class ExpectedMap:
    """How the plane of a source's labels, all of which is the region `frame`, became an output: through `matrix`, seen
    in `region`. `rule` says what stands for an object without an outline: "ellipse" or "corners"."""

    matrix: Matrix
    region: Region
    frame: Region
    rule: str


@dataclass(frozen=True, eq=False)
class _Outline:
    """The closed `rings` of an outline; of a mask the convex one around it, and the `centres` (P, 2) of its pixels."""

    rings: Sequence[Points]
    centres: Points | None = None


@dataclass(frozen=True, eq=False)
class Turned:
    """What one object becomes: `box` is wanted; where it is `cut`, any from `inner` to `outer` is right, all of them up
    to `give` px. `outline` is the largest box that a format may state which draws it around polygons."""

    box: Box
    inner: Box
    outer: Box
    outline: Box
    cut: bool
    drawn: bool
    give: float = 0.0


_LOST = Turned(np.zeros(4), _NOWHERE, np.zeros(4), np.zeros(4), cut=True, drawn=False)


def turned(source: Instances, row: int, box: Box, way: ExpectedMap, *, overreached: bool) -> Turned:
    """What the object of `row` becomes, whose box in its own image is `box`, and was more if it `overreached`.

    Such a box may have been drawn tight to its outline before it was turned.
    """
    outlines = list(_outlines(source, row))
    found = _through(box, outlines, way)
    if not overreached:
        return found
    tight = _tight(box, outlines[0], way) if outlines else box
    if not _area(tight) > 0:
        return replace(found, cut=True)
    least = _through(tight, outlines, way)
    outer = _around_rotated(found.outer, least.outer)
    return replace(found, box=least.box, inner=least.inner, outer=outer, cut=True, drawn=bool(outlines))


def _through(box: Box, outlines: Sequence[_Outline], way: ExpectedMap) -> Turned:
    """What an object of that `box` becomes, by the first of its `outlines` that meets it."""
    place = box_around(apply(way.matrix, _corners_of(box)))
    for outline in outlines:
        moved = [apply(way.matrix, ring) for ring in outline.rings]
        if _area(_common(place, box_around(np.concatenate(moved)))) > 0:
            return _by_outline(place, outline, moved, way)
    return _by_box(box, way)


def _by_box(box: Box, way: ExpectedMap) -> Turned:
    """An object without an outline."""
    whole = apply(way.matrix, _corners_of(box))
    ring = apply(way.matrix, _ellipse_in(box)) if way.rule == "ellipse" else whole
    left, largest = (box_around(part_of(each, way.region)) for each in (ring, whole))
    cut = bool((depths(way.region, whole) < -CUT).any())
    give = float(np.ptp(whole, axis=0).max()) * _SHORT if way.rule == "ellipse" else 0.0
    return Turned(left, left, left, largest, cut, drawn=False, give=give)


def _tight(box: Box, outline: _Outline, way: ExpectedMap) -> Box:
    """What `box` and the box around what its own image shows of the outline have in common."""
    own = [part_of(ring, way.frame) for ring in outline.rings]
    return _common(box, box_around(np.concatenate(own)))


def quadrilateral(box: Box, way: ExpectedMap) -> Box:
    """The box around what of all of `box` is seen: no rule makes a larger one."""
    return box_around(part_of(apply(way.matrix, _corners_of(box)), way.region))


def _by_outline(place: Box, outline: _Outline, moved: Sequence[Points], way: ExpectedMap) -> Turned:
    """An object with an outline, whose rings are `moved`, and whose box was turned within `place`."""
    around = box_around(np.concatenate(moved))
    if all((depths(way.region, ring) >= -CUT).all() for ring in moved):
        wanted = _common(place, around)
        return Turned(wanted, wanted, wanted, around, cut=False, drawn=True)
    parts = [part_of(ring, way.region) for ring in moved if _ring_area(ring) > _FLAT]
    inner, give = box_around(np.concatenate(parts or [np.zeros((0, 2))])), 0.0
    if outline.centres is not None:
        centres = apply(way.matrix, outline.centres)
        give, slack = _HALF, _HALF + float(np.abs(way.matrix[:2, :2]).sum(axis=1).max())
        inner = box_around(centres[depths(way.region, centres) >= 0]) + slack * np.array([1, 1, -1, -1])
    most = box_around(np.concatenate([part_of(convex_hull(ring), way.region) for ring in moved]))
    outer = _common(place, most)
    return Turned(outer, _common(place, inner), outer, most, cut=True, drawn=True, give=give)


def _outlines(source: Instances, row: int) -> Iterator[_Outline]:
    """The outlines that an object has, the best first."""
    rings = [ring for ring in source.polygons[row] if len(ring)]
    if sum(map(_ring_area, rings)) > 0:
        yield _Outline(rings)
    mask = source.masks[row]
    if mask is not None and mask.area:
        pixels = mask.mask()
        rows, columns = np.nonzero(pixels)
        yield _Outline([_hull_of_pixels(pixels)], np.stack((columns, rows), axis=1).astype(np.float64) + 0.5)


def _hull_of_pixels(pixels: NDArray[np.bool_]) -> Points:
    """The convex ring around the pixels of a mask, of which the first and the last of each row are enough."""
    rows = np.flatnonzero(pixels.any(axis=1))
    ends = pixels[rows].argmax(axis=1), pixels.shape[1] - pixels[rows, ::-1].argmax(axis=1)
    points = [np.stack((end, rows + down), axis=1) for end in ends for down in (0, 1)]
    return convex_hull(np.concatenate(points).astype(np.float64))


def _ellipse_in(box: Box) -> Points:
    angles = np.linspace(0.0, 2.0 * np.pi, _POINTS, endpoint=False)
    middle, radius = (box[:2] + box[2:]) / 2.0, (box[2:] - box[:2]) / 2.0
    return np.asarray(middle + radius * np.stack((np.cos(angles), np.sin(angles)), axis=1))


def _corners_of(box: Box) -> Points:
    return box[[[0, 1], [2, 1], [2, 3], [0, 3]]]


def _common(one: Box, other: Box) -> Box:
    return np.concatenate((np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])))


def _around_rotated(one: Box, other: Box) -> Box:
    return np.concatenate((np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])))


def _area(box: Box) -> float:
    width, height = (box[2:] - box[:2]).tolist()
    return float(width * height) if width > 0 and height > 0 else 0.0


def _ring_area(ring: Points) -> float:
    (x, y), (along, down) = ring.T, np.roll(ring, -1, axis=0).T
    return float(abs(x @ down - y @ along)) / 2.0
