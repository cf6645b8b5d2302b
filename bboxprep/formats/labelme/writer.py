"""Writes LabelMe: ``<split>/<name>`` with a JSON file beside each labelled image, and ``labels.txt``.

LabelMe 5 to 7 opens the files (an oriented box from 6.2 on), and so does X-AnyLabeling unless an object has a mask. A
box is a rectangle of two corners, a ring a polygon, a mask a PNG, an oriented box an ``oriented_rectangle``. An object
of several shapes is a group; where the box is not the one around its outline, it is one of them. Shapes keep their kind
(circle, rotation) as long as their points still show it. Numbers are shortest decimals.
"""

from __future__ import annotations

import base64
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bboxprep.formats import json_text, object_records
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.labelme import fields
from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import ELLIPSE_POINTS, hull, same_box
from bboxprep.io import atomic, png
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample

_VERSION = "5.5.0"  # of LabelMe, whose keys are written
_ROUND = 1e-6  # of the radius: how far the points of a circle may lie off it

Record = dict[str, Any]


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> LabelMeWriter:  # noqa: ARG001
    """A writer of LabelMe below `root`. Raises `AnnotationError` for class names that no line of text can hold."""
    object_records.check_names_are_lines(dataset)
    return LabelMeWriter(root, dataset)


class LabelMeWriter:
    """Makes one JSON file an image; writes the class table when it is closed."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._classes = dataset.categories.names

    @property
    def carries(self) -> frozenset[Column]:
        """All columns that the format holds."""
        return fields.CARRIES

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The image in the folder of its split, and its file beside it."""
        return f"{split}/{name}", f"{split}/{name[: name.rindex('.')]}.json"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The file of each labelled image. Raises `UsageError` for attributes that JSON cannot hold."""
        return [self._labels(sample, image) for sample, image in zip(batch, images, strict=True)]

    def collect(self, entry: Any) -> None:
        """Nothing: each image has a file of its own."""

    @property
    def documents(self) -> tuple[str, ...]:
        """The class table."""
        return (fields.CLASSES,)

    def close(self) -> None:
        """Write the class table."""
        atomic.write_text(self._root / fields.CLASSES, "".join(f"{name}\n" for name in self._classes))

    def _labels(self, sample: Sample, image: str) -> Labels:
        if not sample.labelled and not len(sample.instances):
            return Labels()
        objects, size = sample.instances, sample.size
        own: Mapping[str, Any] = sample.extra.get("labelme", {})
        document = {
            "version": _VERSION,
            "flags": {},
            **{key: value for key, value in own.items() if key not in fields.FILE_KEYS},
            "shapes": _shapes(objects, [self._classes[label] for label in objects.labels.tolist()]),
            "imagePath": image.rpartition("/")[2],
            "imageData": None,
            "imageHeight": size.height,
            "imageWidth": size.width,
            fields.SPLIT: sample.split,
        }
        path = f"{image[: image.rindex('.')]}.json"
        return Labels(len(objects), files=((path, json_text.indented_json(document, image)),))


def _shapes(objects: Instances, names: Sequence[str]) -> list[Record]:
    """The shapes of all `objects`, whose classes are called `names`."""
    groups = [group if type(group := one.get("group_id")) is int else None for one in objects.attributes]
    made = [_parts(objects, row) for row in range(len(names))]
    members: dict[Any, list[str]] = defaultdict(list)
    for name, group, (parts, _) in zip(names, groups, made, strict=True):
        members[name, group] += [str(part["shape_type"]) for part in parts]
    free = max((group for group in groups if group is not None), default=0)
    shapes: list[Record] = []
    for row, (name, group, (parts, shown)) in enumerate(zip(names, groups, made, strict=True)):
        attributes = {
            key: value for key, value in objects.attributes[row].items() if key != fields.SHAPE_TYPE or not shown
        }
        first = _described(attributes)
        if not math.isnan(objects.scores[row]):
            first["score"] = float(objects.scores[row])
        tie: Record = {"group_id": group}
        if (group is None and len(parts) > 1) or (group is not None and _would_join(members[name, group], len(parts))):
            free += 1
            tie = {"group_id": free, fields.PARTS: True}
            if group is not None:
                first.setdefault("attributes", {})["group_id"] = group
        described = [first, *[_described({}) for _ in parts[1:]]]
        shapes += [{"label": name, **one, **part, **tie} for one, part in zip(described, parts, strict=True)]
    return shapes


def _would_join(kinds: Sequence[str], own: int) -> bool:
    """Whether an object of so many `own` shapes would be joined with others of its class and group, whose shapes are of
    the `kinds`: boxes alone, or masks alone, stay apart.
    """
    return len(kinds) > own and set(kinds) not in ({"rectangle"}, {"mask"})


def _parts(objects: Instances, row: int) -> tuple[list[Record], bool]:
    """The shapes of the object at `row`, and whether they show the kind of shape that it was read as."""
    box, rings, mask = objects.boxes[row], objects.polygons[row], objects.masks[row]
    kind = str(objects.attributes[row].get(fields.SHAPE_TYPE))
    if len(rings) == 1 and mask is None and kind == "circle" and _is_circle(rings[0], box):
        return [_circle(box)], True
    parts, around = [_shape("polygon", ring) for ring in rings], [hull(ring) for ring in rings]
    corners, rotated = objects.oriented[row], kind if kind in fields.ROTATED else fields.ORIENTED
    if np.isfinite(corners).all():
        parts.append(_shape(rotated, corners) | _direction(rotated, corners))
        around.append(hull(corners))
    if mask is not None:
        pixels, (x, y) = mask.crop()
        height, width = pixels.shape
        text = base64.b64encode(png.write_png(pixels.astype(np.uint8))).decode("ascii")
        parts.append(_shape("mask", np.array([[x, y], [x + width - 1, y + height - 1]])) | {"mask": text})
        around.append(np.array([x, y, x + width, y + height], dtype=np.float64))
    if not parts or not same_box(hull(np.concatenate(around).reshape(-1, 2)), box):
        return [_shape("rectangle", box.reshape(2, 2)), *parts], False
    return parts, len(parts) == 1 and kind in fields.ROTATED and parts[0]["shape_type"] == kind


def _shape(kind: str, points: Points) -> Record:
    return {"shape_type": kind, "points": points.tolist()}


def _is_circle(ring: Points, box: Points) -> bool:
    """Whether `ring` (P, 2) is what a reader makes of a circle in `box` (4,)."""
    radii = np.hypot(*(ring - (box[:2] + box[2:]) / 2).T)
    radius = (box[2] - box[0]) / 2
    return len(ring) == ELLIPSE_POINTS and bool((np.abs(radii - radius) <= _ROUND * radius).all())


def _circle(box: Points) -> Record:
    """The circle in `box` (4,): its centre, and its rightmost point."""
    x0, y0, x1, y1 = box.tolist()
    return _shape("circle", np.array([[(x0 + x1) / 2, (y0 + y1) / 2], [x1, (y0 + y1) / 2]]))


def _direction(kind: str, ring: Points) -> Record:
    """The angle of the first edge of a rotated box of X-AnyLabeling, radians from 0 to 2 pi."""
    (x0, y0), (x1, y1) = ring[:2].tolist()
    return {"direction": math.atan2(y1 - y0, x1 - x0) % (2 * math.pi)} if kind == "rotation" else {}


def _described(attributes: Mapping[str, Any]) -> Record:
    """The keys of a shape that state `attributes`."""
    rest, more = dict(attributes), Record()
    group = rest.pop("group_id") if type(rest.get("group_id")) is int else None
    description = rest.pop("description") if isinstance(rest.get("description"), str) and rest["description"] else ""
    if type(rest.get("difficult")) is int and rest["difficult"] == 1:
        del rest["difficult"]
        more["difficult"] = True
    flags = {name: rest.pop(name) for name in attributes if type(rest.get(name)) is bool}
    top = {name: rest.pop(name) for name in fields.TOP_ATTRIBUTES if rest.get(name)}
    more |= {**({"attributes": rest} if rest else {}), **top}
    return {"group_id": group, "description": description, "flags": flags, "mask": None, **more}
