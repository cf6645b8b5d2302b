"""Boxes and rings in the plane: mapped without clipping, clipped in a separate, visible act."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Points, Size

Boxes = NDArray[np.float64]  # (N, 4) x0 y0 x1 y1, px


def map_boxes(affine: Affine, boxes: Boxes) -> Boxes:
    """The hulls (N, 4) of the boxes' mapped corners: exact wherever `affine` keeps the axes."""
    corners = affine(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]])
    return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)


def clip_boxes(boxes: Boxes, size: Size) -> Boxes:
    """The parts (N, 4) of the boxes inside a picture of `size`; a box outside becomes one without area."""
    return np.clip(boxes, 0.0, np.array([size.width, size.height] * 2, dtype=np.float64))


def box_areas(boxes: Boxes) -> NDArray[np.float64]:
    """The areas (N,) in square pixels."""
    area: NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def visible_fractions(boxes: Boxes, size: Size) -> NDArray[np.float64]:
    """The share (N,) of each box's own area that lies inside a picture of `size`; 0 for a box without area."""
    whole = box_areas(boxes)
    inside = box_areas(clip_boxes(boxes, size))
    return np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0)


def hull(points: Points) -> Boxes:
    """The box (4,) around points (P, 2), P at least 1."""
    return np.concatenate((points.min(axis=0), points.max(axis=0)))


def ring_area(points: Points) -> float:
    """The area inside a closed ring (P, 2), never negative (shoelace formula)."""
    x, y = points[:, 0], points[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2.0)


def clip_ring(points: Points, size: Size) -> Points:
    """The part of a closed ring (P, 2) inside a picture of `size`, as one ring (Q, 2); Q is 0 where none is.

    Sutherland and Hodgman, "Reentrant polygon clipping" (1974): parts of a concave ring stay joined along the edge.
    """
    if ((points >= 0.0) & (points <= np.array(size, dtype=np.float64))).all():
        return points
    for axis, bound, sign in (
        (0, 0.0, 1.0),
        (0, float(size.width), -1.0),
        (1, 0.0, 1.0),
        (1, float(size.height), -1.0),
    ):
        points = _clip_half_plane(points, axis, bound, sign)
        if not len(points):
            break
    return points


def _clip_half_plane(points: Points, axis: int, bound: float, sign: float) -> Points:
    """The part of the ring where ``sign * (coordinate - bound) >= 0``."""
    inside = sign * (points[:, axis] - bound) >= 0.0
    if inside.all():
        return points
    kept: list[Points] = []
    for start, end, start_in, end_in in zip(points, np.roll(points, -1, 0), inside, np.roll(inside, -1), strict=True):
        if start_in:
            kept.append(start)
        if start_in != end_in:
            crossing = start + (end - start) * ((bound - start[axis]) / (end[axis] - start[axis]))
            crossing[axis] = bound
            kept.append(crossing)
    return np.array(kept, dtype=np.float64).reshape(-1, 2)
