"""The geometry of the regions of Label Studio, in px: `regions` says what is stated of each kind."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from bboxprep.formats.labelstudio.brush import brush_bytes, decode_brush
from bboxprep.formats.labelstudio.options import ORIENTED
from bboxprep.formats.outlines import ellipse_ring
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.shapes import Boxes, hull, ring_around
from bboxprep.io.lenient_json import excerpt, number, numbers, whole
from bboxprep.io.png import read_png
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle
from bboxprep.model.validation import FARTHEST

KEYPOINT = "keypoint"
_CORNERS = 4  # of an oriented box
_PLACES = 9  # decimals of a coordinate in px: percent of whole pixels are no whole numbers
_MOST_PIXELS = 1 << 28
_LONGEST_SIDE = 2**31
_NUMBERS = {
    "rectangle": ("x", "y", "width", "height"),
    "ellipse": ("x", "y", "radiusX", "radiusY"),
    KEYPOINT: ("x", "y"),
}
POINTS = {"polygon": "points", "vector": "vertices"}
"""The key of the points of kinds that may be open lines, of which the box around them is held."""

_MASKS = {"brush": "rle", "bitmask": "imageDataURL"}
KINDS = _NUMBERS.keys() | POINTS.keys() | _MASKS.keys()


class UnusableRegion(Exception):
    """A region that is dropped: the field, and why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field, self.problem = field, problem


def stated_size(records: Iterable[object]) -> Size | None:
    """The size of the image that the first of `records` states; None without one."""
    for record in records:
        if isinstance(record, dict):
            sides = [whole(record.get(key)) or 0 for key in ("original_width", "original_height")]
            if all(0 < side < _LONGEST_SIDE for side in sides):
                return Size(*sides)
    return None


def corners_of_rectangle(corner: Points, width: float, height: float, degrees: float) -> Points:
    """The corners (4, 2) px of a rectangle that is turned about its first `corner` (2,), clockwise as seen."""
    x, y = corner.tolist()
    return Affine.rotation(degrees).about(x, y)(ring_around((x, y, x + width, y + height)))


class RegionGeometry(msgspec.Struct, frozen=True):
    """The box (4,) px of a region, its rings, its mask, and the corners (4, 2) px of its oriented box."""

    box: Boxes
    rings: Rings = ()
    mask: Rle | None = None
    oriented: Points | None = None


def geometry_of_region(kind: str, record: Mapping[str, Any], size: Size, *, with_masks: bool) -> RegionGeometry:
    """The geometry of a region in an image of `size`. Raises `UnusableRegion`."""
    value = value_of(record)
    if kind in _MASKS:
        mask = _mask(kind, record) if with_masks else None
        if mask is None or not mask.area:
            return RegionGeometry(np.zeros(4), mask=mask)
        return RegionGeometry(np.round(mask.bounds * np.tile(np.divide(size, mask.size), 2), _PLACES), mask=mask)
    if key := POINTS.get(kind):
        ring = _scaled(list(_points(value.get(key), key)), size)
        closed = len(ring) > 2 and (kind == "polygon" or value.get("closed") is True)
        if _is_oriented(record) and len(ring) == _CORNERS:
            return RegionGeometry(hull(ring), oriented=ring)
        return RegionGeometry(hull(ring), (ring,) if closed else ())
    stated = [number(value.get(key)) for key in _NUMBERS[kind]]
    for key, one in zip(_NUMBERS[kind], stated, strict=True):
        if one is None or not abs(one) < FARTHEST:
            raise UnusableRegion(key, f"have {excerpt(value.get(key))}, want a number")
    pairs = _scaled(list(zip(stated[::2], stated[1::2], strict=True)), size)
    turn = number(value.get("rotation", record.get("rotation"))) or 0.0
    if not abs(turn) < FARTHEST:
        raise UnusableRegion("rotation", f"have {excerpt(value.get('rotation'))}, want degrees")
    if kind == "ellipse":
        (x, y), (wide, high) = pairs.tolist()
        ring = ellipse_ring(x, y, wide, high, turn % 360.0)[1]
        return RegionGeometry(hull(ring), (ring,))
    if kind == "rectangle" and (turn % 360.0 or _is_oriented(record)):
        width, height = pairs[1].tolist()
        corners = corners_of_rectangle(pairs[0], width, height, turn % 360.0)
        return RegionGeometry(hull(corners), oriented=corners)
    far = pairs[0] + (pairs[1] if len(pairs) > 1 else 0.0)
    return RegionGeometry(np.round(np.concatenate((pairs[0], far)), _PLACES))


def _is_oriented(record: Mapping[str, Any]) -> bool:
    meta = record.get("meta")
    return isinstance(meta, dict) and meta.get(ORIENTED) is True


def _points(points: object, key: str) -> Iterator[tuple[float, float]]:
    for point in points if isinstance(points, list) else ():
        pair = numbers([point.get("x"), point.get("y")] if isinstance(point, dict) else point)
        if pair is None or len(pair) != 2 or not max(map(abs, pair)) < FARTHEST:
            raise UnusableRegion(key, f"have {excerpt(point)}, want a point x, y")
        yield pair[0], pair[1]
    if not points or not isinstance(points, list):
        raise UnusableRegion(key, f"have {excerpt(points)}, want points x, y")


def _scaled(pairs: Sequence[tuple[Any, Any]], size: Size) -> Points:
    """`pairs` of percent as px, float64 (P, 2)."""
    shares: Points = np.array(pairs, dtype=np.float64) / 100.0
    return np.asarray(np.round(shares * np.array(size), _PLACES) + 0.0)


def _mask(kind: str, record: Mapping[str, Any]) -> Rle:
    """The mask of a region, of the size that it states. Raises `UnusableRegion`."""
    field, size = _MASKS[kind], stated_size([record])
    data = value_of(record).get(field)
    if size is None:
        raise UnusableRegion(field, "want original_width and original_height beside the mask")
    try:
        if kind == "brush":
            return decode_brush(brush_bytes(data), size)
        text = data if isinstance(data, str) else ""
        pixels = read_png(base64.b64decode(text.partition(",")[2], validate=True), _MOST_PIXELS)
        return Rle.from_crop(pixels[:, :, -1] > 0, (0, 0), size)
    except (ValueError, OverflowError) as error:
        raise UnusableRegion(field, f"cannot be read ({error})") from error


def value_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The value of an item; empty where it has none."""
    value = record.get("value")
    return value if isinstance(value, dict) else {}
