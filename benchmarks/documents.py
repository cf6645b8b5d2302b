"""Label documents with COCO's published statistics, of any length, the same bytes for the same extent and seed.

They have 7.3 objects an image, of which four in ten are small, one in a hundred a crowd region (RLE) and the others
polygons of some 20 points; ids with gaps; 80 classes on 91 ids, one of which has a third of all objects; annotations
in no order of images. Everything is drawn in chunks, so that a document of ten million objects needs no more memory
than its index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

CHUNK = 20_000
BLANK = 0.01  # of COCO's images have no object
CROWD = 0.012
TWO_RINGS = 0.1
UNUSED_IDS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)
CATEGORY_IDS = np.array([number for number in range(1, 91) if number not in UNUSED_IDS])
SIZES = {  # width, height: share of COCO's images, rounded; the long side of nine in ten is 640
    (640, 480): 0.26,
    (640, 427): 0.17,
    (640, 426): 0.11,
    (480, 640): 0.10,
    (640, 425): 0.06,
    (427, 640): 0.05,
    (640, 428): 0.05,
    (500, 375): 0.05,
    (640, 360): 0.03,
    (640, 640): 0.02,
    (425, 640): 0.02,
    (640, 424): 0.02,
    (375, 500): 0.02,
    (500, 333): 0.02,
    (612, 612): 0.01,
    (333, 500): 0.01,
}


@dataclass(frozen=True)
class Extent:
    """How many images and objects a document has, and the seed of what they are."""

    images: int
    objects: int
    seed: int = 2017


VAL2017 = Extent(5_000, 36_781)
TRAIN2017 = Extent(118_287, 860_001)
LARGE = Extent(1_375_000, 10_000_000)  # a document of some 5 GB


@dataclass(frozen=True)
class Images:
    """The images of a document: `ids` (I,), `sizes` (I, 2) width and height, `owners` (N,) of each object."""

    ids: NDArray[np.int64]
    sizes: NDArray[np.int32]
    owners: NDArray[np.int32]

    def name(self, row: int) -> str:
        """The file name of one image."""
        return f"{self.ids[row]:012d}.jpg"


@dataclass(frozen=True)
class Objects:
    """Some objects: `owners` (n,), `labels` (n,) from 0 to 79, `boxes` (n, 4) x y w h, `areas` (n,), `shapes` as COCO
    states them (rings, or an RLE where `crowd` (n,) is set).
    """

    owners: NDArray[np.int32]
    labels: NDArray[np.int64]
    boxes: NDArray[np.float64]
    areas: NDArray[np.float64]
    shapes: list[Any]
    crowd: NDArray[np.bool_]


def category_names() -> list[str]:
    """The 80 names, in the order of their ids."""
    return [f"thing {number}" for number in CATEGORY_IDS]


def draw_images(extent: Extent) -> Images:
    """The images of a document, in the order of their ids."""
    random = np.random.default_rng(extent.seed)
    ids = np.cumsum(random.integers(1, 9, extent.images))
    sizes = np.array(list(SIZES), np.int32)[random.choice(len(SIZES), extent.images, p=list(SIZES.values()))]
    filled = random.random(extent.images) >= BLANK
    weights = random.gamma(0.9, size=extent.images) * filled
    counts = filled + random.multinomial(extent.objects - int(filled.sum()), weights / weights.sum())
    owners = np.repeat(np.arange(extent.images, dtype=np.int32), counts)
    random.shuffle(owners)
    return Images(ids, sizes, owners)


def draw_objects(images: Images, extent: Extent) -> Iterator[Objects]:
    """The objects, a chunk at a time; each chunk has its own stream of random numbers."""
    for number, start in enumerate(range(0, len(images.owners), CHUNK)):
        owners = images.owners[start : start + CHUNK]
        yield _chunk(owners, images.sizes[owners], np.random.default_rng([extent.seed, number]))


def write_document(path: Path, images: Images, extent: Extent) -> None:
    """The COCO file of all this; `categories` come last, as in COCO's own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = [
        {"supercategory": "thing", "id": int(number), "name": name}
        for number, name in zip(CATEGORY_IDS, category_names(), strict=True)
    ]
    with path.open("wb") as out:
        out.write(
            b'{"info":{"description":"drawn by chance","year":2017},"licenses":[{"id":1,"name":"none","url":""}],'
        )
        out.write(b'"images":[')
        _write_records(out, _image_records(images))
        out.write(b'],"annotations":[')
        _write_records(out, _object_records(images, extent))
        out.write(b'],"categories":' + msgspec.json.encode(categories) + b"}")


def _write_records(out: Any, chunks: Iterator[list[dict[str, Any]]]) -> None:
    for number, records in enumerate(chunks):
        out.write((b"," if number else b"") + msgspec.json.encode(records)[1:-1])


def _image_records(images: Images) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(images.ids), CHUNK):
        ids, sizes = images.ids[start : start + CHUNK].tolist(), images.sizes[start : start + CHUNK].tolist()
        yield [
            {
                "license": 1,
                "file_name": f"{number:012d}.jpg",
                "coco_url": f"https://example.org/train2017/{number:012d}.jpg",
                "height": height,
                "width": width,
                "date_captured": "2013-11-14 11:18:45",
                "flickr_url": f"https://example.org/photos/{number}_7d7cb0e3ff_z.jpg",
                "id": number,
            }
            for number, (width, height) in zip(ids, sizes, strict=True)
        ]


def _object_records(images: Images, extent: Extent) -> Iterator[list[dict[str, Any]]]:
    number = 0
    for chunk in draw_objects(images, extent):
        owners = images.ids[chunk.owners].tolist()
        classes, boxes, areas = CATEGORY_IDS[chunk.labels].tolist(), chunk.boxes.tolist(), chunk.areas.tolist()
        crowd = chunk.crowd.astype(int).tolist()
        yield [
            {
                "segmentation": chunk.shapes[row],
                "area": areas[row],
                "iscrowd": crowd[row],
                "image_id": owners[row],
                "bbox": boxes[row],
                "category_id": classes[row],
                "id": (number + row) * 3 + 1,
            }
            for row in range(len(owners))
        ]
        number += len(owners)


def _chunk(owners: NDArray[np.int32], sizes: NDArray[np.int32], random: np.random.Generator) -> Objects:
    room = sizes.prod(axis=1)
    areas = (np.exp(random.normal(8.05, 2.3, len(owners))) * room / (640 * 480)).clip(40, 0.8 * room)
    aspect = np.exp(random.normal(0, 0.5, len(owners)))
    extents = np.stack([np.sqrt(areas * aspect), np.sqrt(areas / aspect)], axis=1).clip(5, 0.98 * sizes)
    centres = extents / 2 + random.random((len(owners), 2)) * (sizes - extents)
    counts = (random.gamma(2.2, 9.0, len(owners)) + 4).astype(int)
    points = _outlines(counts, centres, extents, random)
    ends = np.cumsum(counts)
    starts = ends - counts
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    boxes = np.concatenate([low, np.round(high - low, 2)], axis=1)
    crowd = random.random(len(owners)) < CROWD
    shapes = _rings(points, starts, ends, random.random(len(owners)) < TWO_RINGS)
    for row in np.flatnonzero(crowd):
        boxes[row] = _whole(boxes[row], sizes[row])
        shapes[row] = _runs(boxes[row], sizes[row])
    areas = np.where(crowd, boxes[:, 2] * boxes[:, 3], _areas(points, starts, ends))
    return Objects(owners, _labels(len(owners), random), boxes, areas, shapes, crowd)


def _labels(count: int, random: np.random.Generator) -> NDArray[np.int64]:
    weights = 1.0 / np.arange(3, len(CATEGORY_IDS) + 3)
    weights[0] = weights[1:].sum() * 0.44
    return random.choice(len(CATEGORY_IDS), count, p=weights / weights.sum())


def _outlines(
    counts: NDArray[np.int64], centres: NDArray[np.float64], extents: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Points around each centre, all objects in one array (P, 2), two decimals as COCO's."""
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    angle = 2 * np.pi * (place + 0.8 * random.random(len(place))) / np.repeat(counts, counts)
    reach = random.uniform(0.7, 1.0, len(place))[:, None] * np.repeat(extents / 2, counts, axis=0)
    return np.round(np.repeat(centres, counts, axis=0) + reach * np.stack([np.cos(angle), np.sin(angle)], axis=1), 2)


def _areas(points: NDArray[np.float64], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    following = np.arange(1, len(points) + 1)
    following[ends - 1] = starts
    cross = points[:, 0] * points[following, 1] - points[following, 0] * points[:, 1]
    return np.abs(np.add.reduceat(cross, starts)) / 2


def _rings(
    points: NDArray[np.float64], starts: NDArray[np.int64], ends: NDArray[np.int64], two: NDArray[np.bool_]
) -> list[Any]:
    numbers: list[float] = points.ravel().tolist()
    shapes: list[Any] = [[numbers[2 * a : 2 * b]] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    for row in np.flatnonzero(two & (ends - starts >= 6)):
        whole = shapes[row][0]
        half = len(whole) // 4 * 2
        shapes[row] = [whole[:half], whole[half:]]
    return shapes


def _whole(box: NDArray[np.float64], size: NDArray[np.int32]) -> NDArray[np.float64]:
    """The box of a crowd: at least 20 pixels each way, on whole ones, inside the image."""
    extent = np.minimum(np.maximum(np.round(box[2:]), 20), size)
    return np.concatenate([np.minimum(np.round(box[:2]), size - extent), extent])


def _runs(box: NDArray[np.float64], size: NDArray[np.int32]) -> dict[str, list[int]]:
    """COCO's uncompressed RLE of a filled box: down the columns, beginning with what is outside."""
    x, y, width, height = (int(number) for number in box)
    rows, columns = int(size[1]), int(size[0])
    between = rows - height
    if not between:
        runs = [x * rows, width * rows, (columns - x - width) * rows]
    else:
        runs = [x * rows + y, *([height, between] * width)]
        runs[-1] = (columns - x - width) * rows + between - y
    return {"counts": runs, "size": [rows, columns]}
