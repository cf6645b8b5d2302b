"""Oriented boxes: four corners, or an ``rbox`` of centre, size and angle; the rectangle of least area around a shape.

Four corners are kept, and no angle: a stretched image makes a parallelogram of a rectangle, and hand-drawn boxes (DOTA)
are quadrilaterals. Corners are exact through every affine map, one by one. Their order is that of the drawing, whose
first side tells where the object is headed; in a mirrored image they go around the other way.

An ``rbox`` is x, y, w, h px and the angle of w to the x axis in radians, clockwise on the screen, as Ultralytics writes
it in results.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import atan2, degrees, hypot, pi

import numpy as np

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.shapes import clip_ring, clip_to_convex, ring_area, ring_around, within_convex

_SAME = 1e-6  # px; two points that are no further apart are one
_REACH = 1e-3  # px; how far a point may lie outside of a rectangle that holds it
_ROUNDING = 1e-9  # of an area; equal areas may differ by this much in float64
_BEST = 2.0  # the mark of a rectangle that is as small as any that holds a shape
_EQUAL = 1e-6  # of areas and overlaps; those that differ less are equal
_FIT = 0.5  # px; by how much a corner may lie off a rectangle that stands for it
_PLACES, _DEGREES = 7, 9  # decimals of a coordinate, and of a rotation
_MIRRORED = [1, 0, 3, 2]  # the order of corners in which a mirrored ring goes around as before


def corners_of(rbox: Sequence[float]) -> Points:
    """The corners (4, 2) px of ``rbox``, in the order of a ring."""
    x, y, width, height, angle = rbox
    halves = np.array([(width, height), (width, -height), (-width, -height), (-width, height)]) / 2.0
    return Affine.translation(x, y)(Affine.rotation(np.degrees(angle).item())(halves))


def rbox_of(corners: Points) -> list[float]:
    """The ``rbox`` of corners (4, 2) px, with an angle from 0 to below a right angle.

    Of corners that are no rectangle (an image was stretched), that of the smallest rectangle around them.
    """
    rectangle = smallest_rectangle(corners)
    (x, y), (wide, high) = rectangle.mean(axis=0).tolist(), (rectangle[1:3] - rectangle[0:2]).tolist()
    width, height, angle = hypot(*wide), hypot(*high), atan2(wide[1], wide[0]) % pi
    if angle >= pi / 2:
        width, height, angle = height, width, angle - pi / 2
    return [x, y, width, height, angle]


def refitted(corners: Points, left: Points) -> Points:
    """The oriented box (4, 2) px of which a cut has left the ring `left` (P, 2): the smallest rectangle around that.

    It goes around as `corners` (4, 2) do, and its first side points as theirs does, as nearly as it can. A rectangle
    that is the smallest one still is left as it is, so that to cut again changes nothing.
    """
    least = smallest_rectangle(convex_hull(left))
    if is_rectangle(corners) and ring_area(least) >= ring_area(corners) * (1 - _ROUNDING):
        return corners
    return _alike(least, corners)


def _alike(rectangle: Points, corners: Points) -> Points:
    """The `rectangle` (4, 2) in the order in which it goes around as `corners` (4, 2) do, and begins with the side that
    points most nearly as their first one.
    """
    ordered = rectangle if _goes_clockwise(corners) else rectangle[::-1]
    along = np.roll(ordered, -1, axis=0) - ordered
    first = int((along @ (corners[1] - corners[0]) / np.hypot(*along.T)).argmax())
    return np.roll(ordered, -first, axis=0)


def is_rectangle(corners: Points, slack: float = _EQUAL) -> bool:
    """Whether corners (4, 2) fill the smallest rectangle around them, but for `slack`, a share of its area."""
    shape = convex_hull(corners)
    return len(shape) > 2 and ring_area(corners) >= ring_area(smallest_rectangle(shape)) * (1 - slack)


def _goes_clockwise(ring: Points) -> bool:
    """Whether a ring (P, 2) turns from x to y: clockwise on the screen."""
    x, y = ring.T
    return bool(x @ np.roll(y, -1) >= y @ np.roll(x, -1))


def convex_hull(points: Points) -> Points:
    """The convex ring (Q, 2) px around points (P, 2), in the order in which x turns to y (Andrew's monotone chain)."""
    ordered = np.unique(points, axis=0)
    if len(ordered) < 3:
        return ordered
    halves = []
    for half in (ordered, ordered[::-1]):
        chain: list[tuple[float, float]] = []
        for x, y in half.tolist():
            while len(chain) > 1 and _turn(chain[-2], chain[-1], (x, y)) <= 0:
                chain.pop()
            chain.append((x, y))
        halves += chain[:-1]
    return np.array(halves)


def _turn(start: tuple[float, float], middle: tuple[float, float], end: tuple[float, float]) -> float:
    """Twice the area of a triangle, square px: positive where it turns from x to y."""
    return (middle[0] - start[0]) * (end[1] - start[1]) - (middle[1] - start[1]) * (end[0] - start[0])


def smallest_rectangle(ring: Points) -> Points:
    """The corners (4, 2) px of the rectangle of least area around a convex ring (P, 2); a side of it lies on one of its
    sides (Freeman and Shapira, 1975).
    """
    sides = np.concatenate((ring[1:], ring[:1])) - ring
    sides = sides[np.hypot(*sides.T) > 0]
    along = sides / np.hypot(*sides.T)[:, None]
    axes = np.stack((along, along[:, ::-1] * (-1.0, 1.0)), axis=1)  # (S, 2, 2): a side and its normal
    places = np.einsum("sij,pj->spi", axes, ring)
    low, high = places.min(axis=1), places.max(axis=1)
    areas = (high - low).prod(axis=1)
    best = int((areas <= areas.min() * (1 + _ROUNDING)).argmax())  # the first of equal ones
    return np.asarray(ring_around((*low[best].tolist(), *high[best].tolist())) @ axes[best])


def oriented_corners(points: Points, size: Size) -> Points:
    """Four corners (4, 2) px inside an image of `size`, of the rectangle of least area around points (P, 2) in it.

    A corner of that rectangle may lie outside of the image, where trainers accept none. Then the result are four
    corners of its part in the image around which a rectangle of least area holds all points and is as small: trainers
    compute it (``minAreaRect``). Where two corners and more lie outside, there may be no such four. Then they are those
    whose rectangle is the smallest that holds all points, among them the corners of the upright box.
    """
    shape = convex_hull(points)
    rectangle = smallest_rectangle(shape)
    inside = _distinct(clip_ring(rectangle, size))
    corners = np.concatenate((inside, np.repeat(inside[-1:], max(0, 4 - len(inside)), axis=0)))
    if len(inside) <= 4 and _mark(smallest_rectangle(corners), shape, ring_area(rectangle)) == _BEST:
        return corners
    choices: list[Points] = [corners[list(rows)] for rows in combinations(range(len(corners)), 4)]
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    choices.append(ring_around((x0, y0, x1, y1)))
    marks = np.array([_mark(smallest_rectangle(choice), shape, ring_area(rectangle)) for choice in choices])
    areas = np.array(list(map(ring_area, choices)))
    return choices[int(np.where(marks >= marks.max() - _EQUAL, areas, -1.0).argmax())]


def corners_within(corners: Points, size: Size) -> Points:
    """The oriented box `corners` (4, 2) px, of which an image of `size` shows a part, by four corners in that image.

    They are `corners` where none lies outside, by more than rounding; else those of `oriented_corners`.
    """
    if ((corners >= -_REACH) & (corners <= np.array(size) + _REACH)).all():
        return corners
    left = clip_ring(corners, size)
    return oriented_corners(left, size) if len(left) and ring_area(left) > 0 else corners


def turned_box(corners: Points) -> tuple[float, ...] | None:
    """x0, y0, x1, y1 px of the upright box that, turned about its centre, has these corners (4, 2), and the degrees
    that it is turned by, clockwise on the screen; None where a corner lies more than half a pixel off a rectangle.

    Its first side is the upper one before the turn. Numbers are rounded, so that the corners which are read from them
    give the same numbers again. Corners that are nearly a rectangle (rounded ones) become the smallest one around them.
    """
    along, across = corners[1] - corners[0], corners[2] - corners[1]
    if not _has_right_angles(corners, along, across):
        shape = convex_hull(corners)
        least = _alike(smallest_rectangle(shape), corners) if len(shape) > 2 else corners
        near = np.abs(least - corners).max() <= _FIT and _has_right_angles(
            least, least[1] - least[0], least[2] - least[1]
        )
        return turned_box(least) if near else None
    if along[0] * across[1] < along[1] * across[0]:  # a mirrored ring: its first side stays the first
        return turned_box(corners[_MIRRORED])
    turn = round(degrees_of(along), _DEGREES) % 360.0
    half = np.array((hypot(*along), hypot(*across))) / 2.0
    middle = corners.mean(axis=0)
    edges = np.concatenate((middle - half, middle + half)).tolist()
    return (*[round(edge, _PLACES) + 0.0 for edge in edges], turn)


def turned_corners(box: Sequence[float], turn: float) -> Points:
    """The corners (4, 2) px of the upright `box`, x0 y0 x1 y1 px, turned about its centre by `turn` degrees, clockwise
    on the screen; the first side is the upper one before the turn.
    """
    x0, y0, x1, y1 = box
    return Affine.rotation(turn).about((x0 + x1) / 2.0, (y0 + y1) / 2.0)(ring_around((x0, y0, x1, y1)))


def degrees_of(side: Points) -> float:
    """The angle of a vector (2,) to the x axis, degrees clockwise on the screen, 0 to 360."""
    x, y = side.tolist()
    return degrees(atan2(y, x)) % 360.0


def _has_right_angles(corners: Points, along: Points, across: Points) -> bool:
    """Whether `corners` (4, 2), with the sides `along` and `across`, are those of a rectangle with an area."""
    sides = hypot(*along), hypot(*across)
    closed = np.abs(corners[3] - corners[0] - across).max() <= _SAME
    return bool(closed and min(sides) > _SAME and abs(along @ across) <= _SAME * max(sides))


def _mark(rectangle: Points, shape: Points, least: float) -> float:
    """How well a rectangle (4, 2) states a convex `shape` (P, 2), around which the smallest has the area `least`: 2 for
    one as small that holds it, 1 to 2 for a larger one, else their intersection over union, 0 to 1.
    """
    area = ring_area(rectangle)
    if within_convex(shape, rectangle, _REACH).all():
        return _BEST if area <= least * (1 + _EQUAL) else 1.0 + least / area
    common = clip_to_convex(shape, rectangle)
    shared = ring_area(common) if len(common) else 0.0
    return shared / (area + ring_area(shape) - shared)


def _distinct(ring: Points) -> Points:
    """The ring (P, 2) without points that repeat the one before."""
    return np.asarray(ring[np.abs(ring - np.roll(ring, 1, axis=0)).max(axis=1) > _SAME])
