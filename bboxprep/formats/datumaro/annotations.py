"""Reads the annotations of an item of Datumaro as objects, and makes annotations of objects.

==================  ====================================================  ======================================
type                geometry, px, edges                                   object
==================  ====================================================  ======================================
bbox                ``bbox`` x, y, width, height; ``rotation`` among the  box; a turned one is an oriented box
                    attributes: degrees clockwise about the centre
polygon, ellipse    ``points``: of the ring, of the box of the ellipse    polygon; one of four points with our
                                                                          attribute ``oriented_box``: that
mask                ``rle``: COCO's compressed text, size height, width   mask
points, skeleton    ``points``, with ``visibility`` or in threes          keypoints
polyline, cuboid_2d ``points``                                            box around them, and a note
label, caption,     none in the image                                     none, and a note
cuboid_3d …
==================  ====================================================  ======================================

Annotations of one label and one ``group`` that is not 0 are one object, if they are at most one box, one mask and one
set of points. ``is_crowd``, ``score`` and ``track_id`` among the attributes are columns, ``z_order`` is an attribute.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats import record_values
from bboxprep.formats.object_records import Keypoint, ObjectRecord
from bboxprep.formats.record_values import UnusableRecord
from bboxprep.geometry.affine import Points
from bboxprep.geometry.decimals import lengths
from bboxprep.geometry.oriented import turned_corners
from bboxprep.geometry.shapes import ellipses_in
from bboxprep.io.lenient_json import excerpt, number, whole
from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.instance import Instance
from bboxprep.model.rle import Rle

CROWD, SCORE, TRACK, ROTATION, DEPTH = "is_crowd", "score", "track_id", "rotation", "z_order"
ORIENTED = "oriented_box"  # our attribute of a polygon that has the corners of an oriented box
_CORNERS = 4
_KINDS = frozenset({"bbox", "polygon", "ellipse", "mask", "points", "skeleton", "polyline", "cuboid_2d"})
_UNHELD = frozenset({"polyline", "cuboid_2d"})
_SINGLE = ("bbox", "mask", "points")  # of which an object has one at most
_MOST_TRACKS = 2**63


class _Part(msgspec.Struct, frozen=True):
    """One annotation: the one at `place`, of the class at `label`."""

    place: int
    kind: str
    label: str
    group: int
    attributes: Mapping[str, Any]
    shape: ObjectRecord


def read_annotations(
    records: Sequence[Any], names: Sequence[str], where: str
) -> tuple[list[ObjectRecord], list[Finding]]:
    """The objects of the annotations `records` of the item at `where`, and findings that name no file; `names` are
    those of the labels by number.
    """
    findings: list[Finding] = []
    unread, parts = Counter[str](), list[_Part]()
    for place, record in enumerate(records):
        kind = record.get("type") if isinstance(record, dict) else None
        if isinstance(kind, str) and kind not in _KINDS:
            unread[kind] += 1
            continue
        try:
            parts.append(_part(place, record_values.json_object(record, "a type"), names))
        except UnusableRecord as error:
            findings.append(error.finding(f"{where}.annotations[{place}]", ""))
            continue
        unread[parts[-1].kind] += parts[-1].kind in _UNHELD
    if unread := +unread:
        kinds = ", ".join(f"{count} {kind[:40]}" for kind, count in sorted(unread.items()))
        held = "; the box around each line and cuboid is kept" if unread.keys() & _UNHELD else ""
        findings.append(Finding("shape-unread", f"not read: {kinds}{held}", where=where))
    return [_object(own) for own in _grouped(parts)], findings


def _part(place: int, record: Mapping[str, Any], names: Sequence[str]) -> _Part:
    """The annotation `record`. Raises `UnusableRecord`."""
    number_, kind = record.get("label_id"), record.get("type")
    if not isinstance(kind, str):
        raise UnusableRecord("type", f"have {excerpt(kind)}, want bbox, polygon or the like")
    label = whole(number_)
    if label is None or not 0 <= label < len(names):
        problem = f"have {excerpt(number_)}, want the number of a label, below {len(names)}"
        raise UnusableRecord("label_id", problem, "category-unknown")
    stated = record.get("attributes")
    attributes = dict(stated) if isinstance(stated, dict) else {}
    if depth := whole(record.get(DEPTH)):
        attributes[DEPTH] = depth
    shape = _shape(kind, record, attributes, names[label])
    return _Part(place, kind, names[label], whole(record.get("group")) or 0, attributes, shape)


def _shape(kind: str, record: Mapping[str, Any], attributes: dict[str, Any], label: str) -> ObjectRecord:
    """The geometry of an annotation; takes the rotation of a box out of its `attributes`. Raises `UnusableRecord`."""
    if kind == "mask":
        mask = _mask(record.get("rle"))
        x0, y0, x1, y1 = mask.bounds.tolist()
        return ObjectRecord(label, (x0, y0, x1, y1), mask=mask)
    if kind == "bbox":
        x, y, wide, high = record_values.coordinates(_numbers(record, "bbox", 4), "bbox")
        degrees = number(attributes.get(ROTATION)) or 0.0
        if not math.isfinite(degrees) or not degrees % 360.0:
            return ObjectRecord(label, (x, y, x + wide, y + high))
        del attributes[ROTATION]
        turned = turned_corners((x, y, x + wide, y + high), degrees)
        return ObjectRecord(label, record_values.box_around(turned), oriented=turned)
    if kind in ("points", "skeleton"):
        points = _keypoints(record, threes=kind == "skeleton")
        seen = np.array([point[:2] for point in points if point[2]])
        if not len(seen):
            raise UnusableRecord("visibility", "no point lies in the image")
        return ObjectRecord(label, record_values.box_around(seen), keypoints=points)
    fewest = {"polygon": 6, "ellipse": 4}.get(kind, 4)
    flat = record_values.coordinates(_numbers(record, "points", fewest), "points")
    corners = np.array(flat).reshape(-1, 2)
    box = record_values.box_around(corners)
    if kind == "polygon" and len(corners) == _CORNERS and attributes.pop(ORIENTED, None) is True:
        return ObjectRecord(label, box, oriented=corners)
    if kind == "ellipse":
        return ObjectRecord(label, box, (ellipses_in(np.array([box]))[0],))
    return ObjectRecord(label, box, (corners,) if kind == "polygon" else ())


def _numbers(record: Mapping[str, Any], field: str, fewest: int) -> list[Any]:
    values = record.get(field)
    if not isinstance(values, list) or len(values) < fewest or len(values) % 2 or (field == "bbox" and len(values) > 4):
        raise UnusableRecord(field, f"have {excerpt(values)}, want {fewest} numbers or more, x and y")
    return values


def _mask(value: Any) -> Rle:
    counts, sides = (value.get("counts"), value.get("size")) if isinstance(value, dict) else (None, None)
    size = record_values.stated_size(*sides[::-1]) if isinstance(sides, list) and len(sides) == 2 else None
    if size is None or size.width * size.height > 1 << 28 or not isinstance(counts, str):
        raise UnusableRecord("rle", f"have {excerpt(value)}, want counts, a text, and size, height and width")
    try:
        mask = Rle.from_text(size, counts.encode("ascii"))
    except ValueError as error:
        raise UnusableRecord("rle.counts", f"cannot be read ({error})") from error
    if not mask.area:
        raise UnusableRecord("rle.counts", "the mask has no pixel")
    return mask


def _keypoints(record: Mapping[str, Any], *, threes: bool) -> tuple[Keypoint, ...]:
    """The points of an annotation: x, y and visibility in `threes`, or visibility in a list of its own."""
    values, flags = record.get("points"), record.get("visibility")
    width = 3 if threes else 2
    if not isinstance(values, list) or not values or len(values) % width or len(values) // width > MOST_KEYPOINTS:
        raise UnusableRecord("points", f"have {excerpt(values)}, want {width} numbers for each point")
    rows = [record_values.coordinates(values[at : at + width], "points") for at in range(0, len(values), width)]
    seen: list[Any] = [row[2] for row in rows] if threes else flags if isinstance(flags, list) else []
    shown = [min(max(whole(flag) or 0, 0), 2) for flag in seen] if len(seen) == len(rows) else [2] * len(rows)
    return tuple((row[0], row[1], flag) if flag else (0.0, 0.0, 0) for row, flag in zip(rows, shown, strict=True))


def _grouped(parts: Sequence[_Part]) -> list[list[_Part]]:
    """The annotations of each object, in the order of their first ones."""
    groups: dict[object, list[_Part]] = {}
    for part in parts:
        groups.setdefault((part.label, part.group) if part.group else (part.place,), []).append(part)
    found: list[list[_Part]] = []
    for own in groups.values():
        kinds = ["points" if part.kind == "skeleton" else part.kind for part in own]
        joined = max(map(kinds.count, _SINGLE)) < 2 and not _UNHELD & {*kinds}
        found += [own] if joined else [[part] for part in own]
    return sorted(found, key=lambda own: own[0].place)


def _object(parts: Sequence[_Part]) -> ObjectRecord:
    shapes = [part.shape for part in parts]
    boxes = [part.shape.box for part in parts if part.kind == "bbox"] or [shape.box for shape in shapes]
    attributes = {name: value for part in reversed(parts) for name, value in part.attributes.items()}
    crowd = attributes.pop(CROWD) if isinstance(attributes.get(CROWD), bool) else False
    score = float(attributes.pop(SCORE)) if type(attributes.get(SCORE)) in (int, float) else math.nan
    track = attributes.get(TRACK)
    is_track = type(track) is int and 0 <= track < _MOST_TRACKS
    return ObjectRecord(
        parts[0].label,
        record_values.box_around(np.array(boxes).reshape(-1, 2)),
        tuple(ring for shape in shapes for ring in shape.rings),
        next((shape.mask for shape in shapes if shape.mask is not None), None),
        next((shape.keypoints for shape in shapes if shape.keypoints), ()),
        crowd=crowd,
        score=score,
        attributes=attributes,
        track=attributes.pop(TRACK) if is_track else NO_TRACK,
        oriented=next((shape.oriented for shape in shapes if shape.oriented is not None), None),
    )


def annotation_records(one: Instance, row: int) -> list[dict[str, Any]]:
    """The annotations of the object `one`, the one at `row` of its item: its box, then what else it has, in a group."""
    attributes = dict(one.attributes)
    depth = attributes.pop(DEPTH) if type(attributes.get(DEPTH)) is int and attributes[DEPTH] else 0
    attributes |= {CROWD: True} if one.crowd else {}
    attributes |= {} if math.isnan(one.score) else {SCORE: float(one.score)}
    attributes |= {} if one.track == NO_TRACK else {TRACK: one.track}
    sides: list[float] = lengths(one.box[:2], one.box[2:]).tolist()
    shapes: list[dict[str, Any]] = [{"type": "bbox", "bbox": [*one.box[:2].tolist(), *sides]}]
    shapes += [{"type": "polygon", "points": ring.ravel().tolist()} for ring in one.polygons]
    if np.isfinite(one.oriented).all():
        shapes.append({"type": "polygon", "points": one.oriented.ravel().tolist(), "attributes": {ORIENTED: True}})
    if one.mask is not None and one.mask.area:
        size = [one.mask.size.height, one.mask.size.width]
        shapes.append({"type": "mask", "rle": {"counts": one.mask.text().decode("ascii"), "size": size}})
    if one.visibility.any():
        points, flags = _flat(one.keypoints), one.visibility.tolist()
        shapes.append({"type": "points", "points": points, "visibility": flags})
    common = {"group": row + 1 if len(shapes) > 1 else 0, "label_id": one.label}
    return [
        {"id": 0, "attributes": {} if number else attributes, **shape, **common, DEPTH: depth}
        for number, shape in enumerate(shapes)
    ]


def _flat(points: Points) -> list[float]:
    found: list[float] = points.ravel().tolist()
    return found
