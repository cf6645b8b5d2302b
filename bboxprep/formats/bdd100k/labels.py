"""Reads the labels of a frame of BDD100K or Scalabel as objects, and makes labels of objects.

``box2d`` states the first and the last pixel of a box, also where it has decimals: its edges are x1, y1, x2 + 1,
y2 + 1. The vertices of ``poly2d`` are edges; those of type C are control points of Bezier curves, which become points.
``rle`` is COCO's compressed text. Of a line (not closed) only the box around it is held. The nodes of a ``graph`` are
keypoints of their category's name. ``crowd`` among the attributes is the column, the other attributes stay such.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats import record_values
from bboxprep.formats.object_records import Box, Keypoint, ObjectRecord
from bboxprep.formats.record_values import UnusableRecord
from bboxprep.geometry.affine import Points
from bboxprep.io.lenient_json import excerpt, number, whole
from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.instance import Instance
from bboxprep.model.rle import Rle

CROWD = "crowd"
DRAWN = frozenset({"lane", "drivable area"})
"""The categories of BDD100K that are parts of the road and no objects."""

_CORNERS = ("x1", "y1", "x2", "y2")
_STEPS = 12  # points of a Bezier curve
_MOST_PIXELS = 1 << 28  # of a mask
_MOST_TRACKS = 2**63

Joints = dict[str, dict[str, int]]
"""The names of the keypoints of each class with their places, as they are met."""


def read_labels(
    records: Sequence[Any], where: str, joints: Joints, *, lanes: bool, is_video: bool
) -> tuple[list[ObjectRecord], list[Finding]]:
    """The objects of the labels `records` of the frame at `where`, and findings about them that name no file. New
    keypoints are added to `joints`; ids are tracks where the frame `is_video`.
    """
    objects: list[ObjectRecord] = []
    findings: list[Finding] = []
    left_out, lines = Counter[str](), 0
    for place, record in enumerate(records):
        try:
            known = record_values.json_object(record, "a category")
            name = record_values.class_name(known.get("category"), "category")
            if name in DRAWN and not lanes:
                left_out[name] += 1
                continue
            objects.append(_object(name, known, joints, is_video=is_video))
        except UnusableRecord as error:
            category = record.get("category") if isinstance(record, dict) else ""
            findings.append(error.finding(f"{where}.labels[{place}]", category))
            continue
        lines += any(part.get("closed") is False for part in _parts(known))
    for name, count in left_out.items():
        words = "drawn on the road and no object; left out (`lanes` reads them)"
        findings.append(Finding("class-dropped", words, where=where, objects=count, category=name))
    if lines:
        findings.append(Finding("shape-unread", f"not read: {lines} lines; the box around each is kept", where=where))
    return objects, findings


def _object(name: str, record: Mapping[str, Any], joints: Joints, *, is_video: bool) -> ObjectRecord:
    """The object that `record` describes. Raises `UnusableRecord`."""
    outlines = [(_outline(part), part.get("closed") is not False) for part in _parts(record)]
    mask, points = _mask(record.get("rle")), _keypoints(name, record.get("graph"), joints)
    box = _box(record.get("box2d"))
    if box is None:
        around = [outline for outline, _ in outlines]
        around += [mask.bounds.reshape(2, 2)] if mask is not None and mask.area else []
        around += [np.array([point[:2] for point in points if point[2]])] if points else []
        if not around:
            raise UnusableRecord("", "have no box2d, poly2d, rle or graph, which is a label without a place")
        box = record_values.box_around(*around)
    stated = record.get("attributes")
    attributes = dict(stated) if isinstance(stated, dict) else {}
    crowd = attributes.pop(CROWD) if isinstance(attributes.get(CROWD), bool) else False
    score, track = number(record.get("score")), whole(record.get("id")) if is_video else None
    return ObjectRecord(
        name,
        box,
        tuple(outline for outline, closed in outlines if closed),
        mask,
        points,
        crowd=crowd,
        score=math.nan if score is None else score,
        attributes=attributes,
        track=track if track is not None and 0 <= track < _MOST_TRACKS else NO_TRACK,
    )


def _box(value: Any) -> Box | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise UnusableRecord("box2d", f"have {excerpt(value)}, want x1, y1, x2 and y2")
    x0, y0, x1, y1 = record_values.coordinates([value.get(name) for name in _CORNERS], "box2d")
    return x0, y0, x1 + 1.0, y1 + 1.0


def _parts(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = record.get("poly2d")
    return [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []


def _outline(part: Mapping[str, Any]) -> Points:
    """The points of a polygon or a line, curves as points. Raises `UnusableRecord`."""
    closed, types = part.get("closed") is not False, part.get("types")
    points = record_values.corners(part.get("vertices"), "poly2d.vertices", 3 if closed else 2)
    kinds = types if isinstance(types, str) and len(types) == len(points) else "L" * len(points)
    if "C" not in kinds or kinds[0] == "C":
        return points
    found, row = list[Points](), 0
    while row < len(points):
        found.append(points[row : row + 1])
        if kinds[row + 1 : row + 3] == "CC" and (closed or row + 3 < len(points)):
            ends = points[[row, row + 1, row + 2, (row + 3) % len(points)]]
            share = np.linspace(0.0, 1.0, _STEPS + 2)[1:-1, None]
            weights = ((1 - share) ** 3, 3 * share * (1 - share) ** 2, 3 * share**2 * (1 - share), share**3)
            found.append(np.asarray(sum(weight * end for weight, end in zip(weights, ends, strict=True))))
            row += 2
        row += 1
    return np.concatenate(found)


def _mask(value: Any) -> Rle | None:
    if value is None:
        return None
    counts, sides = (value.get("counts"), value.get("size")) if isinstance(value, dict) else (None, None)
    size = record_values.stated_size(*sides[::-1]) if isinstance(sides, list) and len(sides) == 2 else None
    if size is None or size.width * size.height > _MOST_PIXELS or not isinstance(counts, str):
        raise UnusableRecord("rle", f"have {excerpt(value)}, want counts, a text, and size, height and width")
    try:
        return Rle.from_text(size, counts.encode("ascii"))
    except ValueError as error:
        raise UnusableRecord("rle.counts", f"cannot be read ({error})") from error


def _keypoints(name: str, graph: Any, joints: Joints) -> tuple[Keypoint, ...]:
    """The nodes of a graph in the places of `joints`."""
    listed = graph.get("nodes") if isinstance(graph, dict) else None
    found: dict[int, Keypoint] = {}
    places = joints.setdefault(name, {}) if isinstance(listed, list) and listed else {}
    for node in listed if isinstance(listed, list) else ():
        joint = node.get("category") if isinstance(node, dict) else None
        if isinstance(joint, str) and (joint in places or len(places) < MOST_KEYPOINTS):
            ((x, y),) = record_values.corners([node.get("location")], "graph.nodes.location", 1).tolist()
            seen = 2 if node.get("visibility") in (None, "V") else 1
            found.setdefault(places.setdefault(joint, len(places)), (x, y, seen))
    return tuple(found.get(place, (0.0, 0.0, 0)) for place in range(max(found, default=-1) + 1))


def label_record(one: Instance, category: str, row: int) -> dict[str, Any]:
    """The label of the object `one`, the one at `row` of its frame."""
    x0, y0, x1, y1 = one.box.tolist()
    record: dict[str, Any] = {"id": str(one.track if one.track != NO_TRACK else row), "category": category}
    record["attributes"] = dict(one.attributes) | ({CROWD: True} if one.crowd else {})
    if not math.isnan(one.score):
        record["score"] = one.score
    record["box2d"] = {"x1": x0, "y1": y0, "x2": x1 - 1.0, "y2": y1 - 1.0}
    if one.polygons:
        record["poly2d"] = [
            {"vertices": ring.tolist(), "types": "L" * len(ring), "closed": True} for ring in one.polygons
        ]
    if one.mask is not None:
        record["rle"] = {"counts": one.mask.text().decode("ascii"), "size": [one.mask.size.height, one.mask.size.width]}
    return record
