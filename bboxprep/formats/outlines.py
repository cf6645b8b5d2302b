"""Outlines, as formats state them that hold no box beside one: within the image; ellipses by centre, radii, rotation.

Polygons of the source may reach over an edge that the box of their object respects. Where nothing else states the box,
it would reach out of the image too. The numbers of ellipses, which the model holds as rings, are rounded, so that the
ring which is read from them gives the same numbers again.
"""

from __future__ import annotations

import math

import numpy as np

from bboxprep.geometry.affine import Affine, Points
from bboxprep.geometry.oriented import degrees_of
from bboxprep.geometry.shapes import ELLIPSE_POINTS, Boxes, clip_ring, ellipses_in, ring_area
from bboxprep.model.batch import Batch
from bboxprep.model.polygons import Polygons

_SLACK = 1e-6  # px; by how much a point may lie off the shape
_REACH = 1e-3  # px; by how much a point may lie over an edge, which is rounding
_PLACES = 7  # decimals of a coordinate
_DEGREES = 9  # decimals of a rotation

Numbers = tuple[float, ...]


def polygons_within(batch: Batch) -> Polygons:
    """The polygons of the objects of `batch`; those that reach over an edge of their image are cut there."""
    polygons, sizes = batch.instances.polygons, batch.sizes[batch.owners]
    over = polygons.reach_out(np.concatenate((np.zeros_like(sizes) - _REACH, sizes + _REACH), axis=1))
    if not over.any():
        return polygons
    rings = list(polygons)
    for row in np.flatnonzero(over).tolist():
        width, height = sizes[row].tolist()
        cut = (clip_ring(ring, (0.0, 0.0, width, height)) for ring in rings[row])
        rings[row] = tuple(ring for ring in cut if len(ring) and ring_area(ring) > 0)
    return Polygons.of(rings)


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


def ellipse_ring(cx: float, cy: float, rx: float, ry: float, degrees: float) -> tuple[Boxes, Points]:
    """The box (4,) around the ellipse that `ellipse` gives these numbers of, and its ring (P, 2): float64, px."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    reach = np.hypot((rx * cos, rx * sin), (ry * sin, ry * cos))
    middle = np.array((cx, cy))
    ring = Affine.rotation(degrees).about(cx, cy)(ellipses_in(np.array([(cx - rx, cy - ry, cx + rx, cy + ry)]))[0])
    return np.concatenate((middle - reach, middle + reach)), ring


def _degrees(side: Points) -> float:
    return round(degrees_of(side), _DEGREES) % 360.0


def _rounded(point: Points) -> Numbers:
    return tuple(round(value, _PLACES) + 0.0 for value in point.tolist())
