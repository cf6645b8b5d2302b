"""Parses the elements of shapes into `CvatShape`, and gives the geometry of one.

Coordinates are edges in px as they stand. A box may be turned about its centre, by degrees clockwise as seen. A mask
states the runs of the rows of its own box, the first run of zeros. Of what the model lacks (a line, a cuboid) the box
around it is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.cvat.fields import TRACK, own_attributes
from bboxprep.formats.outlines import ellipse_ring
from bboxprep.formats.text_values import decode_value
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.oriented import turned_corners
from bboxprep.geometry.shapes import Boxes, hull
from bboxprep.io.hashing import bytes_sha256
from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle
from bboxprep.model.validation import FARTHEST

SHAPES = frozenset({"box", "polygon", "polyline", "points", "ellipse", "mask", "cuboid", "skeleton"})
UNHELD = frozenset({"polyline", "cuboid"})
"""The shapes of which only the box around them is held."""

_NUMBERS = {
    "box": ("xtl", "ytl", "xbr", "ybr"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "mask": ("left", "top", "width", "height"),
    "cuboid": tuple(f"{axis}{corner}{face}" for face in "12" for corner in ("tl", "bl", "tr", "br") for axis in "xy"),
}
_LEAST = {"polygon": 3, "polyline": 2, "points": 1}
_MOST_PIXELS = 1 << 28  # of a mask's box
_MOST_TRACKS = 2**63

Joint = tuple[str, float, float, int]  # a keypoint of a skeleton: its name, x, y, and visibility as in COCO


class CvatShape(msgspec.Struct, frozen=True):
    """One shape of an image. `numbers` are those that its element states, in px: the corners of a box and its rotation,
    the centre, the radii and the rotation of an ellipse, the box of a mask, else x and y of each point. `runs` are
    those of a mask; `joints` those of a skeleton, and of another shape in a group with one; `box` is that of an
    outline in a group with one.
    """

    tag: str
    label: str
    numbers: tuple[float, ...]
    attributes: Mapping[str, Any]
    track: int = NO_TRACK
    runs: tuple[int, ...] = ()
    joints: tuple[Joint, ...] = ()
    box: tuple[float, ...] = ()


class Geometry(msgspec.Struct, frozen=True):
    """The geometry of an object: its box (4,), its rings or mask, the corners (4, 2) of its oriented box, and its
    keypoints (K, 3) x y px and visibility.
    """

    box: Boxes
    rings: Rings = ()
    mask: Rle | None = None
    keypoints: Points | None = None
    oriented: Points | None = None


class UnreadableShape(Exception):
    """A shape is invalid: the XML attribute, and why."""

    def __init__(self, name: str, problem: str, code: str = "record-unreadable") -> None:
        super().__init__(name, problem)
        self.name, self.problem, self.code = name, problem, code

    def finding(self, where: str, label: str) -> Finding:
        """The finding about the shape at `where`, of the class `label`."""
        return Finding(self.code, self.problem, "", f"{where}/@{self.name}", 1, label)


def digest_of(shapes: Iterable[CvatShape]) -> str:
    """The SHA-256 of the `shapes` of an image, the same for those that are written and those that are read."""
    text = repr([msgspec.structs.astuple(shape) for shape in shapes])
    return bytes_sha256(text.encode("utf-8", "surrogatepass"))


def read_shape(element: Element, label: str | None = None) -> CvatShape:
    """The shape in `element`; `label` is that of its track. Raises `UnreadableShape`."""
    stated = element.attrib
    name = stated.get("label", "") if label is None else label
    if not name.strip():
        raise UnreadableShape("label", "is missing or empty")
    attributes = own_attributes(stated)
    for child in element.iterfind("attribute"):
        attributes.pop(child.get("name", ""), None)
        attributes[child.get("name", "")] = decode_value(child.text or "")
    track = attributes.get(TRACK)
    track = attributes.pop(TRACK) if isinstance(track, int) and holds_track(track) else NO_TRACK
    joints = tuple(map(_joint, element.iterfind("points"))) if element.tag == "skeleton" else ()
    if element.tag == "skeleton" and not any(seen for *_, seen in joints):
        raise UnreadableShape("points", "no point of the skeleton lies in the image")
    numbers = _numbers(element.tag, stated)
    return CvatShape(
        tag=element.tag,
        label=name,
        numbers=numbers,
        attributes=attributes,
        track=track,
        runs=_runs(stated.get("rle", ""), numbers) if element.tag == "mask" else (),
        joints=joints,
    )


def holds_track(track: int) -> bool:
    """Whether the number of a track comes back from an attribute."""
    return type(track) is int and 0 <= track < _MOST_TRACKS


def _numbers(tag: str, stated: Mapping[str, str]) -> tuple[float, ...]:
    if tag == "skeleton":
        return ()
    if names := _NUMBERS.get(tag):
        turned = (_number("rotation", stated.get("rotation", "0")),) if tag in ("box", "ellipse") else ()
        return (*[_number(name, stated.get(name)) for name in names], *turned)
    numbers = _pairs(stated.get("points"))
    if not 2 * _LEAST[tag] <= len(numbers) <= (2 * MOST_KEYPOINTS if tag == "points" else len(numbers)):
        most = f" to {MOST_KEYPOINTS}" if tag == "points" else " or more"
        raise UnreadableShape("points", f"have {len(numbers) // 2} points, want {_LEAST[tag]}{most}")
    return numbers


def _pairs(text: str | None) -> tuple[float, ...]:
    pairs = [pair.split(",") for pair in (text or "").split(";") if pair.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise UnreadableShape("points", "want x,y;x,y")
    return tuple([_number("points", part) for pair in pairs for part in pair])


@lru_cache(maxsize=1 << 12)
def _number(name: str, text: str | None) -> float:
    if text is None:
        raise UnreadableShape(name, "is missing")
    try:
        value = float(text)
    except ValueError:
        raise UnreadableShape(name, f"have {text[:40]!r}, want a number") from None
    if not abs(value) < FARTHEST:
        raise UnreadableShape(name, f"have {text[:40]!r}, want a finite number below {FARTHEST:g}", "box-not-finite")
    return value


def _joint(element: Element) -> Joint:
    """A point of a skeleton: outside is 0, occluded 1, else 2."""
    numbers = _pairs(element.get("points"))
    if len(numbers) != 2:
        raise UnreadableShape("points", f"a point of the skeleton has {len(numbers)} numbers, want 2")
    seen = 0 if element.get("outside") == "1" else 1 if element.get("occluded") == "1" else 2
    return element.get("label", ""), numbers[0], numbers[1], seen


def _runs(text: str, box: tuple[float, ...]) -> tuple[int, ...]:
    """The runs of a mask, which fill its `box` (left, top, width, height)."""
    *_, width, height = box
    if not all(number.is_integer() for number in box) or min(width, height) < 1 or width * height > _MOST_PIXELS:
        raise UnreadableShape("width", f"have a box of {width:g}x{height:g}, want whole numbers of pixels")
    try:
        runs = tuple(map(int, text.split(","))) if text.strip() else ()
    except ValueError:
        raise UnreadableShape("rle", f"have {text[:40]!r}, want lengths of runs") from None
    if min(runs, default=0) < 0 or sum(runs) != width * height:
        raise UnreadableShape("rle", f"runs sum to {sum(runs)}, want {width * height:g}")
    return runs


def geometry_of(shape: CvatShape, keypoints: tuple[str, ...], size: Size | None) -> Geometry:
    """The geometry of `shape`, of a class with the `keypoints`; in an image of `size`, without which a mask is left
    out.
    """
    geometry = _geometry(shape, keypoints, size)
    if shape.box:
        geometry = msgspec.structs.replace(geometry, box=np.array(shape.box))
    if shape.tag == "skeleton" or not shape.joints:
        return geometry
    return msgspec.structs.replace(geometry, keypoints=_points(shape.joints, keypoints))


def _geometry(shape: CvatShape, keypoints: tuple[str, ...], size: Size | None) -> Geometry:
    """The same of a shape without the keypoints of its group."""
    numbers = np.array(shape.numbers)
    match shape.tag:
        case "box":
            return _turned(numbers[:4], shape.numbers[4])
        case "ellipse":
            box, ring = ellipse_ring(*shape.numbers)
            return Geometry(box, rings=(ring,))
        case "mask":
            if size is None:
                return Geometry(np.concatenate((numbers[:2], numbers[:2] + numbers[2:])))
            mask = _mask(shape.runs, shape.numbers, size)
            return Geometry(mask.bounds if mask.area else np.zeros(4), mask=mask)
        case "skeleton":
            points = _points(shape.joints, keypoints)
            there = points[points[:, 2] > 0, :2]
            return Geometry(hull(there) if len(there) else np.zeros(4), keypoints=points)
    points = numbers.reshape(-1, 2)
    if shape.tag == "points":
        return Geometry(hull(points), keypoints=np.column_stack((points, np.full(len(points), 2.0))))
    return Geometry(hull(points), rings=(points,) if shape.tag == "polygon" else ())


def _turned(box: Boxes, degrees: float) -> Geometry:
    """`box` turned about its centre: an oriented box whose first side is the upper one before the turn.

    A full turn, which the writer states, and a track between others, is that of an oriented box that stands upright.
    """
    if not degrees:
        return Geometry(box)
    corners = turned_corners(box.tolist(), degrees)
    return Geometry(hull(corners), oriented=corners)


def _points(joints: tuple[Joint, ...], keypoints: tuple[str, ...]) -> Points:
    """The `joints` (K, 3) in the order of `keypoints`, the names of their class; of names that it lacks none. Those
    without names keep their order.
    """
    if all(not name for name, *_ in joints):
        return np.array([joint[1:] for joint in joints], dtype=np.float64)
    free: list[str | None] = [*keypoints]
    points = np.zeros((len(keypoints), 3))
    for name, x, y, seen in joints:
        if name in free:
            row = free.index(name)
            free[row] = None  # of two points of one name each takes the next place
            points[row] = (x, y, seen) if seen else 0.0
    return points


def _mask(runs: tuple[int, ...], box: tuple[float, ...], size: Size) -> Rle:
    """The mask in an image of `size`, cut at its edges."""
    left, top, width, height = map(int, box)
    values = np.zeros(len(runs), dtype=np.bool_)
    values[1::2] = True
    pixels = np.repeat(values, runs).reshape(height, width)
    return Rle.from_crop(pixels, (left, top), size)
