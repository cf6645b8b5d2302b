"""Reads the regions of a Label Studio result as objects.

=====================  ====================================================  ==========================================
type                   value                                                 object
=====================  ====================================================  ==========================================
rectanglelabels        x, y, width, height; rotation about the corner x, y   box; turned: oriented box
polygonlabels          points                                                polygon
ellipselabels          x, y of the centre, radiusX, radiusY; rotation        polygon around it
keypointlabels         x, y                                                  keypoint of the region ``parentID``; else
                                                                             an object without area
brushlabels            rle (`brush`)                                         mask
bitmasklabels          imageDataURL, a PNG                                   mask, where it is not transparent
vectorlabels           vertices                                              polygon where closed, else the box around
=====================  ====================================================  ==========================================

Numbers are percent of the width and height of the image, 0 to 100; degrees are clockwise as seen. ``image_rotation``,
how the view was turned, changes no number. Types may lack ``labels`` (``rectangle``).

A region has the classes in its value, else those of the item with its ``id`` that lists labels or a choice: it is an
object of each. Other items with its ``id`` (taxonomy, text, ...), and its ``meta``, are attributes. A region whose
``meta`` says so is one more shape of its parent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.labelstudio.options import ORIENTED, PART, PLACE, VISIBILITY
from bboxprep.formats.labelstudio.shapes import (
    KEYPOINT,
    KINDS,
    POINTS,
    RegionGeometry,
    UnusableRegion,
    geometry_of_region,
    value_of,
)
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import hull
from bboxprep.io.lenient_json import excerpt, number
from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle
from bboxprep.model.validation import FARTHEST

_DESCRIBING = frozenset({"labels", "choices", "taxonomy", "textarea", "rating", "number", "datetime"})


Keypoint = tuple[str | int, float, float, int]  # its name, or its number where it has none; x, y px, and visibility


class RegionShape(msgspec.Struct, frozen=True):
    """One region, the one at `place`: its kind, the names of its classes, and its geometry."""

    place: int
    id: str
    parent: str
    kind: str
    names: tuple[str, ...]
    geometry: RegionGeometry
    score: float
    attributes: Mapping[str, Any]

    @property
    def is_part(self) -> bool:
        """Whether it is one more shape of its parent."""
        return self.attributes.get(PART) is True


class RegionObject(msgspec.Struct, frozen=True):
    """One object: its class, box x0 y0 x1 y1 px, rings, mask, corners (4, 2) px of its oriented box, score, attributes,
    and its keypoints.
    """

    label: str
    box: tuple[float, ...]
    rings: Rings
    mask: Rle | None
    oriented: Points | None
    score: float
    attributes: Mapping[str, Any]
    keypoints: tuple[Keypoint, ...]


class Regions(msgspec.Struct, frozen=True):
    """The `objects` of a result, `findings` about them that name no file, how many items of each type are `unread`, and
    what is stated of the image itself.
    """

    objects: list[RegionObject]
    findings: list[Finding]
    unread: Counter[str]
    image: dict[str, Any]

    @property
    def count(self) -> int:
        """The number of objects that the result lists."""
        return len(self.objects) + sum(finding.objects for finding in self.findings)


def read_regions(records: Sequence[object], size: Size, *, with_masks: bool = True) -> Regions:
    """The objects of the `records` of a result, in px of an image of `size`. `with_masks`: else masks are left out."""
    items = [(place, record) for place, record in enumerate(records) if isinstance(record, dict)]
    others: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _, record in items:
        if not _kind(record):
            others[_text(record, "id")].append(record)
    findings = [
        Finding("record-unreadable", "want an object", where=f"result[{place}]", objects=1)
        for place, record in enumerate(records)
        if not isinstance(record, dict)
    ]
    shapes: list[RegionShape] = []
    for place, record in items:
        if kind := _kind(record):
            about = others[region] if (region := _text(record, "id")) else []
            try:
                shapes.append(_shape(place, kind, record, about, size, with_masks=with_masks))
            except UnusableRegion as error:
                where = f"result[{place}].value{'.' if error.field else ''}{error.field}"
                findings.append(Finding("record-unreadable", error.problem, where=where, objects=1))
    ids = {shape.id for shape in shapes}
    of_image = [record for own in others.values() for record in own if _text(record, "id") not in ids]
    unread = Counter(_type(record) or "item without type" for own in others.values() for record in own)
    unread = Counter({kind: count for kind, count in unread.items() if kind not in _DESCRIBING})
    unread += Counter(shape.kind for shape in shapes if not _is_whole(shape))
    image = dict(pair for record in of_image for pair in _described(record))
    return Regions(list(_objects(shapes)), findings, unread, image)


def _type(record: Mapping[str, Any]) -> str:
    """What the item is: its type, else (JSON-MIN) the key of its labels."""
    value = value_of(record)
    return _text(record, "type").lower() or next((key for key in value if key.endswith("labels")), "")


def _kind(record: Mapping[str, Any]) -> str:
    """The kind of a region; "" for an item that is none."""
    kind = _type(record).removesuffix("labels")
    return kind if kind in KINDS else ""


def _shape(
    place: int,
    kind: str,
    record: Mapping[str, Any],
    about: Sequence[Mapping[str, Any]],
    size: Size,
    *,
    with_masks: bool,
) -> RegionShape:
    """The region that `record`, and the items `about` it, describe. Raises `UnusableRegion`."""
    value, meta, score = value_of(record), record.get("meta"), number(record.get("score"))
    names, other = _names(value, kind, about)
    if not names:
        raise UnusableRegion(f"{kind}labels", f"have {excerpt(value.get(f'{kind}labels'))}, want a list of labels")
    geometry = geometry_of_region(kind, record, size, with_masks=with_masks)
    attributes = dict(meta) if isinstance(meta, dict) else {}
    attributes |= dict(pair for one in about if one is not other for pair in _described(one))
    return RegionShape(
        place,
        _text(record, "id"),
        _text(record, "parentID"),
        kind,
        names,
        geometry,
        nan if score is None or not abs(score) < FARTHEST else score,
        attributes,
    )


def _names(
    value: Mapping[str, Any], kind: str, about: Sequence[Mapping[str, Any]]
) -> tuple[tuple[str, ...], Mapping[str, Any] | None]:
    """The classes of a region, and the item of those `about` it that has them, if it is one."""
    own = (value.get(f"{kind}labels"), value.get("labels"))
    if names := next((found for one in own if (found := _listed(one))), ()):
        return names, None
    for key in ("labels", "choices"):
        for one in about:
            if _type(one) == key and (names := _listed(value_of(one).get(key))):
                return names, one
    return (), None


def _listed(names: object) -> tuple[str, ...]:
    found = names if isinstance(names, list) else [names]
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name))


def _described(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The name and the value of an attribute that a record states."""
    kind, value = _type(record), value_of(record)
    found = value.get(kind, value.get("text"))
    if kind in _DESCRIBING and found is not None:
        yield _text(record, "from_name") or kind, found[0] if isinstance(found, list) and len(found) == 1 else found


def _is_whole(shape: RegionShape) -> bool:
    """Whether the model holds the shape of a region, and not only the box around it."""
    return shape.kind not in POINTS or bool(shape.geometry.rings) or shape.geometry.oriented is not None


def _objects(shapes: Sequence[RegionShape]) -> Iterator[RegionObject]:
    """The objects of `shapes`: each with its parts and its keypoints, once for each of its classes."""
    owners = {shape.id for shape in shapes if shape.id and shape.kind != KEYPOINT and not shape.is_part}
    parts: dict[str, list[RegionShape]] = defaultdict(list)
    points: dict[str, list[RegionShape]] = defaultdict(list)
    for shape in shapes:
        if shape.parent in owners and shape.parent != shape.id:
            (points if shape.kind == KEYPOINT else parts)[shape.parent].append(shape)
    for shape in shapes:
        belongs = shape.parent in owners and shape.parent != shape.id
        if belongs and (shape.kind == KEYPOINT or shape.is_part):
            continue
        own = [shape, *(one for one in parts[shape.id] if one.is_part)] if shape.id in owners else [shape]
        keypoints = [_keypoint(one) for one in points[shape.id][:MOST_KEYPOINTS]] if shape.id in owners else []
        for name in shape.names:
            yield _object(name, own, keypoints)


def _keypoint(shape: RegionShape) -> Keypoint:
    x, y = shape.geometry.box[:2].tolist()
    place = shape.attributes.get(PLACE)
    name = place if type(place) is int and 0 <= place < MOST_KEYPOINTS else shape.names[0]
    return name, x, y, 1 if shape.attributes.get(VISIBILITY) == 1 else 2


def _object(name: str, own: Sequence[RegionShape], keypoints: Sequence[Keypoint]) -> RegionObject:
    """The object of the class `name` with the shapes `own`, the first of which has its attributes and score."""
    first, shapes = own[0], [shape.geometry for shape in own]
    box, turned = shapes[0].box, [shape.oriented for shape in shapes if shape.oriented is not None]
    if shapes[0].rings or shapes[0].mask is not None or shapes[0].oriented is not None:
        box = hull(np.concatenate([shape.box for shape in shapes]).reshape(-1, 2))
    return RegionObject(
        name,
        tuple(box.tolist()),
        (*(ring for shape in shapes for ring in shape.rings), *turned[1:]),
        next((shape.mask for shape in shapes if shape.mask is not None), None),
        turned[0] if turned else None,
        first.score,
        {key: value for key, value in first.attributes.items() if key not in (PART, ORIENTED)},
        tuple(keypoints),
    )


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""
