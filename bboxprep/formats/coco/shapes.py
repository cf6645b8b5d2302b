"""Parses the geometry of a COCO annotation: `segmentation` (polygons, RLE), `keypoints`, oriented boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import hull
from bboxprep.io.lenient_json import excerpt, number, numbers, whole
from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle
from bboxprep.model.validation import FARTHEST

Box = tuple[float, float, float, float]  # x0 y0 x1 y1, px
Triples = tuple[tuple[float, float, int], ...]  # x y px, as COCO counts them, and visibility

LARGEST = 1e18  # of an area or a score, so that a recipe cannot scale it to infinity
_CORNERS = 8  # numbers of four corners
_MOST_PIXELS = 2**63  # more cannot be counted


class Shape(msgspec.Struct, frozen=True):
    """The outline of one object: rings, or a mask, or neither."""

    rings: Rings = ()
    mask: Rle | None = None
    is_whole: bool = True  # False where a part cannot be read and is left out

    def __bool__(self) -> bool:
        return bool(self.rings) or self.mask is not None

    def hull(self) -> Box | None:
        """The box around it, or None where it has no outline."""
        if self.rings:
            return _edges(hull(np.concatenate(self.rings)))
        return _edges(self.mask.bounds) if self.mask is not None and self.mask.area else None


_LOST = Shape(is_whole=False)
_LEFT_OUT = "left out; the box is kept"


def read_shape(value: object) -> tuple[Shape, str]:
    """The rings or the mask of a `segmentation`, and messages about parts that are left out or repaired."""
    if isinstance(value, dict):
        return _read_mask(value)
    if value is None or value == []:
        return Shape(), ""
    if not isinstance(value, list):
        return _LOST, f"have {excerpt(value)}, want polygons or a run-length mask; {_LEFT_OUT}"
    bare = number(value[0]) is not None
    points = all(_is_pair(part) for part in value)
    parts = [value] if bare or points else value
    rings = tuple(ring for ring in map(_read_ring, parts) if ring is not None)
    if lost := len(parts) - len(rings):
        kept = f"left out; the box and {_polygons(len(rings))} are kept" if rings else _LEFT_OUT
        words = (
            f"{lost} of {_polygons(len(parts))} {'is' if lost == 1 else 'are'} not six or more finite numbers in pairs"
        )
        return Shape(rings, is_whole=False), f"{words}; {kept}"
    if points or any(_is_pair(part[0]) for part in parts):
        return Shape(rings), "a list of points x, y; taken as a polygon"
    return Shape(rings), "a bare polygon; taken as a list of one" if bare else ""


def read_keypoints(value: object) -> tuple[Triples, str]:
    """The points of `keypoints`; or () and a message if they are not valid."""
    if value is None or value == []:
        return (), ""
    read = numbers(value)
    if read is None or len(read) % 3 or not _near(read) or not set(read[2::3]) <= {0.0, 1.0, 2.0}:
        return (), f"have {excerpt(value)}, want x, y and 0, 1 or 2 for each point; {_LEFT_OUT}"
    if len(read) > 3 * MOST_KEYPOINTS:
        return (), f"have {len(read) // 3:,} points, want at most {MOST_KEYPOINTS}; {_LEFT_OUT}"
    return tuple(zip(read[::3], read[1::3], map(int, read[2::3]), strict=True)), ""


def read_corners(value: object) -> tuple[Points | None, str]:
    """The corners (4, 2) px of an oriented box; or None and a message if they are not valid."""
    if value is None:
        return None, ""
    read = numbers(value)
    if read is None or len(read) != _CORNERS or not _near(read):
        return None, f"have {excerpt(value)}, want x and y of four corners; left out"
    return np.array(read, dtype=np.float64).reshape(-1, 2), ""


def _polygons(count: int) -> str:
    return f"{count} polygon{'' if count == 1 else 's'}"


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and numbers(value) is not None


def _read_ring(value: object) -> Points | None:
    """The points (P, 2) of a polygon, whose numbers stand in one list or in pairs; None for anything else."""
    pairs = isinstance(value, list) and bool(value) and all(map(_is_pair, value))
    read = numbers([number for pair in value for number in pair] if isinstance(value, list) and pairs else value)
    if read is None or len(read) < 6 or len(read) % 2 or not _near(read):
        return None
    return np.array(read, dtype=np.float64).reshape(-1, 2)


def _near(values: Sequence[float]) -> bool:
    return all(abs(value) < FARTHEST for value in values)


def _read_mask(value: Mapping[str, Any]) -> tuple[Shape, str]:
    size, counts = _sides(value.get("size")), value.get("counts")
    if size is None:
        return _LOST, f"size: have {excerpt(value.get('size'))}, want a height and a width; {_LEFT_OUT}"
    try:
        if isinstance(counts, str):
            return Shape(mask=Rle.from_text(size, counts.encode("ascii"))), ""
        given = counts if isinstance(counts, list) else [None]
        runs = [run if type(run) is int else whole(run) for run in given]
        read = tuple(run for run in runs if run is not None)
        if len(read) < len(runs):
            return _LOST, f"counts: have {excerpt(counts)}, want whole numbers; {_LEFT_OUT}"
        return Shape(mask=Rle(size, read, compressed=False)), ""
    except ValueError as error:
        return _LOST, f"counts: {error}; {_LEFT_OUT}"


def _sides(value: object) -> Size | None:
    """The `Size` of COCO's [height, width]."""
    sides = [whole(side) or 0 for side in value] if isinstance(value, list) else []
    right = len(sides) == 2 and min(sides) > 0 and math.prod(sides) < _MOST_PIXELS
    return Size(sides[1], sides[0]) if right else None


def _edges(box: Points) -> Box:
    x0, y0, x1, y1 = box.tolist()
    return x0, y0, x1, y1
