"""Chooses the shape of an object: its polygons, else its mask; its oriented or upright box where it has neither."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import box_areas, pixel_corners, ring_area
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle

Shape = Rings | Rle


def shapes_of(rings: Rings, mask: Rle | None) -> Iterator[Shape]:
    """The shapes of an object with the polygons `rings` and the `mask`, the best first; none if it has only a box."""
    if rings:
        yield rings
    if mask is not None:
        yield mask


def best_shape(rings: Rings, mask: Rle | None) -> Shape | None:
    """The first of `shapes_of`; None where the object has only a box."""
    return rings or mask  # next(shapes_of(...)) takes three times as long


def shape_area(shape: Shape) -> float:
    """The area of `shape`, square px: the sum of its rings, or the number of set pixels of a mask (an int)."""
    return shape.area if isinstance(shape, Rle) else sum(map(ring_area, shape))


def corners_around(instances: Instances, row: int) -> Points | None:
    """Points (P, 2) px with the hull of an object's polygons, else of its mask: the corners of a polygon in their
    order. None where it has neither, or one without an area.
    """
    rings, mask = instances.polygons[row], instances.masks[row]
    if any(map(ring_area, rings)):
        return np.concatenate(rings)
    return pixel_corners(mask.mask()) if mask is not None and mask.area else None


def object_areas(instances: Instances) -> list[float]:
    """The stated area of each object, else that of its best shape, else of its oriented or upright box; square px."""
    unstated = np.isnan(instances.areas)
    areas: list[float] = np.where(unstated, box_areas(instances.boxes), instances.areas).tolist()
    if Column.ORIENTED in instances.column_counts:
        for row in np.flatnonzero(unstated & instances.has(Column.ORIENTED)).tolist():
            areas[row] = ring_area(instances.oriented[row])
    drawn = instances.has(Column.POLYGONS) | instances.has(Column.MASKS)
    for row in np.flatnonzero(unstated & drawn).tolist():
        shape = best_shape(instances.polygons[row], instances.masks[row])
        areas[row] = areas[row] if shape is None else shape_area(shape)
    return areas
