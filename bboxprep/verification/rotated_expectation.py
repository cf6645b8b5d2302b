"""Where one object of a source picture should lie in an output whose axes were turned: in a box drawn anew.

The box is that around what is seen of the object's outline: of its polygons, else of its mask, else of what the
recorded rules hold for the outline of a box (the ellipse in it, or all of it). No outline makes a box larger than the
old box turned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.instances import Instances
from bboxprep.verification.arithmetic import apply
from bboxprep.verification.region import Matrix, Points, Region, box_around, convex_hull, depths, part_of

Box = NDArray[np.float64]  # (4,)
CUT = 1e-3  # px; what reaches no further out is whole
_POINTS = 720  # of an ellipse
_SHORT = 1e-4  # of a box: how much an ellipse of points may fall short of the true one
_FLAT = 1e-6  # square px; a ring of less is a line, and nobody misses it
_HALF = 0.51  # px: how far the pixels of a mask may reach beyond its true edge


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


def turned(source: Instances, row: int, box: Box, way: ExpectedMap, *, overreached: bool) -> Turned:
    """What the object of `row` becomes, whose box in its own picture is `box`, and was more if it `overreached`.

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
    outer = _around(found.outer, least.outer)
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
    """What `box` and the box around what its own picture shows of the outline have in common."""
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


def _around(one: Box, other: Box) -> Box:
    return np.concatenate((np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])))


def _area(box: Box) -> float:
    width, height = (box[2:] - box[:2]).tolist()
    return float(width * height) if width > 0 and height > 0 else 0.0


def _ring_area(ring: Points) -> float:
    (x, y), (along, down) = ring.T, np.roll(ring, -1, axis=0).T
    return float(abs(x @ down - y @ along)) / 2.0
