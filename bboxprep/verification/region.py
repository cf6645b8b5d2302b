"""Convex regions as half-planes, and the part of an outline inside a region.

A region is (K, 3): a point (x, y) is in it where no row of ``region @ (x, y, 1)`` is negative; the normals have length
1, so that a row is a distance in px. A map moves half-planes as easily as points, and a cut adds rows; nothing has to
be walked around, and nothing of how rings are clipped elsewhere is repeated.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size

Region = NDArray[np.float64]  # (K, 3)
Matrix = NDArray[np.float64]  # (3, 3)
Points = NDArray[np.float64]  # (..., 2)
Box = NDArray[np.float64]  # (4,) x0 y0 x1 y1, px
EMPTY_BOX = np.array([np.inf, np.inf, -np.inf, -np.inf])
"""The box (4,) around nothing, which is inside any other."""
EMPTY_BOX.setflags(write=False)
_PARALLEL = 1e-9
_SLACK = 1e-6  # px; the rounding error of a corner


def rectangle(size: Size) -> Region:
    """The region of a whole image of `size`."""
    return np.array([(1, 0, 0), (0, 1, 0), (-1, 0, size.width), (0, -1, size.height)], dtype=np.float64)


def moved(region: Region, matrix: Matrix) -> Region:
    """The region after the map `matrix`."""
    rows = region @ np.linalg.inv(matrix)
    return np.asarray(rows / np.hypot(rows[:, 0], rows[:, 1])[:, None])


def depths(region: Region, points: Points) -> NDArray[np.float64]:
    """The distance (...,) of points from the nearest side, px; positive inside."""
    return np.asarray((points @ region[:, :2].T + region[:, 2]).min(axis=-1))


def beyond(region: Region, size: Size) -> Region:
    """The sides of the region, without those that are edges of an image of `size`."""
    edges = rectangle(size)
    return region[[not np.isclose(edges, side, atol=_SLACK).all(axis=1).any() for side in region]]


def pixels_inside(region: Region, size: Size, margin: float) -> NDArray[np.bool_]:
    """Whether the centre of each pixel of an image of `size` is at least `margin` px inside: bool (H, W)."""
    columns, rows = np.arange(size.width) + 0.5, np.arange(size.height) + 0.5
    inside = np.ones((size.height, size.width), dtype=np.bool_)
    for x, y, offset in region:
        inside &= (y * rows)[:, None] >= margin - offset - x * columns
    return inside


def corners(region: Region) -> Points:
    """The corners (Q, 2) of a bounded region, in order around it; none of an empty one."""
    one, other = _pairs(len(region))
    (x, y, off), (x1, y1, off1) = region[one].T, region[other].T
    across = x * y1 - y * x1
    crossing = np.abs(across) > _PARALLEL
    points = (np.stack((y * off1 - off * y1, off * x1 - x * off1)) / np.where(crossing, across, 1.0))[:, crossing].T
    points = points[depths(region, points) >= -_SLACK]
    if not len(points):
        return points
    from_middle = points - points.mean(axis=0)
    return points[np.argsort(np.arctan2(from_middle[:, 1], from_middle[:, 0]))]


@lru_cache(maxsize=64)
def _pairs(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of all pairs of `count` sides, int64 (P,) each."""
    return np.triu_indices(count, 1)


def box_around(points: Points) -> NDArray[np.float64]:
    """The box (4,) around points (P, 2); `EMPTY_BOX` for no points."""
    if not len(points):
        return EMPTY_BOX.copy()
    return np.concatenate((points.min(axis=0), points.max(axis=0)))


def part_of(ring: Points, region: Region) -> Points:
    """Points (P, 2) with the same bounding box as the part of a closed, filled ring (P, 2) inside `region`.

    They are the ends of the clipped sides of the ring, and the corners of the region inside the ring.
    """
    start, end = ring, np.roll(ring, -1, axis=0)
    first, last = (each @ region[:, :2].T + region[:, 2] + _SLACK for each in (start, end))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = first / (first - last)
    enter = np.where((first < 0) & (last >= 0), share, 0.0).max(axis=1)
    leave = np.where((first >= 0) & (last < 0), share, 1.0).min(axis=1)
    inside = (enter <= leave) & ~((first < 0) & (last < 0)).any(axis=1)
    along = (end - start)[inside]
    ends = [start[inside] + along * each[inside, None] for each in (enter, leave)]
    held = corners(region)
    return np.concatenate((*ends, held[holds(ring, held)]))


def convex_hull(points: Points) -> Points:
    """The convex ring (Q, 2) around points (P, 2) (Andrew's monotone chain)."""
    ordered = np.unique(points, axis=0).tolist()
    if len(ordered) < 3:
        return np.array(ordered, dtype=np.float64).reshape(-1, 2)
    return np.array([*_chain(ordered), *_chain(ordered[::-1])])


def _chain(ordered: list[list[float]]) -> list[list[float]]:
    """One half of the hull of sorted points, without its last point."""
    chain: list[list[float]] = []
    for x, y in ordered:
        while len(chain) > 1:
            (ax, ay), (bx, by) = chain[-2:]
            if (bx - ax) * (y - ay) > (by - ay) * (x - ax):
                break
            chain.pop()
        chain.append([x, y])
    return chain[:-1]


def holds(ring: Points, points: Points) -> NDArray[np.bool_]:
    """Whether each of the points (Q, 2) is inside a closed ring (P, 2), by the even-odd rule: bool (Q,)."""
    (x0, y0), (x1, y1) = ring.T, np.roll(ring, -1, axis=0).T
    x, y = points[:, :1], points[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return np.asarray(np.count_nonzero(crossing, axis=1) % 2 == 1)


def ring_off(one: NDArray[np.float64], other: NDArray[np.float64], tolerance: float) -> float:
    """How far the points of two rings (P, 2) px lie apart, wherever `other` begins and whichever way round it goes."""
    off = float(np.abs(one - other).max(initial=0.0))
    if off <= tolerance:
        return off
    for start in np.flatnonzero(np.abs(other - one[0]).max(axis=1) <= tolerance).tolist():
        for ring in (np.roll(other, -start, axis=0), np.roll(other[::-1], start + 1, axis=0)):
            off = min(off, float(np.abs(one - ring).max()))
    return off


def grid_over(box: NDArray[np.float64], count: int) -> Points:
    """The middles of equal cells of `box` (4,), `count` along each side, row by row: float64 (Q, 2)."""
    steps = (np.arange(count) + 0.5) / count
    x, y = (box[low] + (box[low + 2] - box[low]) * steps for low in (0, 1))
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
