"""Reads the shapes of a LabelMe file as objects.

=============================  ===========================================  =========================================
shape_type                     points                                       object
=============================  ===========================================  =========================================
rectangle                      two opposite corners in any order, or four   box
polygon, or none stated        corners                                      polygon
oriented_rectangle, rotation,  four corners                                 oriented box
quadrilateral
circle                         centre, any point of the rim                 polygon around it
mask                           two corners, the second pixel included       mask: a PNG, from the first corner on
line, linestrip, points, ...   any                                          box around them, and a note
point                          one                                          no area; in a group a keypoint of an object
=============================  ===========================================  =========================================

Coordinates are continuous: the first pixel reaches from 0 to 1. The corners of a mask may be fractions (they are
rounded) and lie outside of the image (what is there is left out); its extent is that of the PNG.

**Groups.** Shapes of one label and group_id are one object where that is possible: the parts of a polygon, a box with
its outline. Two boxes are two objects. Points of other labels in the group of one object are its keypoints; one that is
marked ``difficult`` is hidden.

What the model has no column for is an attribute: flags, description, group_id, the kind of a shape without a column.
"""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.labelme.fields import ORIENTED, PARTS, ROTATED, SHAPE_KEYS, SHAPE_TYPE, is_empty
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import ellipses_in, hull
from bboxprep.io.lenient_json import BadJson, as_text_tokens, decode_with_nan, excerpt, number, numbers
from bboxprep.io.png import read_png
from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.rle import Rle
from bboxprep.model.validation import FARTHEST

_MOST_PIXELS = 1 << 26  # of the PNG of a mask
_FEWEST = {"rectangle": 2, "circle": 2, "mask": 2}  # points
_POINT = "point"
_CORNERS = 4  # of an oriented box
_SINGLE = frozenset({"rectangle", "mask"})  # of which an object has one at most
_CLOSED = frozenset({"rectangle", "mask", "polygon", "circle"}) | ROTATED


class LabelMeShape(msgspec.Struct, frozen=True):
    """One shape of a file: the one at `place`."""

    place: int
    label: str
    kind: str
    points: Points
    group: int | None
    record: Mapping[str, Any]


class ReadObject(msgspec.Struct, frozen=True):
    """One object: its class, box x0 y0 x1 y1 px, rings, mask, corners (4, 2) px of its oriented box, score, attributes,
    and its keypoints by name: x, y px and visibility.
    """

    label: str
    box: tuple[float, ...]
    rings: tuple[Points, ...]
    mask: Rle | None
    oriented: Points | None
    score: float
    attributes: Mapping[str, Any]
    keypoints: Mapping[str, tuple[float, float, int]]


class _Unusable(Exception):
    """A shape that is dropped: the field below it, and why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field, self.problem = field, problem


def read_objects(records: Sequence[msgspec.Raw], size: Size | None) -> tuple[list[ReadObject], list[Finding]]:
    """The objects of the `records` of a file, and findings about them that name no file. Masks are left out where there
    is no `size` of the image.
    """
    shapes: list[LabelMeShape] = []
    findings: list[Finding] = []
    for place, raw in enumerate(records):
        record: Mapping[str, Any] = {}
        try:
            record = decode_with_nan(bytes(raw), dict[str, Any], as_text_tokens)
            shapes.append(_shape(place, record))
        except (_Unusable, BadJson) as error:
            field, problem = (error.field, error.problem) if isinstance(error, _Unusable) else ("", str(error))
            label = record.get("label")
            where = f"shapes[{place}]{'.' if field else ''}{field}"
            name = label if isinstance(label, str) else ""
            findings.append(Finding("record-unreadable", problem, where=where, objects=1, category=name))
    unread = Counter[str]()
    objects = [_object(parts, points, size, findings, unread) for parts, points in _grouped(shapes)]
    if unread:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(unread.items()))
        findings.append(Finding("shape-unread", f"not read: {kinds}; the box around each is kept"))
    return objects, findings


def _shape(place: int, record: Mapping[str, Any]) -> LabelMeShape:
    """The shape that `record` describes. Raises `_Unusable`."""
    label, kind, points = record.get("label"), record.get("shape_type", "polygon"), record.get("points")
    if not isinstance(label, str) or not label:
        raise _Unusable("label", f"have {excerpt(label)}, want the name of a class")
    if not isinstance(kind, str):
        raise _Unusable("shape_type", f"have {excerpt(kind)}, want polygon, rectangle or the like")
    pairs = [numbers(point) for point in points] if isinstance(points, list) else []
    read = [(pair[0], pair[1]) for pair in pairs if pair and len(pair) == 2]
    fewest = _FEWEST.get(kind, 1)
    if len(read) < max(len(pairs), fewest):
        raise _Unusable("points", f"have {excerpt(points)}, want {fewest} or more points x, y")
    corners = np.array(read, dtype=np.float64)
    if not (np.abs(corners) < FARTHEST).all():
        raise _Unusable("points", f"have {excerpt(points)}, want finite numbers below {FARTHEST:g}")
    group = record.get("group_id")
    return LabelMeShape(place, label, kind, corners, group if type(group) is int else None, record)


def _grouped(shapes: Sequence[LabelMeShape]) -> Iterator[tuple[list[LabelMeShape], list[LabelMeShape]]]:
    """The shapes of each object, in the order of their first ones, and its keypoints."""
    groups: dict[object, list[LabelMeShape]] = defaultdict(list)
    for shape in shapes:
        alone = shape.group is None or shape.kind not in _CLOSED
        groups[shape.place if alone else (shape.label, shape.group)].append(shape)
    joined: list[list[LabelMeShape]] = []
    for parts in groups.values():
        single = Counter(shape.kind for shape in parts if shape.kind in _SINGLE)
        joined += [parts] if max(single.values(), default=0) < 2 else [[shape] for shape in parts]
    owners = Counter(parts[0].group for parts in joined if parts[0].kind in _CLOSED)
    points: dict[int, list[LabelMeShape]] = defaultdict(list)
    for shape in shapes:
        if shape.kind == _POINT and shape.group is not None and owners[shape.group] == 1:
            points[shape.group].append(shape)
    kept = {shape.place for own in points.values() for shape in own}
    for parts in sorted(joined, key=lambda parts: parts[0].place):
        if parts[0].place not in kept:
            group = parts[0].group
            yield parts, points[group] if group is not None and parts[0].kind in _CLOSED else []


def _object(
    parts: Sequence[LabelMeShape],
    points: Sequence[LabelMeShape],
    size: Size | None,
    findings: list[Finding],
    unread: Counter[str],
) -> ReadObject:
    """The object of the shapes `parts` and the keypoints `points`; adds to `findings` and `unread` what is wrong."""
    boxes, rings, masks, kinds, turned = [], [], [], [], list[Points]()
    for shape in parts:
        own = hull(shape.points)
        if shape.kind == "mask":
            mask, own = _mask(shape, size, findings)
            masks += [mask] if mask is not None else []
        elif shape.kind == "circle":
            centre, radius = shape.points[0], float(np.hypot(*(shape.points[1] - shape.points[0])))
            own = np.concatenate((centre - radius, centre + radius))
            rings.append(ellipses_in(own[None])[0])
        elif shape.kind in ROTATED and len(shape.points) == _CORNERS and not turned:
            turned.append(shape.points)
        elif shape.kind in ROTATED or (shape.kind == "polygon" and len(shape.points) > 2):
            rings.append(shape.points)
        elif shape.kind not in ("rectangle", _POINT):
            unread[f"{shape.kind} of {len(shape.points)} points" if shape.kind == "polygon" else shape.kind] += 1
        kinds += [shape.kind] if shape.kind not in ("rectangle", "polygon", "mask", ORIENTED) else []
        boxes.append(own)
    box = next((own for own, shape in zip(boxes, parts, strict=True) if shape.kind == "rectangle"), None)
    if box is None:
        box = hull(np.concatenate(boxes).reshape(-1, 2))
    attributes = {name: value for shape in reversed(parts) for name, value in _attributes(shape, findings).items()}
    scores = (number(shape.record.get("score")) for shape in parts)
    score = next((value for value in scores if value is not None and abs(value) < FARTHEST), nan)
    return ReadObject(
        parts[0].label,
        tuple(box.tolist()),
        tuple(rings),
        masks[0] if masks else None,
        turned[0] if turned else None,
        score,
        attributes | ({SHAPE_TYPE: kinds[0]} if len(parts) == len(kinds) == 1 else {}),
        _keypoints(points),
    )


def _attributes(shape: LabelMeShape, findings: list[Finding]) -> dict[str, Any]:
    """The attributes of a shape: those of X-AnyLabeling, its flags, and other keys that say something."""
    record, own, flags = shape.record, shape.record.get("attributes"), shape.record.get("flags")
    others = {name: value for name, value in record.items() if name not in SHAPE_KEYS}
    others["description"] = record.get("description")
    if shape.group is not None and PARTS not in record:
        others["group_id"] = shape.group
    top: dict[str, Any] = {name: value for name, value in others.items() if not is_empty(value)}
    if record.get("difficult") is True:
        top["difficult"] = 1
    found: dict[str, Any] = dict(own) if isinstance(own, dict) else {}
    for more in (flags if isinstance(flags, dict) else {}, top):
        if twice := sorted(name for name in found.keys() & more if found[name] != more[name]):
            words = f"{twice[0]!r} has two values, {excerpt(found[twice[0]])} and {excerpt(more[twice[0]])}; the second"
            findings.append(Finding("record-repaired", f"{words} was taken", where=f"shapes[{shape.place}]"))
        found |= more
    return found


def _keypoints(points: Sequence[LabelMeShape]) -> dict[str, tuple[float, float, int]]:
    """The keypoints of an object by their names; of several with one name the first, of too many the first ones."""
    found: dict[str, tuple[float, float, int]] = {}
    for shape in points[:MOST_KEYPOINTS]:
        x, y = shape.points[0].tolist()
        found.setdefault(shape.label, (x, y, 1 if shape.record.get("difficult") is True else 2))
    return found


def _mask(shape: LabelMeShape, size: Size | None, findings: list[Finding]) -> tuple[Rle | None, Points]:
    """The mask of a shape, None where it cannot be read, and the box (4,) around its PNG."""
    whole = hull(shape.points) + np.array([0, 0, 1, 1])
    x0, y0 = np.floor(whole[:2] + 0.5).tolist()
    text = shape.record.get("mask")
    try:
        pixels = read_png(base64.b64decode(text if isinstance(text, str) else "", validate=True), _MOST_PIXELS)
    except ValueError as error:
        words = f"cannot be read ({error}); the box is kept"
        findings.append(Finding("shape-unreadable", words, where=f"shapes[{shape.place}].mask"))
        return None, whole
    height, width, _ = pixels.shape
    box = np.array([x0, y0, x0 + width, y0 + height])
    mask = None if size is None else Rle.from_crop(np.asarray(pixels.any(axis=2)), (int(x0), int(y0)), size)
    return mask, box
