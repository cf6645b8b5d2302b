"""Writes Supervisely: ``<split>/img/<name>`` with ``<split>/ann/<name>.json``, and ``meta.json``: a project to import.

An object is a rectangle, a polygon for each of its rings, a bitmap for its mask. Where it takes several labels, one
``instance`` joins them; a rectangle is one of them where the box is not that around its outline. Numbers are those of
pixels, or edges with decimals (`SuperviselyWriteOptions`). Attributes are tags of text.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats import json_text, object_records, text_values, whole_pixels
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.supervisely.options import CARRIES, SuperviselyWriteOptions
from bboxprep.formats.supervisely.project import IMAGES, LABELS, META, SPLITS
from bboxprep.formats.supervisely.shapes import DESCRIPTION, INSTANCE
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.oriented import turned_box, turned_corners
from bboxprep.geometry.shapes import hull
from bboxprep.io import atomic, png
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instance import Instance
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample

Record = dict[str, Any]
_THIN = 2.0  # px; corners of a wider object are never rounded to one number
_SAME = 0.01  # px; more than the rounding of oriented boxes, also of those of YOLO
_HUE = 0x9E3779B1  # a multiplier that spreads the colors of classes


@writes
def write(root: Path, dataset: Dataset, options: SuperviselyWriteOptions) -> SuperviselyWriter:
    """A writer of Supervisely below `root`. Raises `AnnotationError` for a class without a name, and `UsageError` for
    a split that is called like a folder of a dataset.
    """
    object_records.check_class_names(dataset)
    for split in dataset.splits:
        if split in (IMAGES, LABELS):
            raise UsageError(f"split: have {split!r}, which Supervisely calls a folder in a dataset; want another name")
    return SuperviselyWriter(root, dataset, options)


class SuperviselyWriter:
    """Makes one JSON file an image; writes ``meta.json`` when it is closed."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset, options: SuperviselyWriteOptions) -> None:
        self._root, self._options = root, options
        self._classes = dataset.categories.names
        self._tags: dict[str, None] = {}

    @property
    def carries(self) -> frozenset[Column]:
        """All columns that the format holds; numbers of pixels hold no oriented boxes, whose corners lie between."""
        return CARRIES if self._options.subpixel else CARRIES - {Column.ORIENTED}

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The image in the folder of its split, and its file of labels."""
        return f"{split}/{IMAGES}/{name}", f"{split}/{LABELS}/{name}.json"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The file of each labelled image."""
        boxes = batch.instances.boxes if self._options.subpixel else whole_pixels.whole_boxes(batch)[0]
        return list(map(self._labels, batch, images, batch.split(list(boxes))))

    def collect(self, entry: Sequence[str]) -> None:
        """Store the names of the tags of one image."""
        self._tags |= dict.fromkeys(entry)

    @property
    def documents(self) -> tuple[str, ...]:
        """The class table."""
        return (META,)

    def close(self) -> None:
        """Write ``meta.json``."""
        document = {
            "classes": [
                {"title": name, "shape": "any", "color": _color(row), "geometry_config": {}, "hotkey": ""}
                for row, name in enumerate(self._classes)
            ],
            "tags": [
                {"name": name, "value_type": "any_string", "color": _color(row), "hotkey": ""}
                for row, name in enumerate(sorted(self._tags), len(self._classes))
            ],
            "projectType": "images",
            SPLITS: True,
        }
        atomic.write_bytes(self._root / META, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")

    def _labels(self, sample: Sample, image: str, boxes: Sequence[Points]) -> Labels:
        if not sample.labelled and not len(sample.instances):
            return Labels(entry=[])
        objects: list[Record] = []
        moved: list[float] = []
        for row, (one, box) in enumerate(zip(sample.instances, boxes, strict=True)):
            records, by = self._records(one, box, sample.size, row)
            objects += records
            moved.append(by)
        document = {
            "description": "",
            "tags": [],
            "size": {"height": sample.size.height, "width": sample.size.width},
            "objects": objects,
        }
        split, _, name = image.split("/", 2)
        data = json_text.indented_json(document, image)
        tags = list(dict.fromkeys(tag["name"] for record in objects for tag in record["tags"]))
        findings = (
            *whole_pixels.rounding_findings(moved, sample.relative_path, sample.split, "objects"),
            *self._unturned(sample),
        )
        return Labels(len(moved), findings, ((f"{split}/{LABELS}/{name}.json", data),), tags)

    def _unturned(self, sample: Sample) -> Iterator[Finding]:
        """A note about oriented boxes that are no rectangles."""
        turned = [one for one in sample.instances if np.isfinite(one.oriented).all()] if self._options.subpixel else []
        if count := sum(_turned(one) is None for one in turned):
            words = f"{count} oriented boxes are written as polygons"
            yield Finding("column-dropped", words, sample.relative_path, split=sample.split)

    def _records(self, one: Instance, box: Points, size: Size, row: int) -> tuple[list[Record], float]:
        """The labels of one object, whose rectangle is `box` (4,), and by how many px its corners were moved."""
        shapes, around, moved = list[Record](), list[Points](), 0.0
        for ring in one.polygons:
            points = ring if self._options.subpixel else np.clip(np.floor(ring), 0, np.array(size) - 1)
            shapes.append({"geometryType": "polygon", "points": self._points(points)})
            around.append(ring)
            moved = max(moved, 0.0 if self._options.subpixel else float(np.abs(points + 0.5 - ring).max()))
        if self._options.subpixel and np.isfinite(one.oriented).all():
            shapes.append(self._oriented(one))
            around.append(one.oriented)
        if one.mask is not None and one.mask.area:
            shapes.append({"geometryType": "bitmap", "bitmap": _bitmap(one.mask)})
            around.append(one.mask.bounds.reshape(2, 2))
        if not shapes or not np.array_equal(hull(np.concatenate(around)), one.box) or self._is_flat(one):
            corners = box.reshape(2, 2) - (0 if self._options.subpixel else np.array([[0], [1]]))
            shapes.insert(0, {"geometryType": "rectangle", "points": self._points(corners)})
            moved = max(moved, float(np.abs(box - one.box).max()))
        name, joined = self._classes[one.label], {INSTANCE: f"{row:032x}"} if len(shapes) > 1 else {}
        first, bare = _described(one.attributes), _described({})
        return [
            {"classTitle": name, **(bare if number else first), **joined, **shape}
            for number, shape in enumerate(shapes)
        ], moved

    def _oriented(self, one: Instance) -> Record:
        """The label of an oriented box; a polygon where its corners are no rectangle."""
        numbers = _turned(one)
        if numbers is None:
            return {"geometryType": "polygon", "points": self._points(one.oriented)}
        edges, angle = np.reshape(numbers[:4], (2, 2)), math.radians(numbers[4])
        return {"geometryType": "oriented_bbox", "angle": angle, "points": self._points(edges)}

    def _is_flat(self, one: Instance) -> bool:
        """Whether the outline of `one` may have no area when its corners are whole."""
        return not self._options.subpixel and min(one.width, one.height) < _THIN

    def _points(self, points: Points) -> Record:
        numbers = points if self._options.subpixel else points.astype(np.int64)
        return {"exterior": numbers.tolist(), "interior": []}


def _turned(one: Instance) -> tuple[float, ...] | None:
    """The edges of the box that is turned, px, and the degrees; None where `one` has corners that are no rectangle."""
    numbers = turned_box(one.oriented)
    exact = numbers is not None and np.abs(turned_corners(numbers[:4], numbers[4]) - one.oriented).max() <= _SAME
    return numbers if exact else None


def _described(attributes: Mapping[str, Any]) -> Record:
    """The description and the tags that state `attributes`."""
    words = attributes.get(DESCRIPTION)
    own = words if isinstance(words, str) and words else ""
    tags = [
        {"name": name, "value": text_values.encode_value(value)}
        for name, value in attributes.items()
        if name != DESCRIPTION or not own
    ]
    return {"description": own, "tags": tags}


def _bitmap(mask: Rle) -> Record:
    pixels, (x, y) = mask.crop()
    data = png.write_png(pixels.astype(np.uint8) * 255)
    return {"data": base64.b64encode(zlib.compress(data, 9)).decode("ascii"), "origin": [x, y]}


def _color(row: int) -> str:
    return f"#{(row + 1) * _HUE % 2**24:06X}"
