"""Boxes and polygon rings: `map_boxes` maps without clipping; `clip_boxes` and `clip_ring` clip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Affines, Points, Size

Boxes = NDArray[np.float64]  # (N, 4) x0 y0 x1 y1, px
_ROUNDING = 1e-9  # px
ELLIPSE_POINTS = 360  # of a ring: its bounding box is smaller than that of the ellipse by less than 1 in 10,000
Region = Size | tuple[float, float, float, float]  # a whole image of that size, or a part of it: x0 y0 x1 y1, px


def map_boxes(affine: Affine | Affines, boxes: Boxes) -> Boxes:
    """The boxes (N, 4) px around the mapped corners of boxes (N, 4), by one map or one for each: exact where it
    `keeps_axes`. No clipping.
    """
    corners = affine(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]])
    return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)


def clip_boxes(boxes: Boxes, region: Region) -> Boxes:
    """Boxes (N, 4) px clipped to `region`; a box outside of it becomes one without area."""
    low, high = _limits(region)
    return np.minimum(np.maximum(boxes, low), high)


def box_areas(boxes: Boxes) -> NDArray[np.float64]:
    """The areas (...) of boxes (..., 4), square px."""
    area: NDArray[np.float64] = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return area


def visible_fractions(boxes: Boxes, region: Region) -> NDArray[np.float64]:
    """The fraction (N,) of the area of each box (N, 4) that lies inside `region`, 0 to 1; 0 for a box without area."""
    whole = box_areas(boxes)
    inside = box_areas(clip_boxes(boxes, region))
    return np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0)


def common_boxes(one: Boxes, other: Boxes) -> Boxes:
    """The intersections (..., 4) of boxes (..., 4), which broadcast; zeros where two share no area."""
    low, high = np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:])
    met = (high > low).all(axis=-1, keepdims=True)
    return np.asarray(np.where(met, np.concatenate((low, high), axis=-1), 0.0))


def overlap(one: Boxes, other: Boxes) -> float:
    """The intersection over union of two boxes (4,), 0 to 1."""
    common, first, second = box_areas(np.stack((common_boxes(one, other), one, other))).tolist()
    return float(common / (first + second - common)) if common > 0 else 0.0


def hull(points: Points) -> Boxes:
    """The bounding box (4,) px of points (P, 2), P at least 1."""
    return np.concatenate((points.min(axis=0), points.max(axis=0)))


def same_box(one: Boxes, other: Boxes) -> bool:
    """Whether two boxes (4,) are one but for the rounding of a sum: x and width, as COCO states them, rarely give the
    corner of an outline to the last bit.
    """
    return bool((np.abs(one - other) <= _ROUNDING).all())


def ring_around(region: Region) -> Points:
    """The corners (4, 2) of `region`, in the order of a ring."""
    (x0, y0), (x1, y1) = (corner.tolist() for corner in _corners(region))
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def ellipses_in(boxes: Boxes) -> Points:
    """The ellipses inscribed in boxes (N, 4), as rings (N, `ELLIPSE_POINTS`, 2) px."""
    angles = np.arange(ELLIPSE_POINTS) * (2.0 * np.pi / ELLIPSE_POINTS)
    circle = np.stack((np.cos(angles), np.sin(angles)), axis=-1)
    middle, radius = (boxes[:, 2:] + boxes[:, :2]) / 2.0, (boxes[:, 2:] - boxes[:, :2]) / 2.0
    return np.asarray(middle[:, None] + radius[:, None] * circle)


def pixel_corners(pixels: NDArray[np.bool_]) -> Points:
    """Corners (P, 2) of the set pixels (H, W), as many as their hull needs: those of the first and last of each row."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return np.zeros((0, 2))
    left, right = int(columns[0]), int(columns[-1]) + 1  # most masks are small in their image
    filled = pixels[rows, left:right]
    first, last = left + filled.argmax(axis=1), right - filled[:, ::-1].argmax(axis=1)
    corners = [(x, y) for x in (first, last) for y in (rows, rows + 1)]
    return np.concatenate([np.stack(corner, axis=-1) for corner in corners]).astype(np.float64)


def ring_area(points: Points) -> float:
    """The area of a closed ring (P, 2), square px, never negative (shoelace formula)."""
    x, y = points[:, 0], points[:, 1]
    following = np.concatenate((points[1:], points[:1]))  # np.roll takes five times as long
    return float(abs(np.dot(x, following[:, 1]) - np.dot(y, following[:, 0])) / 2.0)


def clip_ring(points: Points, region: Region) -> Points:
    """A closed ring (P, 2) px clipped to `region`, as one ring (Q, 2); Q is 0 if nothing is left.

    Sutherland and Hodgman, "Reentrant polygon clipping" (1974): parts of a concave ring stay joined along the edge.
    """
    low, high = _corners(region)
    if ((points >= low) & (points <= high)).all():
        return points
    for axis, bound, sign in ((0, low[0], 1.0), (0, high[0], -1.0), (1, low[1], 1.0), (1, high[1], -1.0)):
        points = _clip_half_plane(points, axis, float(bound), sign)
        if not len(points):
            break
    return points


def one_ring(rings: Sequence[Points]) -> Points | None:
    """The parts of an object, rings (P, 2) px, as one ring: each part is joined to the nearest corner of the ring so
    far by a seam without width. None where no part has three points.
    """
    parts = [ring for ring in rings if len(ring) >= 3]
    if not parts:
        return None
    joined = parts[0]
    for part in parts[1:]:
        here, there = _nearest(joined, part)
        visit = np.concatenate((part[there:], part[: there + 1]))
        joined = np.concatenate((joined[: here + 1], visit, joined[here:]))
    return joined


def clip_to_convex(points: Points, around: Points) -> Points:
    """A closed ring (P, 2) px clipped to the convex ring `around` (Q, 2), as one ring; empty if nothing is left."""
    if ring_area(around) <= 0:
        return np.zeros((0, 2))
    for normal, offset in convex_sides(around):
        points = _cut(points, points @ normal - offset)
    return points


def within_convex(points: Points, around: Points, slack: float = 0.0) -> NDArray[np.bool_]:
    """Which points (..., 2), as bool (...,), lie in the convex ring `around` (Q, 2), or at most `slack` px outside of
    it; none in a ring without area."""
    inside = np.full(points.shape[:-1], ring_area(around) > 0)
    for normal, offset in convex_sides(around):
        inside &= points @ normal - offset >= -slack
    return inside


def convex_sides(around: Points) -> list[tuple[Points, float]]:
    """The unit normal (2,) and the offset of each side of a convex ring (Q, 2): ``points @ normal - offset`` is the
    distance of points from that side in px, positive inside. Sides without length are left out.
    """
    sides = np.roll(around, -1, axis=0) - around
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    x, y = around[:, 0], around[:, 1]
    sign = -1.0 if np.dot(x, np.roll(y, -1)) < np.dot(y, np.roll(x, -1)) else 1.0
    rows = np.flatnonzero(lengths > 0)
    normals = sign * np.stack((-sides[rows, 1], sides[rows, 0]), axis=-1) / lengths[rows, None]
    return [(normal, float(corner @ normal)) for normal, corner in zip(normals, around[rows], strict=True)]


def _nearest(one: Points, other: Points) -> tuple[int, int]:
    """The rows of the two corners that lie nearest to each other."""
    best = (np.inf, 0, 0)
    for there, corner in enumerate(other):
        distances = ((one - corner) ** 2).sum(axis=1)
        here = int(distances.argmin())
        best = min(best, (float(distances[here]), here, there))
    return best[1], best[2]


def _corners(region: Region) -> tuple[Points, Points]:
    """The top left and the bottom right corner (2,)."""
    low, high = _limits(region)
    return low[:2], high[:2]


@lru_cache(maxsize=1024)
def _limits(region: Region) -> tuple[Points, Points]:
    """The lower and upper limits (4,) of the edges of a box in `region`; cached, since few sizes are common."""
    x0, y0, x1, y1 = (0, 0, *region) if len(region) == 2 else region
    low, high = np.array([x0, y0, x0, y0], dtype=np.float64), np.array([x1, y1, x1, y1], dtype=np.float64)
    low.setflags(write=False)
    high.setflags(write=False)
    return low, high


def _clip_half_plane(points: Points, axis: int, bound: float, sign: float) -> Points:
    """The part of the ring where ``sign * (coordinate - bound) >= 0``."""
    return _cut(points, sign * (points[:, axis] - bound), snap=(axis, bound))


def _cut(points: Points, depths: NDArray[np.float64], snap: tuple[int, float] | None = None) -> Points:
    """The part of a ring (P, 2) where `depths` (P,) are not negative. `snap` (axis, value): the coordinate that the
    points on the cut get exactly.
    """
    inside = depths >= 0.0
    if inside.all():
        return points
    kept: list[Points] = []
    following = zip(points, np.roll(points, -1, 0), depths, np.roll(depths, -1), strict=True)
    for start, end, depth, next_depth in following:
        if depth >= 0:
            kept.append(start)
        if (depth >= 0) != (next_depth >= 0):
            crossing = start + (end - start) * (depth / (depth - next_depth))
            if snap:
                crossing[snap[0]] = snap[1]
            kept.append(crossing)
    return np.array(kept, dtype=np.float64).reshape(-1, 2)
