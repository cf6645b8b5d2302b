"""Boxes and rings in the plane: mapped without clipping, clipped in a separate, visible act."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Points, Size

Boxes = NDArray[np.float64]  # (N, 4) x0 y0 x1 y1, px
Region = Size | tuple[float, float, float, float]  # all of a picture of that size, or a part of it: x0 y0 x1 y1, px


def map_boxes(affine: Affine, boxes: Boxes) -> Boxes:
    """The hulls (N, 4) of the boxes' mapped corners: exact wherever `affine` keeps the axes."""
    corners = affine(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]])
    return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)


def clip_boxes(boxes: Boxes, region: Region) -> Boxes:
    """The parts (N, 4) of the boxes inside `region`; a box outside becomes one without area."""
    low, high = _corners(region)
    return np.clip(boxes, np.tile(low, 2), np.tile(high, 2))


def box_areas(boxes: Boxes) -> NDArray[np.float64]:
    """The areas (N,) in square pixels."""
    area: NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def visible_fractions(boxes: Boxes, region: Region) -> NDArray[np.float64]:
    """The share (N,) of each box's own area that lies inside `region`; 0 for a box without area."""
    whole = box_areas(boxes)
    inside = box_areas(clip_boxes(boxes, region))
    return np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0)


def hull(points: Points) -> Boxes:
    """The box (4,) around points (P, 2), P at least 1."""
    return np.concatenate((points.min(axis=0), points.max(axis=0)))


def ring_area(points: Points) -> float:
    """The area inside a closed ring (P, 2), never negative (shoelace formula)."""
    x, y = points[:, 0], points[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2.0)


def clip_ring(points: Points, region: Region) -> Points:
    """The part of a closed ring (P, 2) inside `region`, as one ring (Q, 2); Q is 0 where none is.

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


def _corners(region: Region) -> tuple[Points, Points]:
    """The top left and the bottom right corner (2,)."""
    edges = np.array((0, 0, *region) if len(region) == 2 else region, dtype=np.float64)
    return edges[:2], edges[2:]


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
