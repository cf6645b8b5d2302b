"""Writes COCO: one document a split. Records are stored as encoded lines until their ids are known.

The lines are in temporary files in the output folder, so that memory does not grow with the number of images.

Numbers are shortest decimals. A width is the shortest number that gives x1 when it is added to x. The difference
``x1 - x`` rarely has that property, and boxes would drift with every round trip.

**Oriented boxes.** COCO has no field for them, and two customs. DOTA's own converter, and what trains on its files, has
the upright box around the corners as `bbox` and the four corners as `segmentation`: right for every program. CVAT has
the box before its turn as `bbox` and the degrees as ``attributes.rotation``: a program that does not know that trains
on boxes that lie beside their objects. So the first is written unless the second is asked for (``oriented="rotation"``)
and the corners are those of a rectangle. The field ``oriented_box`` tells the corners from a polygon, and has them
where an object has polygons or a mask as well.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.coco.fields import CARRIES, CORNERS, KNOWN_FIELDS, OWN_FIELDS, ROTATION, TRACK
from bboxprep.formats.coco.options import CocoWriteOptions
from bboxprep.formats.coco.rotation import TurnedBoxes, turned_boxes
from bboxprep.formats.json_text import encode_json
from bboxprep.formats.per_split import PerSplit
from bboxprep.geometry.affine import Size
from bboxprep.geometry.decimals import lengths
from bboxprep.geometry.shapes import Boxes
from bboxprep.io.atomic import write_chunks
from bboxprep.io.spooled_lines import SpooledLines
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.columns import NO_TRACK, Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.ids import assign_ids
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from bboxprep.model.shape_choice import best_shape, object_areas
from bboxprep.model.splits import USUAL, known_split

_IMAGE_FIELDS = frozenset({"id", "file_name", "width", "height"})
_OWN_TABLES = frozenset({"images", "annotations", "categories"})
_MAX_ID = 2**63 - 1
_CHUNK = 64  # records that are written at once


@writes
def write(root: Path, dataset: Dataset, options: CocoWriteOptions) -> CocoWriter:
    """A writer of COCO below `root`, which keeps ids of classes, images and objects where they are valid and unique.

    Raises `UsageError` for splits in the layout of Roboflow by whose names no folder is known as one.
    """
    if options.layout == "roboflow" and len(dataset.splits) > 1 and not any(map(known_split, dataset.splits)):
        have = f"split: have {', '.join(dataset.splits)}"
        raise UsageError(f"{have}, want {', '.join(USUAL)} among them for `layout='roboflow'`")
    return CocoWriter(root, dataset, options)


class CocoWriter:
    """Writes a document a split, in the places of the layout (`CocoWriteOptions`)."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset, options: CocoWriteOptions) -> None:
        self._root, self._options = root, options
        self._categories = dataset.categories
        self._extra: Mapping[str, Any] = dataset.extra.get("coco", {})
        self._records = PerSplit(partial(_SplitRecords, root), dataset.splits)

    @property
    def carries(self) -> frozenset[Column]:
        """All columns that COCO holds."""
        return CARRIES

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"{self._options.folder(split)}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The labels of all samples, without ids. Raises `UsageError` for attributes that JSON cannot hold."""
        records = map(b"\n".join, batch.split(_annotations(batch, images, self._categories, self._options)))
        numbers = batch.split(batch.instances.ids.tolist())
        columns = zip(*map(batch.values, ("split", "id", "extra")), batch.planes, images, numbers, records, strict=True)
        findings, made = _findings(batch, self._options), []
        for row, (split, number, extra, size, image, own, lines) in enumerate(columns):
            name = image.removeprefix(f"{self._options.folder(split)}/")
            entry = (split, number, _image_record(name, size, extra), own, lines)
            made.append(Labels(len(own), findings.get(row, ()), entry=entry))
        return made

    def collect(self, entry: tuple[str, int, bytes, list[int], bytes]) -> None:
        """Store the records of one image."""
        split, number, image, numbers, lines = entry
        self._records[split].add(number, image, numbers, lines)

    @property
    def documents(self) -> tuple[str, ...]:
        """The paths of the documents, one for each split."""
        return tuple(map(self._options.document, self._records))

    def close(self) -> None:
        """Write the documents."""
        tables = {"info": self._extra.get("info", {}), "licenses": self._extra.get("licenses", [])}
        others = {name: value for name, value in self._extra.items() if name not in tables.keys() | _OWN_TABLES}
        categories = [
            _category(number, category)
            for number, category in zip(self._categories.ids, self._categories.items, strict=True)
        ]
        for split, records in self._records.items():
            path = self._options.document(split)
            head = encode_json({**tables, **others}, path)
            classes = [encode_json(category, path) for category in categories]
            write_chunks(self._root / path, records.document(head, classes))
            records.close()


class _SplitRecords:
    """The encoded records of one split, without ids, which are assigned when all are known. Raises `TargetError` where
    the disk of `root` is full.
    """

    def __init__(self, root: Path) -> None:
        self._images = SpooledLines(root)
        self._annotations = SpooledLines(root)
        self._image_ids = array("q")
        self._annotation_ids = array("q")
        self._counts = array("q")  # of the annotations of each image

    def add(self, number: int, image: bytes, numbers: Sequence[int], lines: bytes) -> None:
        self._images.add(image)
        if lines:
            self._annotations.add(lines)
        self._image_ids.append(number if 0 < number <= _MAX_ID else 0)
        self._annotation_ids.extend(numbers)
        self._counts.append(len(numbers))

    def close(self) -> None:
        self._images.close()
        self._annotations.close()

    def document(self, head: bytes, categories: Sequence[bytes]) -> Iterator[bytes]:
        """The document in chunks, one record a line."""
        image_ids = assign_ids(self._image_ids)
        yield head[:-1]
        yield from _list(b"categories", categories)
        yield from _list(b"images", map(_numbered, image_ids, self._images))
        yield from _list(b"annotations", self._numbered_annotations(image_ids))
        yield b"}\n"

    def _numbered_annotations(self, image_ids: Iterable[int]) -> Iterable[bytes]:
        numbered = zip(assign_ids(self._annotation_ids), self._annotations, strict=True)
        for image_id, count in zip(image_ids, self._counts, strict=True):
            for number, line in islice(numbered, count):
                yield b'{"id":%d,"image_id":%d,%b' % (number, image_id, line[1:])


def _image_record(name: str, size: Size, extra: Mapping[str, Any]) -> bytes:
    """The encoded record of the image `name`, without its id; `extra` is that of its sample."""
    record = {"file_name": name, "width": size.width, "height": size.height}
    own: Mapping[str, Any] = extra.get("coco", {})
    if own:
        record |= {name: value for name, value in own.items() if name not in _IMAGE_FIELDS}
    return encode_json(record, name)


def _annotations(batch: Batch, images: Sequence[str], categories: Categories, options: CocoWriteOptions) -> list[bytes]:
    """The encoded record of each object."""
    instances = batch.instances
    ids = np.array(categories.ids, dtype=np.int64)[instances.labels].tolist()
    turned = turned_boxes(instances) if options.oriented == "rotation" else {}
    edges = instances.boxes.copy() if turned else instances.boxes
    for row, numbers in turned.items():
        edges[row] = numbers[:4]
    boxes, areas = _box_texts(edges), _numbers(object_areas(instances))
    crowd, shapes = instances.crowd.tolist(), _segmentations(instances, turned)
    others = _optional_fields(batch, images, categories, turned)
    return [_RECORD % record for record in zip(ids, boxes, areas, crowd, shapes, others, strict=True)]


_RECORD = b'{"category_id":%d,"bbox":[%b],"area":%b,"iscrowd":%d,"segmentation":%b%b}'


def _numbers(values: Sequence[float]) -> list[bytes]:
    """Each of `values` as a shortest decimal in ASCII."""
    return msgspec.json.encode(values)[1:-1].split(b",")[: len(values)]


def _box_texts(boxes: Boxes) -> list[bytes]:
    """x, y, width and height of each box, separated by commas."""
    low, high = boxes[:, :2], boxes[:, 2:]
    extents = lengths(low.ravel(), high.ravel()).reshape(-1, 2)
    return msgspec.json.encode(np.concatenate((low, extents), axis=1).tolist())[2:-2].split(b"],[")[: len(boxes)]


def _segmentations(instances: Instances, turned: TurnedBoxes) -> list[bytes]:
    """The rings or the mask of each object as JSON; of an oriented box its corners, unless it is `turned`."""
    if not instances.column_counts.keys() & {Column.POLYGONS, Column.MASKS, Column.ORIENTED}:
        return [b"[]"] * len(instances)
    texts = instances.polygons.texts or [b""] * len(instances)  # those are written as they are
    polygons: Sequence[Rings] = [()] * len(instances) if instances.polygons.texts else instances.polygons
    shapes = list(map(best_shape, polygons, instances.masks))
    for row in np.flatnonzero(instances.has(Column.ORIENTED)).tolist():
        if row not in turned:
            shapes[row] = shapes[row] or (instances.oriented[row],)
    return [text or msgspec.json.encode(_segmentation(shape)) for text, shape in zip(texts, shapes, strict=True)]


def _segmentation(shape: Rings | Rle | None) -> object:
    if not isinstance(shape, Rle):
        return [ring.ravel().tolist() for ring in shape or ()]
    counts = shape.text().decode("ascii") if shape.compressed else shape.runs
    return {"size": [shape.size.height, shape.size.width], "counts": counts}


def _optional_fields(batch: Batch, images: Sequence[str], categories: Categories, turned: TurnedBoxes) -> list[bytes]:
    """The encoded optional fields of each object, with a leading comma."""
    instances = batch.instances
    fields = defaultdict[int, dict[str, Any]](dict)
    if instances.visibility.size or any(category.keypoints for category in categories):
        _add_keypoints(fields, batch, categories)
    for row in np.flatnonzero(instances.has(Column.SCORES)).tolist():
        fields[row]["score"] = float(instances.scores[row])
    for row in np.flatnonzero(instances.has(Column.ATTRIBUTES) | instances.has(Column.TRACKS)).tolist():
        fields[row] |= _other_fields(instances.attributes[row], int(instances.tracks[row]))
    for row in np.flatnonzero(instances.has(Column.ORIENTED)).tolist():
        if row in turned:
            fields[row]["attributes"] = {**fields[row].get("attributes", {}), ROTATION: turned[row][4]}
        else:
            fields[row][CORNERS] = instances.oriented[row].ravel().tolist()
    texts = [b""] * len(instances)
    for row, own in fields.items():
        if own:
            texts[row] = b",%b" % encode_json(own, images[batch.owners[row]])[1:-1]
    return texts


def _add_keypoints(fields: defaultdict[int, dict[str, Any]], batch: Batch, categories: Categories) -> None:
    """Add to the `fields` of each object as many keypoints as its class names or as are labelled, whichever is more."""
    instances = batch.instances
    seen, points = instances.visibility.tolist(), instances.keypoints
    pixels: Any = lengths(np.full(points.size, 0.5), points.ravel()).reshape(points.shape).tolist()
    named = np.array([len(category.keypoints) for category in categories], dtype=np.int64)[instances.labels].tolist()
    for row, (flags, places) in enumerate(zip(seen, pixels, strict=True)):
        labelled = [number for number, flag in enumerate(flags, 1) if flag]
        if count := max(named[row], labelled[-1] if labelled else 0):
            triples = [(x, y, flag) if flag else (0.0, 0.0, 0) for (x, y), flag in zip(places, flags, strict=True)]
            triples += [(0.0, 0.0, 0)] * (count - len(triples))
            fields[row]["keypoints"] = list(chain.from_iterable(triples[:count]))
            fields[row]["num_keypoints"] = len(labelled)


def _other_fields(attributes: Mapping[str, Any], track: int) -> dict[str, Any]:
    """The attributes, the track id, and fields that COCO does not define, in their original places."""
    plain = {name: value for name, value in attributes.items() if name != OWN_FIELDS}
    own = attributes.get(OWN_FIELDS)
    fields = own if isinstance(own, Mapping) else {}
    rest = {name: value for name, value in fields.items() if name not in KNOWN_FIELDS}
    if track != NO_TRACK:
        rest = rest | {TRACK: track} if TRACK in rest else {TRACK: track} | rest
    return ({"attributes": plain} if plain else {}) | rest


def _category(number: int, category: Category) -> dict[str, Any]:
    record = {"id": number, "name": category.name, "supercategory": category.supercategory}
    if category.keypoints:
        record["keypoints"] = category.keypoints
    if category.skeleton:
        record["skeleton"] = category.skeleton
    if category.flip_idx:
        record["flip_idx"] = category.flip_idx
    return record | {name: value for name, value in category.extra.items() if name not in record}


def _findings(batch: Batch, options: CocoWriteOptions) -> dict[int, tuple[Finding, ...]]:
    """The findings about images whose objects COCO does not hold as they are, by row."""
    instances = batch.instances
    rows = instances.column_counts.keys()
    odd = set[int]()
    if Column.ORIENTED in rows and options.oriented == "rotation":
        odd |= set(batch.owners[instances.has(Column.ORIENTED)].tolist())
    if rows >= {Column.POLYGONS, Column.MASKS}:
        odd |= set(batch.owners[instances.has(Column.POLYGONS) & instances.has(Column.MASKS)].tolist())
    return {row: tuple(_sample_findings(batch[row], options)) for row in sorted(odd)}


def _sample_findings(sample: Sample, options: CocoWriteOptions) -> Iterable[Finding]:
    instances = sample.instances
    oriented = instances.column_counts.get(Column.ORIENTED, 0) if options.oriented == "rotation" else 0
    if left := oriented and oriented - len(turned_boxes(instances)):
        words = f"{left} oriented boxes are no upright box and a rotation; their corners are written as polygons"
        yield Finding("column-dropped", words, sample.relative_path, split=sample.split)
    if not instances.column_counts.keys() >= {Column.POLYGONS, Column.MASKS}:
        return
    both = instances.has(Column.POLYGONS) & instances.has(Column.MASKS)
    if both.any():
        words = f"objects have polygons and a mask ({both.sum()}), of which COCO holds one; the polygons are written"
        yield Finding("column-dropped", words, sample.relative_path, split=sample.split)


def _numbered(number: int, record: bytes) -> bytes:
    return b'{"id":%d,%b' % (number, record[1:])


def _list(name: bytes, records: Iterable[bytes]) -> Iterator[bytes]:
    yield b',\n"%b":[' % name
    remaining, before = iter(records), b"\n"
    while chunk := list(islice(remaining, _CHUNK)):
        yield before + b",\n".join(chunk)
        before = b",\n"
    yield b"]"
