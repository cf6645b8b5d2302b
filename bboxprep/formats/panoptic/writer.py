"""Writes COCO panoptic: ``annotations/panoptic_<split>.json`` with a PNG an image in ``annotations/panoptic_<split>/``.

A segment is drawn in the pixels of the object's polygons, mask, oriented box or box, whichever it has first; its
``area`` counts those that can be seen. ``bbox`` is the exact box of the object, in px with decimals. Where objects
overlap, stuff lies below crowd regions and these below things, else `model.pixel_owners` says what lies above; pixels
that are hidden are counted in a finding. Ids are unique in an image. A class that does not say so is one of things.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.formats import json_text, object_records, per_split
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.panoptic.options import CARRIES, COLOR, IS_THING
from bboxprep.formats.panoptic.reader import labels_digest
from bboxprep.geometry.decimals import lengths
from bboxprep.io import atomic, paths, png, spooled_lines
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.ids import assign_ids
from bboxprep.model.instance import Instance
from bboxprep.model.pixel_owners import PixelOwners, draw_objects, drawing_findings
from bboxprep.model.sample import Sample

_SPREAD = 0x9E3779B1  # an odd multiplier: neighbours get ids, and colors, that differ much, and no two the same
_COLORS = 1 << 24
_STUFF, _CROWD, _THING = range(3)  # what lies above what
_OWN_TABLES = frozenset({"images", "annotations", "categories"})
_IMAGE_FIELDS = frozenset({"id", "file_name", "width", "height"})


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> PanopticWriter:  # noqa: ARG001
    """A writer of COCO panoptic below `root`. Raises `AnnotationError` for a class without a name."""
    object_records.check_class_names(dataset)
    return PanopticWriter(root, dataset)


class PanopticWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._categories = dataset.categories
        self._extra: Mapping[str, Any] = dataset.extra.get("panoptic", {})
        self._splits = per_split.PerSplit(partial(_SplitRecords, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image, and that of its PNG of segments."""
        return f"{split}/{name}", f"annotations/panoptic_{split}/{_png_name(name)}"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The PNG and the records of each labelled image."""
        return list(map(self._labels, batch, images))

    def collect(self, entry: tuple[str, int, bytes, bytes]) -> None:
        """Store the records of one image."""
        split, number, image, segments = entry
        self._splits[split].add(number, image, segments)

    @property
    def documents(self) -> tuple[str, ...]:
        """One for each split."""
        return tuple(f"annotations/panoptic_{split}.json" for split in self._splits)

    def close(self) -> None:
        """Write the documents."""
        others = {name: value for name, value in self._extra.items() if name not in _OWN_TABLES}
        numbered = zip(self._categories.ids, self._categories, strict=True)
        classes = [_class_record(number, category) for number, category in numbered]
        for split, records in self._splits.items():
            path = f"annotations/panoptic_{split}.json"
            head = json_text.encode_json({"info": {}, "licenses": [], **others, "categories": classes}, path)
            atomic.write_chunks(self._root / path, records.document(head))
            records.close()

    def _labels(self, sample: Sample, image: str) -> Labels:
        name = image.removeprefix(f"{sample.split}/")
        own: Mapping[str, Any] = sample.extra.get("panoptic", {})
        record = {"file_name": name, "width": sample.size.width, "height": sample.size.height}
        record |= {field: value for field, value in own.items() if field not in _IMAGE_FIELDS}
        data = json_text.encode_json(record, image)
        if not sample.labelled and not len(sample.instances):
            return Labels(entry=(sample.split, sample.id, data, b""))
        drawn = draw_objects(sample.instances, sample.size, list(map(self._level, sample.instances)))
        ids = _ids(len(sample.instances))
        png = _picture(drawn, ids)
        segments = self._segments(sample, drawn, ids)
        path = f"annotations/panoptic_{sample.split}/{_png_name(name)}"
        findings = tuple(drawing_findings(sample, drawn))
        entry = (sample.split, sample.id, data, segments)
        return Labels(len(sample.instances), findings, ((path, png),), entry, labels_digest(segments, png))

    def _level(self, one: Instance) -> int:
        if self._categories[one.label].extra.get(IS_THING) in (0, False):
            return _STUFF
        return _CROWD if one.crowd else _THING

    def _segments(self, sample: Sample, drawn: PixelOwners, ids: Sequence[int]) -> bytes:
        boxes, numbers = sample.boxes, self._categories.ids
        sides = lengths(boxes[:, :2].ravel(), boxes[:, 2:].ravel()).reshape(-1, 2)
        records = [
            {
                "id": identity,
                "category_id": numbers[one.label],
                "area": area,
                "bbox": [*map(_plain, (*one.box[:2].tolist(), *side))],
                "iscrowd": int(one.crowd),
            }
            for one, identity, area, side in zip(
                sample.instances, ids, drawn.visible.tolist(), sides.tolist(), strict=True
            )
        ]
        return msgspec.json.encode(records)


class _SplitRecords:
    """The encoded records of the images of a split, until the ids of the images are known."""

    def __init__(self, root: Path) -> None:
        self._images, self._segments = spooled_lines.SpooledLines(root), spooled_lines.SpooledLines(root)
        self._ids = array("q")

    def add(self, number: int, image: bytes, segments: bytes) -> None:
        self._ids.append(max(0, number))
        self._images.add(image)
        self._segments.add(segments)

    def close(self) -> None:
        self._images.close()
        self._segments.close()

    def document(self, head: bytes) -> Iterator[bytes]:
        """The document in chunks, one record a line."""
        ids = assign_ids(self._ids)
        yield head[:-1] + b',"images":['
        for place, (number, image) in enumerate(zip(ids, self._images, strict=True)):
            yield b'%b{"id":%d,%b' % (b",\n" if place else b"\n", number, image[1:])
        yield b'\n],"annotations":['
        before = b"\n"
        names = [_png_name(msgspec.json.decode(image)["file_name"]) for image in self._images]
        for number, name, segments in zip(ids, names, self._segments, strict=True):
            if segments:
                png = msgspec.json.encode(name)
                yield b'%b{"image_id":%d,"file_name":%b,"segments_info":%b}' % (before, number, png, segments)
                before = b",\n"
        yield b"\n]}\n"


def _png_name(image: str) -> str:
    return f"{paths.stem_of(image)}.png"


def _ids(count: int) -> list[int]:
    """An id for each of `count` segments, 1 to 2**24 - 1, all different."""
    return [row * _SPREAD % _COLORS for row in range(1, count + 1)]


def _picture(drawn: PixelOwners, ids: Sequence[int]) -> bytes:
    """The PNG of the ids: R + 256 G + 65536 B, 0 for none."""
    table = np.array([*ids, 0], dtype=np.int64)  # the last one for `NOBODY`, -1
    colors = np.stack([table & 255, table >> 8 & 255, table >> 16], axis=-1).astype(np.uint8)
    return png.write_png(colors[drawn.owners])


def _plain(value: float) -> float | int:
    """`value` as an int where it is whole, as COCO's own files have it."""
    return int(value) if value.is_integer() else value


def _class_record(number: int, category: Category) -> dict[str, Any]:
    color = number * _SPREAD % _COLORS
    record = {"id": number, "name": category.name, "supercategory": category.supercategory, IS_THING: 1}
    record[COLOR] = [color & 255, color >> 8 & 255, color >> 16]
    return record | {name: value for name, value in category.extra.items() if name not in ("id", "name")}
