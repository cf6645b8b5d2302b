"""The area of what an output shows of the outline of a source object, counted on a grid and on the pixels of its mask.

Outlines are not clipped a second time: points of a grid over the expected box are counted, so the area has two bounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Rings
from bboxprep.verification.arithmetic import apply
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.region import box_around, depths, grid_over, holds

GRID = 64  # points along each side of the box


def rings_area(rings: Rings) -> float:
    """The sum of the areas of closed rings, square px."""
    return sum(abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2.0 for x, y in (ring.T for ring in rings))


def visible_area(source: Instances, row: int, box: NDArray[np.float64], mapped: Mapped) -> tuple[float, float]:
    """The least and the largest area in the output, square px, of the outline of the object of `row`: its polygons,
    else its mask, else its oriented box; zeros where it has none, 0 and infinity where an outline crosses itself. `box`
    (4,) is its expected box in the output, px.
    """
    rings, mask, turned = source.polygons[row], source.masks[row], source.oriented[row]
    if not rings and mask is not None:
        down, across = np.nonzero(mask.mask())
        centres = np.stack((across, down), axis=1).astype(np.float64) + 0.5
        count = np.count_nonzero(depths(mapped.seen, apply(mapped.from_frame, centres)) >= 0)
        area = float(count * abs(np.linalg.det(mapped.from_frame)))
        return area, area
    if not rings and np.isfinite(turned).all():
        rings = (turned,)
    width, height = (box[2:] - box[:2]).tolist()
    if not rings or width <= 0 or height <= 0:
        return 0.0, 0.0
    moved = [apply(mapped.from_frame, ring) for ring in rings]
    if any(map(_crosses_itself, moved)):
        return 0.0, np.inf
    points = grid_over(box, GRID)
    points = points[depths(mapped.seen, points) >= 0]
    counted = sum(np.count_nonzero(holds(ring, points)) for ring in moved)
    cell, error = width * height / GRID**2, sum(_cells_crossed(ring, box) for ring in moved)
    return max(0.0, (counted - error) * cell), (counted + error) * cell


def _crosses_itself(ring: NDArray[np.float64]) -> bool:
    """Whether the area of a closed ring (P, 2) by its corners is not that of the points in it."""
    box = box_around(ring)
    if (box[2:] <= box[:2]).any():
        return False
    cell, counted = float(np.prod(box[2:] - box[:2])) / GRID**2, np.count_nonzero(holds(ring, grid_over(box, GRID)))
    return bool(abs(rings_area((ring,)) - counted * cell) > _cells_crossed(ring, box) * cell)


def _cells_crossed(ring: NDArray[np.float64], box: NDArray[np.float64]) -> float:
    """The largest number of cells of `box` (4,) that the sides of a closed ring (P, 2) may cut."""
    held = np.clip(ring, box[:2], box[2:])
    across = np.abs(held - np.roll(held, 1, axis=0)) / (box[2:] - box[:2]) * GRID
    return float(across.sum()) + np.count_nonzero(across.any(axis=1))
