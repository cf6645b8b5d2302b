"""datumaro: ``Dataset.import_from`` of each format; the size of each picture is that of its decoded pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from datumaro import AnnotationType, Dataset

from tests.consumers.readers.answer import Object, Picture, answer, box_of, splits_of
from tests.consumers.readers.kitti import without_regions, words_of_rows

OUTLINES = (AnnotationType.polygon, AnnotationType.mask, AnnotationType.rotated_bbox)


def objects_of(annotations: Any, labels: Any) -> Iterator[Object]:
    """The objects: a box and the outlines of its group are one, as in COCO."""
    boxes = [one for one in annotations if one.type == AnnotationType.bbox]
    grouped = {one.group for one in boxes if one.group}
    for one in [*boxes, *(one for one in annotations if one.type in OUTLINES and one.group not in grouped)]:
        rings = [
            [*map(float, part.points)]
            for part in annotations
            if part.type == AnnotationType.polygon and (part is one or (one.group and part.group == one.group))
        ]
        yield Object(labels[one.label].name, box_of(*one.get_bbox()), rings)


def imported(format: str, root: Path) -> Iterator[tuple[str, Picture]]:
    dataset = Dataset.import_from(str(root), format)
    labels = dataset.categories()[AnnotationType.label]
    for item in dataset:
        height, width = item.media.size
        yield str(item.id), Picture(width, height, list(objects_of(item.annotations, labels)), item.subset)


def openimages(root: Path) -> Iterator[tuple[str, Picture]]:
    """Its classes are the ids, whose names stand in a table."""
    lines = (root / "annotations" / "class-descriptions.csv").read_text("utf-8").splitlines()
    yield from renamed(imported("open_images", root), dict(line.split(",", 1) for line in lines))


def dota(root: Path) -> Iterator[tuple[str, Picture]]:
    """Its classes are the words of rows, which have hyphens for the blanks of a name."""
    names = (root / "classes.txt").read_text("utf-8").splitlines()
    yield from renamed(imported("dota", root), {name.replace(" ", "-"): name for name in names})


def kitti(root: Path) -> Iterator[tuple[str, Picture]]:
    """A split at a time: it joins none whose classes are first seen in another order."""
    names = words_of_rows(root)
    for split in splits_of(root, "{}/label_2"):
        yield from without_regions(imported("kitti_detection", root / split), names)


def renamed(found: Iterator[tuple[str, Picture]], names: dict[str, str]) -> Iterator[tuple[str, Picture]]:
    for path, picture in found:
        yield path, replace(picture, objects=[replace(one, name=names[one.name]) for one in picture.objects])


answer(
    {
        "coco": partial(imported, "coco"),
        "coco-datumaro": partial(imported, "coco"),
        "coco-roboflow": partial(imported, "roboflow_coco"),
        "yolo-detect": partial(imported, "yolo"),
        "yolo-detect-flat": partial(imported, "yolo"),
        "yolo-segment-flat": partial(imported, "yolo"),
        "yolo-darknet": partial(imported, "yolo"),
        "voc": partial(imported, "voc"),
        "voc-datumaro": partial(imported, "voc"),
        "cvat": partial(imported, "cvat"),
        "createml": partial(imported, "roboflow_create_ml"),
        "datumaro": partial(imported, "datumaro"),
        "dota": dota,
        "dota-flat": dota,
        "openimages": openimages,
        "kitti": kitti,
        "masks": partial(imported, "common_semantic_segmentation"),
        "mot": partial(imported, "mot_seq"),
        "panoptic": partial(imported, "coco_panoptic"),
    }
)
