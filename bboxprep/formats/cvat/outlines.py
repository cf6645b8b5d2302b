"""Turned boxes and ellipses, which the model holds as rings, as CVAT states them.

Numbers are rounded, so that the ring which is read from them gives the same numbers again.
"""

from __future__ import annotations

import math

import numpy as np

from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import ELLIPSE_POINTS

_SLACK = 1e-6  # px; by how much a point may lie off the shape
_PLACES = 7  # decimals of a coordinate
_DEGREES = 9  # decimals of a rotation
_LEVEL = 1e-6  # degrees; a ring nearer to its box is the polygon of that box

Numbers = tuple[float, ...]


def turned_box(ring: Points) -> Numbers | None:
    """xtl, ytl, xbr, ybr and rotation of the box whose four corners are `ring` (P, 2) px; None where it is none, or one
    that is not turned.
    """
    if len(ring) != 4:
        return None
    along, across = ring[1] - ring[0], ring[2] - ring[1]
    if along[0] * across[1] < along[1] * across[0]:  # a mirrored ring: its first side stays the first
        return turned_box(ring[[1, 0, 3, 2]]) if _is_rectangle(ring, along, across) else None
    if not _is_rectangle(ring, along, across):
        return None
    degrees = _degrees(along)
    if abs((degrees + 45.0) % 90.0 - 45.0) < _LEVEL:
        return None
    half = np.array((math.hypot(*along), math.hypot(*across))) / 2.0
    middle = ring.mean(axis=0)
    return (*_rounded(middle - half), *_rounded(middle + half), degrees)


def ellipse(ring: Points) -> Numbers | None:
    """cx, cy, rx, ry and rotation of the ellipse that the points `ring` (P, 2) px go around in equal steps of its
    parameter, as `geometry.shapes.ellipses_in` has them before any map; None where they do not.
    """
    if len(ring) != ELLIPSE_POINTS:
        return None
    middle = ring.mean(axis=0)
    one, other = ring[0] - middle, ring[ELLIPSE_POINTS // 4] - middle
    angles = np.arange(ELLIPSE_POINTS) * (2.0 * np.pi / ELLIPSE_POINTS)
    expected = middle + np.cos(angles)[:, None] * one + np.sin(angles)[:, None] * other
    if np.abs(ring - expected).max() > _SLACK:
        return None
    if abs(one @ other) > _SLACK * max(math.hypot(*one), math.hypot(*other)):  # a map has leaned it
        axes, radii, _ = np.linalg.svd(np.column_stack((one, other)))
        one, other = axes[:, 0] * radii[0], axes[:, 1] * radii[1]
    radii = np.array((math.hypot(*one), math.hypot(*other)))
    return (*_rounded(middle), *_rounded(radii), _degrees(one)) if radii.min() > _SLACK else None


def _is_rectangle(ring: Points, along: Points, across: Points) -> bool:
    """Whether `ring`, with the sides `along` and `across`, is a rectangle with an area."""
    longest = max(math.hypot(*along), math.hypot(*across))
    closed = np.abs(ring[3] - ring[0] - across).max() <= _SLACK
    return bool(
        closed and min(math.hypot(*along), math.hypot(*across)) > _SLACK and abs(along @ across) <= _SLACK * longest
    )


def _degrees(side: Points) -> float:
    return round(math.degrees(math.atan2(side[1], side[0])) % 360.0, _DEGREES) % 360.0


def _rounded(point: Points) -> Numbers:
    return tuple(round(value, _PLACES) + 0.0 for value in point.tolist())
