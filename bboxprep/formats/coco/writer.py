"""Writes COCO: one document a split, its records kept as encoded lines until their ids are known.

Numbers are shortest decimals. A width is not ``x1 - x`` but the shortest number that gives ``x1`` back when it is added
to x, because the difference of two floats is seldom such a number, and boxes would creep with every trip.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isnan, nextafter
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import UsageError
from bboxprep.files import write_chunks
from bboxprep.findings import Finding
from bboxprep.formats.coco.index import standing
from bboxprep.formats.coco.records import KNOWN_FIELDS, OWN_FIELDS
from bboxprep.formats.contract import NoOptions
from bboxprep.geometry.shapes import box_areas, ring_area
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Column, Instances, Rings
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample

_IMAGE_FIELDS = frozenset({"id", "file_name", "width", "height"})
_OWN_TABLES = frozenset({"images", "annotations", "categories"})
_MOST = 2**63 - 1


def write(root: Path, dataset: Dataset, options: NoOptions) -> CocoWriter:  # noqa: ARG001
    """A writer of COCO below `root`. It preserves the ids of classes, images and objects where they can stand."""
    return CocoWriter(root, dataset)


class CocoWriter:
    """Writes ``annotations/instances_<split>.json``; an image goes to ``<split>/<name>``."""

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._categories = dataset.categories
        self._extra: Mapping[str, Any] = dataset.extra.get("coco", {})
        self._sheets = {split: _Sheet() for split in dataset.splits}

    @property
    def carries(self) -> frozenset[Column]:
        """All there is."""
        return frozenset(Column)

    def paths(self, split: str, name: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Where the image goes; the labels of a split share one file."""
        return (PurePosixPath(split) / name,)

    def add(self, sample: Sample, image: PurePosixPath) -> tuple[int, tuple[Finding, ...]]:
        """Note `sample`; how many objects, and findings. Raises `UsageError` for attributes that JSON cannot hold."""
        size = sample.size
        record = {"file_name": image.relative_to(sample.split).as_posix(), "width": size.width, "height": size.height}
        own: Mapping[str, Any] = sample.extra.get("coco", {})
        record |= {name: value for name, value in own.items() if name not in _IMAGE_FIELDS}
        lines = [_encode(line, image) for line in _annotations(sample.instances, self._categories)]
        sheet = self._sheets.setdefault(sample.split, _Sheet())
        sheet.add(sample.id, _encode(record, image), sample.instances.ids.tolist(), lines)
        return len(sample.instances), tuple(_findings(sample, image))

    def close(self) -> None:
        """Write the documents."""
        tables = {"info": self._extra.get("info", {}), "licenses": self._extra.get("licenses", [])}
        others = {name: value for name, value in self._extra.items() if name not in tables.keys() | _OWN_TABLES}
        categories = [
            _category(number, category)
            for number, category in zip(self._categories.ids, self._categories.items, strict=True)
        ]
        for split, sheet in self._sheets.items():
            path = PurePosixPath("annotations", f"instances_{split}.json")
            head = _encode({**tables, **others}, path)
            classes = [_encode(category, path) for category in categories]
            write_chunks(self._root / path, sheet.document(head, classes))


@dataclass
class _Sheet:
    """One split as encoded records without their ids, which are settled when all are known."""

    images: list[bytes] = field(default_factory=list)
    image_ids: array[int] = field(default_factory=lambda: array("q"))
    annotations: list[bytes] = field(default_factory=list)  # the lines of one image, joined
    annotation_ids: array[int] = field(default_factory=lambda: array("q"))

    def add(self, number: int, image: bytes, numbers: Iterable[int], lines: Sequence[bytes]) -> None:
        self.images.append(image)
        self.image_ids.append(number if 0 < number <= _MOST else 0)
        self.annotations.append(b"\n".join(lines))
        self.annotation_ids.extend(numbers)

    def document(self, head: bytes, categories: Sequence[bytes]) -> Iterator[bytes]:
        """The whole file in pieces, a record a line."""
        image_ids = settle_ids(self.image_ids)
        yield head[:-1]
        yield from _list(b"categories", categories)
        yield from _list(b"images", map(_numbered, image_ids, self.images))
        yield from _list(b"annotations", self._numbered_annotations(image_ids))
        yield b"}\n"

    def _numbered_annotations(self, image_ids: Iterable[int]) -> Iterable[bytes]:
        numbers = iter(settle_ids(self.annotation_ids))
        for image_id, lines in zip(image_ids, self.annotations, strict=True):
            for line in lines.split(b"\n") if lines else ():
                yield b'{"id":%d,"image_id":%d,%b' % (next(numbers), image_id, line[1:])


def settle_ids(ids: Sequence[int]) -> list[int]:
    """`ids` where they are positive and no earlier one's, else the next numbers from 1 up that are free."""
    settled = np.array(ids, dtype=np.int64)
    kept = standing(settled)
    free = np.setdiff1d(np.arange(1, len(settled) + 1), settled[kept], assume_unique=True)
    settled[~kept] = free[: (~kept).sum()]
    ids_written: list[int] = settled.tolist()
    return ids_written


def length(start: float, end: float) -> float:
    """The shortest decimal d with ``start + d == end`` in floating point; the nearest where there is none."""
    distance = end - start
    places = bisect_left(range(18), True, key=lambda count: start + round(distance, count) == end)
    candidates = (round(distance, places), distance, nextafter(distance, -inf), nextafter(distance, inf))
    return next((found for found in candidates if start + found == end), distance)


def _annotations(instances: Instances, categories: Categories) -> Iterable[dict[str, Any]]:
    areas = _areas(instances)
    for row in range(len(instances)):
        label = int(instances.labels[row])
        x0, y0, x1, y1 = instances.boxes[row].tolist()
        mask, rings = instances.masks[row], instances.polygons[row]
        attributes = {name: value for name, value in instances.attributes[row].items() if name != OWN_FIELDS}
        yield {
            "category_id": categories.ids[label],
            "bbox": [x0, y0, length(x0, x1), length(y0, y1)],
            "area": areas[row],
            "iscrowd": int(instances.crowd[row]),
            "segmentation": _segmentation(rings, mask),
            **_keypoints(instances, row, len(categories[label].keypoints)),
            **({} if isnan(instances.scores[row]) else {"score": float(instances.scores[row])}),
            **({"attributes": attributes} if attributes else {}),
            **_own_fields(instances.attributes[row].get(OWN_FIELDS)),
        }


def _areas(instances: Instances) -> list[float]:
    """The areas as stated, else those of the outline, else of the box."""
    areas = box_areas(instances.boxes)
    for row, (rings, mask) in enumerate(zip(instances.polygons, instances.masks, strict=True)):
        if rings:
            areas[row] = sum(map(ring_area, rings))
        elif mask is not None:
            areas[row] = mask.area
    stated = instances.areas
    written: list[float] = np.where(np.isnan(stated), areas, stated).tolist()
    return written


def _segmentation(rings: Rings, mask: Rle | None) -> object:
    if rings or mask is None:
        return [ring.ravel().tolist() for ring in rings]
    counts = mask.text().decode("ascii") if mask.compressed else mask.runs
    return {"size": [mask.size.height, mask.size.width], "counts": counts}


def _keypoints(instances: Instances, row: int, named: int) -> dict[str, Any]:
    """The `named` points of the class, or as many as it takes to hold all that are labelled."""
    visibility = instances.visibility[row]
    labelled = np.flatnonzero(visibility)
    count = min(max(named, int(labelled[-1]) + 1 if len(labelled) else 0), len(visibility))
    if not count:
        return {}
    triples: list[float] = []
    for (x, y), seen in zip(instances.keypoints[row, :count].tolist(), visibility[:count].tolist(), strict=True):
        triples += [length(0.5, x), length(0.5, y), seen] if seen else [0.0, 0.0, 0]
    return {"keypoints": triples, "num_keypoints": len(labelled)}


def _own_fields(value: object) -> dict[str, Any]:
    fields = value if isinstance(value, Mapping) else {}
    return {name: held for name, held in fields.items() if name not in KNOWN_FIELDS}


def _category(number: int, category: Category) -> dict[str, Any]:
    record = {"id": number, "name": category.name, "supercategory": category.supercategory}
    if category.keypoints:
        record["keypoints"] = category.keypoints
    if category.skeleton:
        record["skeleton"] = category.skeleton
    if category.flip_idx:
        record["flip_idx"] = category.flip_idx
    return record | {name: value for name, value in category.extra.items() if name not in record}


def _findings(sample: Sample, image: PurePosixPath) -> Iterable[Finding]:
    instances = sample.instances
    both = instances.has(Column.POLYGONS) & instances.has(Column.MASKS)
    if both.any():
        words = f"{int(both.sum())} objects have polygons and a mask, of which COCO holds one; the polygons are written"
        yield Finding("column-dropped", words, str(image), split=sample.split)


def _encode(value: object, shown: PurePosixPath) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{shown}: cannot be written as JSON ({error})") from error


def _numbered(number: int, record: bytes) -> bytes:
    return b'{"id":%d,%b' % (number, record[1:])


def _list(name: bytes, records: Iterable[bytes]) -> Iterator[bytes]:
    yield b',\n"%b":[' % name
    for index, record in enumerate(records):
        yield b",\n" if index else b"\n"
        yield record
    yield b"]"
