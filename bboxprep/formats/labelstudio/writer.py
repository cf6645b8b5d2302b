"""Writes Label Studio: ``<split>.json``, tasks to import, over the images in ``images/<split>/``, and
``label_config.xml`` for the project that they go to.

An object is a region: the polygon or ellipse that its ring is, else the turned rectangle of its oriented box (four
corners that are none, and those of no turn, are marked in its ``meta``), else its brush mask, else its box.
Where that does not give its box, the box is the region; what else it has (parts, a mask) are regions whose parent it
is, and so are its keypoints. Attributes are the ``meta`` of a region. Percent have so many decimals that edges come
back nearer than a millionth of a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.json_text import encode_json
from bboxprep.formats.labelstudio.brush import encode_brush
from bboxprep.formats.labelstudio.config import config_text, control_name
from bboxprep.formats.labelstudio.layout import names_no_split
from bboxprep.formats.labelstudio.options import (
    CARRIES,
    CONFIG,
    ORIENTED,
    PART,
    PLACE,
    VISIBILITY,
    LabelStudioWriteOptions,
)
from bboxprep.formats.outlines import ellipse
from bboxprep.formats.per_split import PerSplit
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.oriented import turned_box, turned_corners
from bboxprep.geometry.shapes import hull
from bboxprep.io.atomic import write_chunks, write_text
from bboxprep.io.hashing import bytes_sha256
from bboxprep.io.spooled_lines import SpooledLines
from bboxprep.io.xml_encoding import holds
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample

_NEAR = 1e-6  # px; an outline gives its box where that is no further off
_PLACES = 9  # decimals of px, as the reader rounds them
_DECIMALS = 13  # of a percent: enough for them in images of 100,000 px
_POINT_WIDTH = 0.5  # percent; the size at which a keypoint is drawn

Json = dict[str, Any]


class _Shape(NamedTuple):
    """The kind of a region, its value, the box (4,) px around it, and what its ``meta`` says of it."""

    kind: str
    value: Json
    around: Points
    marks: Mapping[str, Any] = {}


@writes
def write(root: Path, dataset: Dataset, options: LabelStudioWriteOptions) -> LabelStudioWriter:
    """A writer of Label Studio below `root`. Raises `AnnotationError` for names that XML cannot hold; `UsageError`."""
    for category in dataset.categories:
        for name in (category.name, *category.keypoints):
            if not name or not holds(name):
                problem = f"name of a class or keypoint: have {name!r}, want text without control characters"
                raise AnnotationError(dataset.root, "", problem)
    for split in dataset.splits:
        if names_no_split(split):
            raise UsageError(f"split: Label Studio calls its documents {split!r}, which cannot be the name of a split")
    return LabelStudioWriter(root, dataset, options)


class LabelStudioWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset, options: LabelStudioWriteOptions) -> None:
        self._root, self._options = root, options
        self._categories = dataset.categories
        self._splits = PerSplit(partial(_Tasks, root), dataset.splits)
        self._kinds: set[str] = set()

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"images/{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The task of each image. Raises `UsageError` for attributes that JSON cannot hold."""
        return [self._labels(sample, image) for sample, image in zip(batch, images, strict=True)]

    def collect(self, entry: tuple[str, bytes, list[str]]) -> None:
        """Store the task of one image."""
        split, task, kinds = entry
        self._splits[split].add(task)
        self._kinds.update(kinds)

    @property
    def documents(self) -> tuple[str, ...]:
        """One for each split, and the configuration."""
        return (*(f"{split}.json" for split in self._splits), CONFIG)

    def close(self) -> None:
        """Write the documents."""
        for split, tasks in self._splits.items():
            write_chunks(self._root / f"{split}.json", tasks.document())
            tasks.close()
        write_text(self._root / CONFIG, config_text(self._categories, self._kinds))

    def _labels(self, sample: Sample, image: str) -> Labels:
        regions = list(_regions(sample.instances, self._categories, sample.size))
        data = encode_json({"image": f"{self._options.url_prefix}{self._path(image)}"}, image)
        result = encode_json(regions, image)
        head = b'"predictions":[{"model_version":"bboxprep",' if self._options.results == "predictions" else (
            b'"annotations":[{'
        )  # fmt: skip
        if not sample.labelled and not regions:
            task, digest = b'"data":%b,"annotations":[]' % data, ""
        else:
            task, digest = b'"data":%b,%b"result":%b}]' % (data, head, result), bytes_sha256(result)
        kinds = sorted({region["type"].removesuffix("labels") for region in regions})
        return Labels(len(sample.instances), entry=(sample.split, task, kinds), digest=digest)

    def _path(self, image: str) -> str:
        """`image` as it stands in a URL; as it is where nothing stands before it."""
        return quote(image, errors="surrogatepass") if self._options.url_prefix else image


class _Tasks:
    """The tasks of a split. Raises `TargetError` where the disk of `root` is full."""

    def __init__(self, root: Path) -> None:
        self._lines = SpooledLines(root)
        self._count = 0

    def add(self, task: bytes) -> None:
        self._count += 1
        self._lines.add(b'{"id":%d,%b}' % (self._count, task))

    def close(self) -> None:
        self._lines.close()

    def document(self) -> Iterator[bytes]:
        """The document in chunks."""
        yield b"[\n"
        yield from self._lines.joined(b",\n")
        yield b"\n]\n"


def _regions(objects: Instances, categories: Categories, size: Size) -> Iterator[Json]:
    """The regions of `objects` in an image of `size`."""
    frame = {"to_name": "image", "original_width": size.width, "original_height": size.height, "image_rotation": 0}
    for row, label in enumerate(objects.labels.tolist()):
        category, score = categories[label], float(objects.scores[row])
        for number, (kind, value, _, marks) in enumerate(_shapes(objects, row, size)):
            meta = {**({PART: True} if number else objects.attributes[row]), **marks}
            yield {
                "id": f"r{row}-{number}" if number else f"r{row}",
                "type": f"{kind}labels",
                "from_name": control_name(kind),
                **frame,
                "value": {**value, f"{kind}labels": [category.name]},
                **({"parentID": f"r{row}"} if number else {} if math.isnan(score) else {"score": score}),
                **({"meta": meta} if meta else {}),
            }
        points, seen = objects.keypoints[row], objects.visibility[row].tolist()
        for place, (point, flag) in enumerate(zip(points, seen, strict=True)):
            if flag:
                x, y = _percent(point, size)
                named = place < len(category.keypoints)
                name = category.keypoints[place] if named else str(place)
                meta = {} if named else {PLACE: place}
                meta |= {VISIBILITY: 1} if flag == 1 else {}
                yield {
                    "id": f"r{row}-k{place}",
                    "type": "keypointlabels",
                    "from_name": control_name("keypoint", label),
                    **frame,
                    "value": {"x": x, "y": y, "width": _POINT_WIDTH, "keypointlabels": [name]},
                    "parentID": f"r{row}",
                    **({"meta": meta} if meta else {}),
                }


def _shapes(objects: Instances, row: int, size: Size) -> list[_Shape]:
    """The shapes of the object at `row`; the box first, where the others do not give it."""
    box, mask = objects.boxes[row], objects.masks[row]
    shapes = [_outline(ring, size) for ring in objects.polygons[row] if len(ring)]
    if np.isfinite(corners := objects.oriented[row]).all():
        shapes.append(_oriented(corners, size))
    if mask is not None:
        shapes.append(_Shape("brush", {"format": "rle", "rle": list(encode_brush(mask))}, mask.bounds))
    if shapes and np.abs(hull(np.concatenate([one.around for one in shapes]).reshape(-1, 2)) - box).max() <= _NEAR:
        return shapes
    low, high = np.round(box.reshape(2, 2), _PLACES)
    return [_Shape("rectangle", {**_rectangle(low, high - low, size), "rotation": 0}, box), *shapes]


def _oriented(corners: Points, size: Size) -> _Shape:
    """The turned rectangle of an oriented box; of corners (4, 2) that are none a polygon, which is marked."""
    if numbers := turned_box(corners):
        *box, degrees = numbers
        drawn = turned_corners(box, degrees)
        if np.abs(drawn - corners).max() <= _NEAR:
            sides = np.array((box[2] - box[0], box[3] - box[1]))
            value = {**_rectangle(drawn[0], sides, size), "rotation": degrees}
            return _Shape("rectangle", value, hull(corners), {} if degrees else {ORIENTED: True})
    points = [_percent(point, size) for point in corners]
    return _Shape("polygon", {"points": points, "closed": True}, hull(corners), {ORIENTED: True})


def _outline(ring: Points, size: Size) -> _Shape:
    """The shape that `ring` (P, 2) px goes around."""
    if numbers := ellipse(ring):
        cx, cy, rx, ry, degrees = numbers
        (x, y), (radius_x, radius_y) = _percent(np.array((cx, cy)), size), _percent(np.array((rx, ry)), size)
        value = {"x": x, "y": y, "radiusX": radius_x, "radiusY": radius_y, "rotation": degrees}
        return _Shape("ellipse", value, hull(ring))
    points = [_percent(point, size) for point in ring]
    return _Shape("polygon", {"points": points, "closed": True}, hull(ring))


def _rectangle(corner: Points, sides: Points, size: Size) -> Json:
    (x, y), (width, height) = _percent(corner, size), _percent(sides, size)
    return {"x": x, "y": y, "width": width, "height": height}


def _percent(pair: Points, size: Size) -> list[float]:
    """X and y (2,) px in percent of `size`."""
    shares = np.round(pair, _PLACES) / np.array(size) * 100.0
    return np.round(shares, _DECIMALS).tolist()  # type: ignore[no-any-return]
