"""Reads the labels of an image of Supervisely as objects.

============  ====================================================  ==============================================
geometryType  geometry                                              object
============  ====================================================  ==============================================
rectangle     two opposite corners                                  box
polygon       ``exterior``, and holes in ``interior``               polygon; a hole is joined to its rim by a seam
bitmap        base64 of a zlib stream of a PNG, and its ``origin``  mask
oriented_bbox two corners before the turn, ``angle`` in radians     oriented box
graph         ``nodes``                                             keypoints
line, cuboid  points                                                box around them, and a note
point         one point                                             no area
============  ====================================================  ==============================================

**Convention.** A project that was downloaded has whole numbers, those of pixels: the last pixel of a rectangle is in
it, points are centres of pixels. A file with any decimals has edges (`SuperviselyReadOptions.units`). A turn is
clockwise about the centre of the box.

Labels of one class and one ``instance`` are one object, if they are at most one rectangle, one bitmap and one graph.
Tags are attributes, and so is a ``description``.
"""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from math import degrees
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.object_records import Box, Keypoint, ObjectRecord
from bboxprep.formats.record_values import UnusableRecord, box_around, class_name, coordinates, corners, json_object
from bboxprep.formats.supervisely.options import LabelUnits
from bboxprep.formats.text_values import decode_value
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.oriented import turned_corners
from bboxprep.geometry.shapes import one_ring
from bboxprep.io.lenient_json import excerpt, whole
from bboxprep.io.png import read_png
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle

DESCRIPTION, INSTANCE = "description", "instance"
_MOST_PIXELS = 1 << 26  # of the PNG of a mask
_UNHELD = frozenset({"line", "cuboid", "point"})
_SINGLE = ("rectangle", "bitmap", "graph", "oriented_bbox")  # of which an object has one at most


class _Shape(msgspec.Struct, frozen=True):
    """The geometry of one label."""

    box: Box
    rings: Rings = ()
    mask: Rle | None = None
    keypoints: tuple[Keypoint, ...] = ()
    oriented: Points | None = None


class _Label(msgspec.Struct, frozen=True):
    """One label: the one at `place`."""

    place: int
    kind: str
    name: str
    instance: str
    attributes: Mapping[str, Any]
    shape: _Shape


def read_objects(
    records: Sequence[Any], size: Size | None, units: LabelUnits, nodes: Mapping[str, Sequence[str]]
) -> tuple[list[ObjectRecord], list[Finding]]:
    """The objects of the `records` of a file, and findings about them that name no file; `nodes` are the ids of the
    keypoints of each class.
    """
    exact = _has_decimals([_geometry(record) for record in records]) if units == "auto" else units == "subpixel"
    findings: list[Finding] = []
    unread = Counter[str]()
    labels: list[_Label] = []
    for place, record in enumerate(records):
        try:
            label = _label(place, record, exact, nodes, size)
        except UnusableRecord as error:
            findings.append(
                error.finding(f"objects[{place}]", record.get("classTitle") if isinstance(record, dict) else None)
            )
            continue
        labels.append(label)
        if label.kind in _UNHELD:
            unread[label.kind] += 1
        if label.kind == "bitmap" and label.shape.mask is None:
            words = "the file states no size of the image to place it in; the box is kept"
            findings.append(Finding("shape-unreadable", words, where=f"objects[{place}].bitmap"))
    if unread:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(unread.items()))
        findings.append(Finding("shape-unread", f"not read: {kinds}; the box around each is kept"))
    return [_object(parts) for parts in _grouped(labels)], findings


def _geometry(record: Any) -> Any:
    """The coordinates in a record: its ``points``, which some tools put into ``geometry``, or its ``nodes``."""
    if not isinstance(record, dict):
        return None
    inner = record.get("geometry")
    return record.get("points") or (inner.get("points") if isinstance(inner, dict) else None) or record.get("nodes")


def _has_decimals(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_decimals, value.values()))
    return any(map(_has_decimals, value)) if isinstance(value, list) else isinstance(value, float)


def _label(place: int, record: Any, exact: bool, nodes: Mapping[str, Sequence[str]], size: Size | None) -> _Label:
    """The label that `record` describes; `exact`: its coordinates are edges. Raises `UnusableRecord`."""
    record = json_object(record, "classTitle and geometryType")
    name, kind = class_name(record.get("classTitle"), "classTitle"), record.get("geometryType")
    if kind == "bitmap":
        shape = _bitmap(record.get("bitmap"), size)
    elif kind == "graph":
        shape = _graph(_geometry(record), nodes.get(name, ()), 0.0 if exact else 0.5)
    elif kind in ("rectangle", "oriented_bbox", "polygon", *_UNHELD):
        shape = _outline(record, kind, exact)
    else:
        raise UnusableRecord("geometryType", f"have {excerpt(kind)}, want rectangle, polygon, bitmap or the like")
    instance = record.get(INSTANCE)
    return _Label(place, kind, name, instance if isinstance(instance, str) else "", _attributes(record), shape)


def _outline(record: Mapping[str, Any], kind: str, exact: bool) -> _Shape:
    """The shape of a label that has points. Raises `UnusableRecord`."""
    geometry, centre = _geometry(record), 0.0 if exact else 0.5
    stated, inner = (geometry.get("exterior"), geometry.get("interior")) if isinstance(geometry, dict) else (None, None)
    outer = corners(stated, "points.exterior", {"polygon": 3, "point": 1}.get(kind, 2))
    if kind == "polygon":
        holes = [corners(hole, "points.interior", 3) for hole in inner] if isinstance(inner, list) else []
        ring = _with_holes(outer, holes) + centre
        return _Shape(box_around(ring), (ring,))
    if kind not in ("rectangle", "oriented_bbox"):
        return _Shape(box_around(outer + centre))
    x0, y0, x1, y1 = box_around(outer)
    box = (x0, y0, x1, y1) if exact else (x0, y0, x1 + 1.0, y1 + 1.0)
    if kind == "rectangle":
        return _Shape(box)
    (angle,) = coordinates([record.get("angle", 0)], "angle")
    turned = turned_corners(box, degrees(angle))
    return _Shape(box_around(turned), oriented=turned)


def _with_holes(outer: Points, holes: Sequence[Points]) -> Points:
    """The ring `outer` and its `holes`, which go round the other way, as one ring."""
    turn = np.sign(_signed_area(outer))
    ring = one_ring([outer, *(hole if np.sign(_signed_area(hole)) != turn else hole[::-1] for hole in holes)])
    return outer if ring is None else ring


def _signed_area(ring: Points) -> float:
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def _graph(nodes: Any, ids: Sequence[str], centre: float) -> _Shape:
    """The keypoints with the `ids` of a class; a disabled one is hidden. Raises `UnusableRecord`."""
    known = nodes if isinstance(nodes, dict) else {}
    points: list[Keypoint] = []
    for name in ids:
        node = known.get(name)
        if isinstance(node, dict):
            ((x, y),) = (corners([node.get("loc")], f"nodes.{name}.loc", 1) + centre).tolist()
            points.append((x, y, 1 if node.get("disabled") is True else 2))
        else:
            points.append((0.0, 0.0, 0))
    seen = np.array([point[:2] for point in points if point[2]])
    if not len(seen):
        raise UnusableRecord("nodes", "no node of the graph is a keypoint of its class")
    return _Shape(box_around(seen), keypoints=tuple(points))


def _bitmap(value: Any, size: Size | None) -> _Shape:
    """The mask of a label, without one where no `size` is known. Raises `UnusableRecord`."""
    bitmap = value if isinstance(value, dict) else {}
    data, origin = bitmap.get("data"), bitmap.get("origin")
    left, top = (whole(origin[0]), whole(origin[1])) if isinstance(origin, list) and len(origin) == 2 else (None, None)
    if left is None or top is None or not isinstance(data, str):
        raise UnusableRecord("bitmap", "want data, a text, and origin, a pixel x, y")
    coordinates([left, top], "bitmap.origin")
    try:
        pixels = read_png(_inflated(base64.b64decode(data, validate=True)), _MOST_PIXELS)
    except ValueError as error:
        raise UnusableRecord("bitmap.data", f"cannot be read ({error})") from error
    crop = np.asarray((pixels[..., -1:] if pixels.shape[2] in (2, 4) else pixels).any(axis=2), dtype=np.bool_)
    rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(axis=0))
    if not len(rows):
        raise UnusableRecord("bitmap.data", "the mask has no pixel")
    box = box_around(np.array([[left + columns[0], top + rows[0]], [left + columns[-1] + 1, top + rows[-1] + 1]]))
    return _Shape(box, mask=None if size is None else Rle.from_crop(crop, (left, top), size))


def _inflated(data: bytes) -> bytes:
    """The PNG in `data`, which older tools do not compress once more."""
    try:
        return zlib.decompressobj().decompress(data, 4 * _MOST_PIXELS)
    except zlib.error:
        return data


def _attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of a label, one without a value as true, and its description."""
    listed = record.get("tags")
    tags = [tag for tag in listed if isinstance(tag, dict)] if isinstance(listed, list) else []
    found: dict[str, Any] = {}
    for tag in tags:
        name, value = tag.get("name"), tag.get("value")
        if isinstance(name, str) and name:
            found[name] = True if value is None else decode_value(value) if isinstance(value, str) else value
    words = record.get(DESCRIPTION)
    return found | ({DESCRIPTION: words} if isinstance(words, str) and words else {})


def _grouped(labels: Sequence[_Label]) -> list[list[_Label]]:
    """The labels of each object, in the order of their first ones."""
    groups: dict[object, list[_Label]] = {}
    for label in labels:
        groups.setdefault((label.name, label.instance) if label.instance else label.place, []).append(label)
    found: list[list[_Label]] = []
    for parts in groups.values():
        kinds = [part.kind for part in parts]
        joined = max(map(kinds.count, _SINGLE)) < 2 and not _UNHELD & {*kinds}
        found += [parts] if joined else [[part] for part in parts]
    return sorted(found, key=lambda parts: parts[0].place)


def _object(parts: Sequence[_Label]) -> ObjectRecord:
    shapes = [part.shape for part in parts]
    boxes = [part.shape.box for part in parts if part.kind == "rectangle"] or [shape.box for shape in shapes]
    return ObjectRecord(
        parts[0].name,
        box_around(np.array(boxes).reshape(-1, 2)),
        tuple(ring for shape in shapes for ring in shape.rings),
        next((shape.mask for shape in shapes if shape.mask is not None), None),
        next((shape.keypoints for shape in shapes if shape.keypoints), ()),
        oriented=next((shape.oriented for shape in shapes if shape.oriented is not None), None),
        attributes={name: value for part in reversed(parts) for name, value in part.attributes.items()},
    )
