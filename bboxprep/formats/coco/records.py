"""Parses COCO annotation records into the columns of an image; each fault of a record is a finding.

Nearly all records are exactly as COCO defines them: `read_plain` parses many of them at once. It returns None if any
record is not (a number as text, a box without numbers, an undefined field); then `RecordReader` parses the records of
the image one by one and repairs or drops them. Both give the same result for records that both can parse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.coco.fields import CORNERS, KNOWN_FIELDS, OWN_FIELDS, ROTATION, TRACK
from bboxprep.formats.coco.shapes import LARGEST, Box, Shape, Triples, read_corners, read_keypoints, read_shape
from bboxprep.geometry.affine import Points
from bboxprep.geometry.oriented import turned_corners
from bboxprep.geometry.shapes import hull
from bboxprep.io import lenient_json
from bboxprep.io.lenient_json import BadJson, Key, excerpt
from bboxprep.model.categories import Categories
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.instances import Instances
from bboxprep.model.validation import FARTHEST

T = TypeVar("T")


_ID = 2**63


class AnnotationEntry(msgspec.Struct, frozen=True):
    """One record: its index `place` in the list, and whether its id `stands` (no earlier record has the same)."""

    place: int
    raw: bytes
    stands: bool


@dataclass(frozen=True)
class RecordReader:
    """Parses the records of one file; `rows` maps a category id to the row of `categories`."""

    path: str
    split: str
    categories: Categories
    rows: Mapping[Key, int]

    def read(self, entries: Sequence[AnnotationEntry]) -> tuple[Instances, list[Finding]]:
        """The objects of `entries`, and a finding for each fault; any JSON value is accepted."""
        objects: list[_Object] = []
        findings: list[Finding] = []
        for entry in entries:
            record: Mapping[str, Any] = {}
            try:
                record = _decoded(entry.raw)
                made = _object(record, self.rows, entry.stands)
            except _Unusable as fault:
                findings.append(self._finding(entry, record, fault.code, fault.name, fault.message, objects=1))
            else:
                objects.append(made)
                for name, problem in made.problems.items():
                    lost = name == "keypoints" or (name == "segmentation" and not made.shape.is_whole)
                    code = "shape-unreadable" if lost else "record-repaired"
                    findings.append(self._finding(entry, record, code, name, problem))
        return _columns(objects, self.points), findings

    @cached_property
    def points(self) -> int:
        """The most keypoints that a class has."""
        return max((len(category.keypoints) for category in self.categories), default=0)

    def class_name(self, identity: Key | None) -> str:
        """The name of the class that `identity` means, else `identity` itself as text."""
        if identity is None:
            return ""
        return self.categories[self.rows[identity]].name if identity in self.rows else str(identity)

    def _finding(
        self, entry: AnnotationEntry, record: Mapping[str, Any], code: str, name: str, message: str, objects: int = 0
    ) -> Finding:
        where = f"annotations[{entry.place}]{'.' if name else ''}{name}"
        category = self.class_name(lenient_json.key(record.get("category_id")))
        return Finding(code, message, self.path, where, objects, category, self.split)


class _Unusable(Exception):
    """A record that is dropped: the code, field and words of its finding."""

    def __init__(self, code: str, name: str, message: str) -> None:
        super().__init__(code, name, message)
        self.code, self.name, self.message = code, name, message


class _Object(msgspec.Struct, frozen=True):
    """One object, and its problems by field. `keypoints` are as COCO counts them."""

    label: int
    box: Box
    shape: Shape
    oriented: Points | None
    keypoints: Triples
    crowd: bool
    area: float
    score: float
    id: int
    attributes: Mapping[str, Any]
    track: int
    problems: Mapping[str, str] = msgspec.field(default_factory=dict)


def _decoded(raw: bytes) -> Mapping[str, Any]:
    try:
        return lenient_json.decode_with_nan(raw, dict[str, Any], lenient_json.as_text_tokens)
    except BadJson as error:
        raise _Unusable("record-unreadable", "", f"cannot be read ({error})") from error


class _Fields:
    """A record whose fields are parsed one by one, with a list of problems."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.problems: dict[str, str] = {}

    def take(self, name: str, read: Callable[[object], tuple[T, str]]) -> T:
        value, problem = read(self.record.get(name))
        if problem:
            self.problems[name] = problem
        return value


def _object(record: Mapping[str, Any], rows: Mapping[Key, int], stands: bool) -> _Object:
    """The object that `record` describes. Raises `_Unusable`."""
    fields = _Fields(record)
    label = _label(record.get("category_id"), rows)
    shape = fields.take("segmentation", read_shape)
    box = fields.take("bbox", lambda value: _box(value, shape))
    attributes, degrees = _attributes(record)
    oriented = fields.take(CORNERS, read_corners)
    if oriented is not None and len(shape.rings) == 1 and np.array_equal(shape.rings[0], oriented):
        shape = Shape()  # the corners, once more for programs that know no oriented boxes
    if degrees and (shape or oriented is not None):
        fields.problems["attributes.rotation"] = f"have {degrees:g} beside a segmentation, which is used; left out"
    elif degrees:
        oriented = turned_corners(box, degrees)
        x0, y0, x1, y1 = hull(oriented).tolist()
        box = (x0, y0, x1, y1)
    return _Object(
        label=label,
        box=box,
        shape=shape,
        oriented=oriented,
        keypoints=fields.take("keypoints", read_keypoints),
        crowd=fields.take("iscrowd", _crowd),
        area=fields.take("area", _optional),
        score=fields.take("score", _optional),
        id=(lenient_json.whole(record.get("id")) or 0) if stands else 0,
        attributes=attributes,
        track=_track(record),
        problems=fields.problems,
    )


def _label(value: object, rows: Mapping[Key, int]) -> int:
    identity = lenient_json.key(value)
    if identity is None or identity not in rows:
        raise _Unusable("category-unknown", "category_id", f"have {excerpt(value)}, want an id of the class table")
    return rows[identity]


def _box(value: object, shape: Shape) -> tuple[Box, str]:
    """The edges x0 y0 x1 y1 px of the bbox `value` (x y width height), or of the outline `shape` if it is missing."""
    if value is None or value == []:
        found = shape.hull()
        if found is None:
            raise _Unusable("record-unreadable", "bbox", "missing, and there is no segmentation to take it from")
        return found, "missing; taken from the segmentation"
    read = lenient_json.numbers(value)
    if read is None or len(read) != 4:
        raise _Unusable("record-unreadable", "bbox", f"have {excerpt(value)}, want four numbers")
    x, y, width, height = read
    box = (x, y, x + width, y + height)
    if not all(abs(edge) < FARTHEST for edge in box):
        raise _Unusable("box-not-finite", "bbox", f"have {excerpt(value)}, want finite numbers below {FARTHEST:g}")
    if width < 0 or height < 0:
        # A tool that takes x y width height for x0 y0 x1 y1 converts it to a width of `width - x`, maybe negative;
        # x plus that is the true width again, which is not.
        hint = "; looks like xyxy and xywh were confused" if min(box) >= 0 else ""
        raise _Unusable("box-degenerate", "bbox", f"have {excerpt(value)}, want a width and height of 0 or more{hint}")
    return box, ""


def _optional(value: object) -> tuple[float, str]:
    """A number, NaN where there is none."""
    read = lenient_json.number(value)
    if read is not None and abs(read) < LARGEST:
        return read, ""
    return math.nan, "" if value is None else f"have {excerpt(value)}, want a finite number; left out"


def _crowd(value: object) -> tuple[bool, str]:
    read = float(value) if isinstance(value, bool) else lenient_json.number(value)
    if value is None or read in {0.0, 1.0}:
        return read == 1.0, ""
    return False, f"have {excerpt(value)}, want 0 or 1; taken as 0"


def _track(record: Mapping[str, Any]) -> int:
    """The track id; `NO_TRACK` where the field is missing or no whole number of 64 bits, and then kept as it is."""
    value = record.get(TRACK)
    return value if type(value) is int and -_ID <= value < _ID else NO_TRACK


def _attributes(record: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    """The attributes, and the degrees that CVAT's boxes are turned by.

    Those leave the attributes: the first step that moves the object would make them stale.
    """
    known = record.get("attributes")
    own = dict(known) if isinstance(known, dict) else {}
    rest = {name: value for name, value in record.items() if name not in KNOWN_FIELDS}
    if isinstance(known, dict) or known is None:
        rest.pop("attributes", None)
    if _track(record) != NO_TRACK:
        if next(iter(rest)) == TRACK:
            del rest[TRACK]
        else:
            rest[TRACK] = None
    if rest:
        own[OWN_FIELDS] = rest
    degrees = lenient_json.number(own.get(ROTATION))
    if not degrees or not math.isfinite(degrees):
        return own, 0.0
    del own[ROTATION]
    return own, degrees


_NO_CORNERS = np.full((4, 2), np.nan)


def _columns(objects: Sequence[_Object], points: int) -> Instances:
    points = max([points, *(len(made.keypoints) for made in objects)])
    keypoints = np.zeros((len(objects), points, 2))
    visibility = np.zeros((len(objects), points), dtype=np.uint8)
    for row, made in enumerate(objects):
        for column, (x, y, seen) in enumerate(made.keypoints):
            if seen:
                # COCO states the index of a pixel; its centre is half a pixel further in our plane
                keypoints[row, column], visibility[row, column] = (x + 0.5, y + 0.5), seen
    return Instances.of(
        [made.box for made in objects],
        [made.label for made in objects],
        crowd=[made.crowd for made in objects],
        polygons=[made.shape.rings for made in objects],
        masks=[made.shape.mask for made in objects],
        oriented=[_NO_CORNERS if made.oriented is None else made.oriented for made in objects],
        keypoints=keypoints,
        visibility=visibility,
        areas=[made.area for made in objects],
        scores=[made.score for made in objects],
        ids=[made.id for made in objects],
        attributes=[made.attributes for made in objects],
        tracks=[made.track for made in objects],
    )
