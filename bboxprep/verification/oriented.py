"""The oriented boxes of an output: the rectangle of least area around what is visible of the outline of an object.

Four corners that are not cut are mapped as they are. Of all others, a label states the rectangle of least
area around the visible part, or, where a corner of that lies outside of the image, four corners of its part inside. The
upright box is right only where no four of these have that rectangle around them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances
from bboxprep.verification.arithmetic import apply
from bboxprep.verification.expectation import CUT, Expectation, hull_of_pixels
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.region import (
    EMPTY_BOX,
    Matrix,
    Points,
    box_around,
    convex_hull,
    corners,
    depths,
    part_of,
    rectangle,
)

_NEAR = 0.01  # px; of a box and of the corners that it is around
_EXACT = 1e-5  # px; more than the rounding errors of clipped corners
_ROUNDED = 1e-3  # of an area; labels are rounded, so that another of two nearly equal rectangles may be the least
_AGAIN = 0.02  # of a rectangle; how much a cut on the way, which is not known, may enlarge it
_FLAT = 1e-6  # square px; a ring with less area is a line and is ignored


def with_rectangles(expected: Expectation, source: Instances, mapped: Mapped) -> Expectation:
    """`expected` of labels that state oriented boxes: a box may lie anywhere in that of the rectangle around what is
    visible of its object, whose corners are compared by `oriented_off`. A recorded map does not say what was cut on the
    way: then it may lie around the whole of the shape, too, which reaches over the edges of its own image.
    """
    outlines, inner = expected.outlines.copy(), expected.inner.copy()
    for row in range(len(source)):
        stated = stated_outline(source, row)
        if stated and not is_kept(source, expected, row, mapped):
            slack = stated.slack(mapped.from_frame)
            forms = stated.forms(mapped)
            parts = [
                part
                for rings in forms
                for part in (*stated_parts(rings, mapped), *_whole_rectangles(rings, mapped, slack))
            ]
            if parts and not mapped.derived:
                parts += [apply(mapped.from_frame, ring) for rings in forms for ring in rings]
            spread = (slack + (0.0 if mapped.derived else _AGAIN * _reach(parts))) * np.array([-1, -1, 1, 1])
            outlines[row] = box_around(np.concatenate(parts)) + spread if parts else outlines[row]
            inner[row] = EMPTY_BOX
    return replace(expected, outlines=outlines, inner=inner)


def with_own_cuts(expected: Expectation, source: Instances, mapped: Mapped) -> Expectation:
    """`expected` of labels that state no oriented boxes: of four corners that an edge cuts, a box may lie around what
    the output shows of the rectangles that they became, at an edge of their own image or of the output.
    """
    outer, outlines, whole = expected.outer.copy(), expected.outlines.copy(), rectangle(mapped.size)
    for row in np.flatnonzero(np.isfinite(source.oriented).all(axis=(1, 2)) & expected.cut):
        for rings in after_own_cut([source.oriented[row]], mapped):
            around = [apply(mapped.from_frame, rings[0]), *_whole_rectangles(rings, mapped, 0.0)]
            part = box_around(np.concatenate([part_of(each, whole) for each in around]))
            for boxes in (outer, outlines):
                boxes[row, :2], boxes[row, 2:] = np.minimum(boxes[row], part)[:2], np.maximum(boxes[row], part)[2:]
    return replace(expected, outer=outer, outlines=outlines)


def _reach(parts: Sequence[Points]) -> float:
    """The longer side of the box around `parts`, px."""
    return float(np.ptp(np.concatenate(parts), axis=0).max()) if parts else 0.0


@dataclass(frozen=True, eq=False)
class StatedOutline:
    """The closed `rings` that the oriented box of an object is made of: its own corners (`is_box`), its polygons, or
    the hull of the pixels of a `mask` (H, W).

    It is true in a condition if there are any.
    """

    rings: Sequence[Points]
    mask: NDArray[np.bool_] | None = None
    is_box: bool = False

    def __bool__(self) -> bool:
        return bool(self.rings)

    def slack(self, matrix: Matrix) -> float:
        """How far resampling may move it, px: by a pixel of each image for a mask."""
        return 1.0 + float(np.abs(matrix[:2, :2]).sum(axis=1).max()) if self.mask is not None else 0.0

    def copy(self, mapped: Mapped) -> Sequence[Points]:
        """The hull of the copy of a mask in the output, in the frame of the labels; [] where that has no pixel. A pixel
        of a copy is set where its centre lies on a set pixel of the mask, so that of what is thinner than the distance
        of two centres nothing may be left, however long it is: no number of px bounds how far its hull is from the
        hull of the mask.
        """
        if self.mask is None:
            return []
        x0, y0, x1, y1 = box_around(apply(mapped.from_frame, self.rings[0])).tolist()
        columns = np.arange(max(0, floor(x0)), min(mapped.size.width, ceil(x1)))
        rows = np.arange(max(0, floor(y0)), min(mapped.size.height, ceil(y1)))
        centres = np.stack(np.meshgrid(columns + 0.5, rows + 0.5), axis=-1)
        back: Matrix = np.asarray(np.linalg.inv(mapped.from_frame), dtype=np.float64)
        across, down = np.moveaxis(np.floor(apply(back, centres)).astype(np.int64), -1, 0)
        inside = (across >= 0) & (across < self.mask.shape[1]) & (down >= 0) & (down < self.mask.shape[0])
        inside &= depths(mapped.seen, centres) >= 0
        pixels = np.zeros(inside.shape, dtype=np.bool_)
        pixels[inside] = self.mask[down[inside], across[inside]]
        corner = np.array([max(0, floor(x0)), max(0, floor(y0))])
        return [apply(back, hull_of_pixels(pixels) + corner)] if pixels.any() else []

    def forms(self, mapped: Mapped) -> list[Sequence[Points]]:
        """What its oriented box may be drawn around, each as rings: the outline, also after the edges of its own image
        cut it, and the copy of a mask; of a mask that is cut the copy alone, where there is one.
        """
        copy = self.copy(mapped)
        if copy and (depths(mapped.seen, apply(mapped.from_frame, self.rings[0])) < 0).any():
            return [copy]
        drawn = after_own_cut(self.rings, mapped) if self.is_box else [self.rings]
        return [*drawn, *([copy] if copy else [])]


def stated_outline(source: Instances, row: int) -> StatedOutline:
    """The oriented box of an object, else its polygons, else the hull of its mask."""
    corners, mask = source.oriented[row], source.masks[row]
    if np.isfinite(corners).all():
        return StatedOutline([corners], is_box=True)
    rings = [ring for ring in source.polygons[row] if len(ring)]
    if sum(map(_area, rings)) > 0:
        return StatedOutline(rings)
    pixels = mask.mask() if mask is not None and mask.area else None
    return StatedOutline([hull_of_pixels(pixels)], pixels) if pixels is not None else StatedOutline([])


def is_kept(source: Instances, expected: Expectation, row: int, mapped: Mapped) -> bool:
    """Whether the four corners of an object of `source` are written as they are in labels that state oriented boxes: no
    edge cuts its box, nor its polygon, which may reach over one that the box respects.
    """
    stated = stated_outline(source, row)
    whole = not expected.cut[row] and stated.mask is None and len(stated.rings) == 1 and len(stated.rings[0]) == 4
    return whole and (stated.is_box or not spills(stated.rings, mapped))


def spills(rings: Sequence[Points], mapped: Mapped) -> bool:
    """Whether `rings` of the source reach over an edge of what the output shows of it."""
    return any((depths(mapped.seen, apply(mapped.from_frame, ring)) < -CUT).any() for ring in rings)


def after_own_cut(rings: Sequence[Points], mapped: Mapped) -> list[Sequence[Points]]:
    """The forms that `rings` of the source may have once they were cut at the edges of their own image: four corners
    that reach over an edge become a rectangle there, before they are mapped.
    """
    frame = rectangle(mapped.frame)
    if len(rings) > 1 or len(rings[0]) != 4 or (depths(frame, rings[0]) >= -CUT).all():
        return [rings]
    part = convex_hull(part_of(rings[0], frame))
    return [[least] for least in least_rectangles(part)] if len(part) > 2 else [rings]


def corners_off(wanted: Points, written: Points) -> float:
    """How far corners (4, 2) lie from those `wanted`, wherever they begin and whichever way they go, px."""
    orders = [np.roll(ring, first, axis=0) for ring in (wanted, wanted[::-1]) for first in range(4)]
    return min(float(np.abs(order - written).max()) for order in orders)


def _whole_rectangles(rings: Sequence[Points], mapped: Mapped, slack: float) -> list[Points]:
    """The rectangles of least area around the visible part of `rings`, which may lie `slack` px off; their corners may
    lie outside of the output.
    """
    visible = visible_part(rings, mapped)
    return least_rectangles(visible, slack) if len(visible) > 2 else []


def overreach(instances: Instances, size: Size) -> NDArray[np.float64]:
    """How far each box reaches out of an image of `size`, float64 (N,) px.

    A box around the corners of an oriented one may: the corners of the smallest rectangle around what is visible of an
    object may lie outside (DOTA allows it; the checks of formats name those in others). It counts where all of it does.
    """
    boxes, limit = instances.boxes, np.array([*size, *size], dtype=np.float64)
    over: NDArray[np.float64] = np.maximum(-boxes, boxes - limit).max(axis=1, initial=0.0)
    if not over.any():
        return over
    corners = instances.oriented
    with np.errstate(invalid="ignore"):
        around = np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)
        turned = (np.abs(around - boxes) <= _NEAR).all(axis=1)
        shown = ((boxes[:, :2] < limit[:2]) & (boxes[:, 2:] > 0)).all(axis=1)
    return np.where(turned & shown, 0.0, over)


def visible_part(rings: Sequence[Points], mapped: Mapped) -> Points:
    """The convex ring (Q, 2) px around the part of closed `rings` of the source that the output shows; Q is 0 where it
    shows none.
    """
    moved = [apply(mapped.from_frame, ring) for ring in rings]
    parts = [part_of(ring, mapped.seen) for ring in moved if _area(ring) > _FLAT]
    return convex_hull(np.concatenate([np.zeros((0, 2)), *parts]))


def least_rectangles(ring: Points, slack: float = 0.0) -> list[Points]:
    """The corners (4, 2) px of each rectangle of least area around a convex ring (Q, 2) whose points may lie `slack` px
    off, the very least first; a triangle has three.
    """
    sides = np.roll(ring, -1, axis=0) - ring
    angles = np.arctan2(sides[:, 1], sides[:, 0])
    turned = [ring @ _turn(angle) for angle in angles]
    extents = np.array([np.ptp(points, axis=0) for points in turned])
    areas = extents.prod(axis=1)
    order = np.argsort(areas, kind="stable").tolist()
    most = areas[order[0]] * (1 + _ROUNDED) + 2 * slack * extents[order[0]].sum()
    return [_around(turned[one], angles[one]) for one in order if areas[one] <= most]


def rectangle_area(points: Points) -> float:
    """The area of the rectangle of least area around points (P, 2) px, square px."""
    hull = convex_hull(points)
    return _area(least_rectangles(hull)[0]) if len(hull) > 2 else 0.0


def _around(points: Points, angle: float) -> Points:
    """The corners (4, 2) of the upright rectangle around points (P, 2), turned by `angle`."""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) @ _turn(angle).T


def stated_parts(rings: Sequence[Points], mapped: Mapped) -> list[Points]:
    """The corners (Q, 2) px of the part inside the output of each rectangle of least area around the visible part of
    `rings`; [] where nothing is visible.
    """
    visible = visible_part(rings, mapped)
    if len(visible) < 3:
        return []
    image = rectangle(mapped.size)
    parts = [corners(np.concatenate((_sides_of(least), image))) for least in least_rectangles(visible)]
    return [part for part in parts if len(part)]


def oriented_off(rings: Sequence[Points], label: Points, mapped: Mapped) -> float:
    """How far the corners `label` (4, 2) of an output are from stating the `rings` of an object of its source, px."""
    visible, written = visible_part(rings, mapped), convex_hull(label)
    if len(visible) < 3 or len(written) < 3:
        return 0.0
    off, parts = _rectangle_off(written, visible), stated_parts(rings, mapped)
    off = min([off, *[_astray(written, part) for part in parts]])
    if off <= _EXACT or any(_rectangle_off(four, visible) <= _EXACT for part in parts for four in _fours(part)):
        return off
    return min(off, _astray(written, box_around(visible)[[[0, 1], [2, 1], [2, 3], [0, 3]]]))


def _fours(ring: Points) -> Iterator[Points]:
    """Any four corners (4, 2) of a convex ring (Q, 2)."""
    return (ring[list(rows)] for rows in combinations(range(len(ring)), 4))


def _rectangle_off(ring: Points, visible: Points) -> float:
    """How far the rectangle of least area around a `ring` (Q, 2) is from being one around `visible` (P, 2), px: how far
    that reaches out of it, or how much larger it is, over its length.
    """
    least, have = least_rectangles(visible)[0], least_rectangles(ring)[0]
    if _area(have) <= _FLAT:
        return np.inf
    over = -float(depths(_sides_of(have), visible).min())
    return max(over, (_area(have) - _area(least)) / float(np.hypot(*(np.roll(least, -1, axis=0) - least).T).sum()))


def _astray(written: Points, wanted: Points) -> float:
    """The largest distance of a point (P, 2) from the nearest of the `wanted` ones (Q, 2), px."""
    return float(np.abs(written[:, None] - wanted[None]).max(axis=2).min(axis=1).max())


def _sides_of(ring: Points) -> Matrix:
    """The half-planes (Q, 3) of a convex ring (Q, 2)."""
    along = np.roll(ring, -1, axis=0) - ring
    normals = np.stack((-along[:, 1], along[:, 0]), axis=1) / np.hypot(*along.T)[:, None]
    inward = np.sign((normals * (ring.mean(axis=0) - ring)).sum(axis=1))[:, None]
    normals = normals * inward
    return np.concatenate((normals, -(normals * ring).sum(axis=1)[:, None]), axis=1)


def _turn(angle: float) -> Matrix:
    """The (2, 2) matrix that turns rows of points by minus `angle`."""
    return np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])


def _area(ring: Points) -> float:
    x, y = ring.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2.0)
