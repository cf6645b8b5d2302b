"""The outline of an object: its polygons, else its mask, else its oriented box, else its box.

Only this module knows the kinds of annotation that have a shape. Clipping, rotation, visibility and occlusion are loops
over outlines; a new kind of annotation is one class here and one line in `Outlines`.
Where an object has none of these, `Outlines` gives None: plain boxes are cut all at once, as columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil, floor
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry import shapes
from bboxprep.geometry.affine import Affine, Points
from bboxprep.geometry.oriented import refitted
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle
from bboxprep.model.shape_choice import shape_area, shapes_of

Edge = shapes.Region | Points  # where objects are cut: an upright rectangle, or a convex ring (Q, 2) px

CUT_SLACK = 1e-3  # px; an outline that reaches no further over an edge than this is left as it is
_SLIVER = 1e-6  # px; rounding in float64 may move the edge between two pixels by this much
_LINE = 1e-6  # square px; a ring that is a line may have this area once it was mapped, by rounding in float64

_NO_LIMITS = np.array([-np.inf, -np.inf, np.inf, np.inf])
_NO_LIMITS.setflags(write=False)


@dataclass(frozen=True, eq=False)
class Outline(ABC):
    """The shape of one object in the plane that its box lies in."""

    @property
    @abstractmethod
    def corners(self) -> Points:
        """Points (P, 2) px, float64, that have the same hull as the shape; P is 0 for an empty one."""

    @property
    @abstractmethod
    def area(self) -> float:
        """The area, square px."""

    @abstractmethod
    def clipped(self, edge: Edge) -> Self:
        """The part inside `edge`."""

    @property
    def polygons(self) -> Rings:
        """The shape as the polygons of an object; () where it has another form."""
        return ()

    @cached_property
    def bounds(self) -> shapes.Boxes:
        """The box (4,) around the shape, x0 y0 x1 y1 px; zeros for an empty one."""
        return shapes.hull(self.corners) if len(self.corners) else np.zeros(4)

    def lies_within(self, ring: Points) -> bool:
        """Whether a convex ring (Q, 2) holds all of the shape, up to `CUT_SLACK`."""
        return bool(shapes.within_convex(self.corners, ring, CUT_SLACK).all())

    def share_left(self, left: Outline) -> float:
        """The area of `left`, a part of this shape, as a share of the whole, 0 to 1; 1 where the whole has no area."""
        return left.area / self.area if self.area > 0 else 1.0

    def share_under(self, boxes: shapes.Boxes) -> float:
        """The share of the area, 0 to 1, that boxes (K, 4) cover which do not overlap; 0 for a shape without area."""
        covered = sum(self.clipped((x0, y0, x1, y1)).area for x0, y0, x1, y1 in boxes.tolist())
        return covered / self.area if self.area > 0 else 0.0


@dataclass(frozen=True, eq=False)
class PolygonOutline(Outline):
    """The closed `rings` of an object, each (P, 2) px; their areas add up."""

    rings: Rings

    @property
    def polygons(self) -> Rings:
        """The rings."""
        return self.rings

    @cached_property
    def corners(self) -> Points:
        """The corners of all rings."""
        return np.concatenate(self.rings) if self.rings else np.zeros((0, 2))

    @cached_property
    def area(self) -> float:
        """The sum of the areas of the rings."""
        return float(shape_area(self.rings))

    def clipped(self, edge: Edge) -> PolygonOutline:
        """The parts of the rings inside `edge` that have an area."""
        return PolygonOutline(clip_rings(self.rings, edge))


@dataclass(frozen=True, eq=False)
class BoxOutline(Outline):
    """The `ring` (P, 2) px that stands for an object of which only the box, oriented or upright, is known."""

    ring: Points

    @classmethod
    def of(cls, box: shapes.Boxes, affine: Affine) -> Self:
        """A box (4,) px, mapped by `affine`."""
        x0, y0, x1, y1 = box.tolist()
        return cls(affine(shapes.ring_around((x0, y0, x1, y1))))

    @property
    def corners(self) -> Points:
        """The points of the ring."""
        return self.ring

    @cached_property
    def area(self) -> float:
        """The area inside the ring."""
        return shapes.ring_area(self.ring) if len(self.ring) else 0.0

    def clipped(self, edge: Edge) -> BoxOutline:
        """The part of the ring inside `edge`."""
        return BoxOutline(_clip(self.ring, edge))


@dataclass(frozen=True, eq=False)
class MaskOutline(Outline):
    """The set pixels of a mask, measured on the grid that they were drawn on.

    A copy of a mask in a smaller image loses thin parts and has not exactly its area, so `affine` maps the original
    into the plane of the outline. `pixels` is bool (H, W). `window` (4,) is the part of the grid that is left, px; it
    may cut through pixels. `limits` (4,) is the box in the plane of the outline that holds what is left.
    """

    pixels: NDArray[np.bool_]
    affine: Affine
    window: shapes.Boxes
    limits: shapes.Boxes = field(default_factory=lambda: _NO_LIMITS)

    @classmethod
    def of(cls, mask: Rle, affine: Affine) -> Self:
        """All of a mask, mapped by `affine`."""
        return cls(mask.mask(), affine, np.array([0, 0, *mask.size], dtype=np.float64))

    @cached_property
    def corners(self) -> Points:
        """The outer corners of the first and the last pixel of each row."""
        x0, y0, x1, y1 = self.window.tolist()
        left, top = floor(x0 + _SLIVER), floor(y0 + _SLIVER)
        right, bottom = max(left, ceil(x1 - _SLIVER)), max(top, ceil(y1 - _SLIVER))
        corners = shapes.pixel_corners(self.pixels[top:bottom, left:right]) + np.array([left, top])
        mapped = self.affine(np.clip(corners, self.window[:2], self.window[2:]))
        return np.clip(mapped, self.limits[:2], self.limits[2:])

    @cached_property
    def area(self) -> float:
        """The area of the pixels, of those that the window cuts that of the part inside."""
        return self._count(self.window) * abs(self.affine.determinant)

    def clipped(self, edge: Edge) -> MaskOutline:
        """The part inside an upright rectangle, to fractions of a pixel; in a ring, the pixels whose centres it has."""
        if not isinstance(edge, np.ndarray) and self.affine.keeps_axes:
            box = np.array([(0, 0, *edge) if len(edge) == 2 else edge], dtype=np.float64)
            return replace(self, window=shapes.common_boxes(self.window, self._on_grid(box)[0]))
        ring = edge if isinstance(edge, np.ndarray) else shapes.ring_around(edge)
        rows, columns = np.nonzero(self.pixels)
        pixels = self.pixels.copy()
        pixels[rows, columns] = shapes.within_convex(self.affine(np.stack((columns + 0.5, rows + 0.5), axis=-1)), ring)
        limits = shapes.common_boxes(self.limits, shapes.hull(ring)) if len(ring) else np.zeros(4)
        return replace(self, pixels=pixels, limits=limits)

    def share_under(self, boxes: shapes.Boxes) -> float:
        """As of any outline; all boxes at once, for a mask may lie under many."""
        if not self.affine.keeps_axes:
            return super().share_under(boxes)
        covered = sum(map(self._count, self._on_grid(boxes)))
        return covered * abs(self.affine.determinant) / self.area if self.area > 0 else 0.0

    def _on_grid(self, boxes: shapes.Boxes) -> shapes.Boxes:
        """Boxes (K, 4) of the plane of the outline, on the grid of the mask."""
        return boxes if self.affine == Affine() else shapes.map_boxes(~self.affine, boxes)

    def _count(self, box: shapes.Boxes) -> float:
        """The number of set pixels that are left in a `box` (4,) px of the grid; a pixel that is cut counts in part."""
        low_x, low_y, high_x, high_y = self.window.tolist()
        x0, y0, x1, y1 = box.tolist()
        x0, y0, x1, y1 = max(x0, low_x), max(y0, low_y), min(x1, high_x), min(y1, high_y)
        if x1 <= x0 or y1 <= y0:
            return 0.0
        left, top, right, bottom = floor(x0), floor(y0), ceil(x1), ceil(y1)
        pixels = self.pixels[top:bottom, left:right]
        if (left, top, right, bottom) == (x0, y0, x1, y1):
            return float(np.count_nonzero(pixels))
        return float(_covered(top, bottom, y0, y1) @ pixels @ _covered(left, right, x0, x1))


class Outlines(msgspec.Struct, frozen=True, eq=False):
    """The outlines of the objects `moved` by `affine`; masks are measured on the grid of the `drawn` ones."""

    moved: Instances
    drawn: Instances
    affine: Affine

    @classmethod
    def of(cls, instances: Instances) -> Self:
        """The outlines of `instances` that no map has moved."""
        return cls(instances, instances, Affine())

    def stated(self, row: int) -> Outline | None:
        """The best outline in the labels of an object, even an empty one; None if it has only a box."""
        return next(self._kinds(row), None)

    def usable(self, row: int, box: shapes.Boxes | None = None) -> Outline | None:
        """The best outline that has an area, and meets the `box` (4,) of its object if one is given; None for none."""
        outlines = (outline for outline in self._kinds(row) if outline.area > _LINE)
        return next((outline for outline in outlines if box is None or _meet(outline, box)), None)

    def area_left(self, row: int, left: Outline | None, share: float) -> float:
        """The value of the `areas` column for an object of which the outline `left` or a `share` of its box is left.

        NaN stays NaN; a mask counts the pixels of the copy that is written.
        """
        stated, copy = float(self.moved.areas[row]), self.moved.masks[row]
        if np.isnan(stated):
            return stated
        if left is None:
            return stated * share
        return float(copy.area) if isinstance(left, MaskOutline) and copy is not None else left.area

    def _kinds(self, row: int) -> Iterator[Outline]:
        """The outlines of an object besides its box: in the order of `shapes_of`, then its oriented box."""
        for shape in shapes_of(self.moved.polygons[row], self.drawn.masks[row]):
            yield MaskOutline.of(shape, self.affine) if isinstance(shape, Rle) else PolygonOutline(shape)
        if np.isfinite(self.moved.oriented[row]).all():
            yield BoxOutline(self.moved.oriented[row])


def cut_oriented(instances: Instances, rows: NDArray[np.bool_], edge: Edge) -> Points:
    """The oriented boxes (N, 4, 2) of `instances`, of which `edge` cuts those at `rows` (N,): they become the smallest
    rectangles around what is left; NaN where nothing is.
    """
    cut = np.flatnonzero(rows & instances.has(Column.ORIENTED)).tolist()
    oriented = instances.oriented.copy() if cut else instances.oriented
    for row in cut:
        oriented[row] = cut_corners(oriented[row], edge)
    return oriented


def cut_corners(corners: Points, edge: Edge) -> Points:
    """The oriented box (4, 2) that `edge` leaves of `corners` (4, 2): an upright one of what is nearly a line, NaN
    where it leaves nothing, or there is none.
    """
    left = _clip(corners, edge) if np.isfinite(corners).all() else corners[:0]
    if left is corners:
        return corners
    if not len(left):
        return np.full((4, 2), np.nan)
    if shapes.ring_area(left) > _LINE:
        return refitted(corners, left)
    x0, y0, x1, y1 = shapes.hull(left).tolist()
    return shapes.ring_around((x0, y0, x1, y1))


def clip_rings(rings: Rings, edge: Edge) -> Rings:
    """The parts of closed rings inside `edge` that have an area."""
    parts = (_clip(ring, edge) for ring in rings)
    return tuple(part for part in parts if len(part) and shapes.ring_area(part) > 0)


def _clip(ring: Points, edge: Edge) -> Points:
    return shapes.clip_to_convex(ring, edge) if isinstance(edge, np.ndarray) else shapes.clip_ring(ring, edge)


def _meet(outline: Outline, box: shapes.Boxes) -> bool:
    return bool(shapes.common_boxes(outline.bounds, box).any())


def _covered(start: int, stop: int, low: float, high: float) -> NDArray[np.float64]:
    """The share of each pixel of an axis from `start` to `stop` between `low` and `high`, 0 to 1."""
    pixels = np.arange(start, stop)
    return np.asarray(np.clip(np.minimum(pixels + 1, high) - np.maximum(pixels, low), 0.0, 1.0))
