"""Oriented boxes: four corners, or an ``rbox`` of centre, size and angle; the rectangle of least area around a shape.

An ``rbox`` is x, y, w, h px and the angle of w to the x axis in radians, clockwise on the screen, as Ultralytics writes
it in results.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import atan2, hypot, pi

import numpy as np

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.shapes import clip_ring, clip_to_convex, ring_area, ring_around, within_convex

_SAME = 1e-6  # px; two points that are no further apart are one
_REACH = 1e-3  # px; how far a point may lie outside of a rectangle that holds it
_ROUNDING = 1e-9  # of an area; equal areas may differ by this much in float64
_BEST = 2.0  # the mark of a rectangle that is as small as any that holds a shape
_EQUAL = 1e-6  # of areas and overlaps; those that differ less are equal


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
