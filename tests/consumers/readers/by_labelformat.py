"""labelformat: the ``…Input`` class of each format."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import labelformat.formats as inputs

from tests.consumers.readers.answer import Object, Picture, answer, splits_of


def pictures(found: Any, split: str) -> Iterator[tuple[str, Picture]]:
    for labels in found.get_labels():
        objects = []
        for one in labels.objects:
            outline = getattr(one, "segmentation", None)
            rings = [[float(v) for point in ring for v in point] for ring in getattr(outline, "polygons", [])]
            box = one.box if outline is None else outline.bounding_box()
            objects.append(Object(one.category.name, [box.xmin, box.ymin, box.xmax, box.ymax], rings))
        image = labels.image
        yield image.filename, Picture(image.width, image.height, objects, split)


def documents(read: Any, document: str, root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, document):
        yield from pictures(read(root / document.format(split)), split)


def yolo(read: Any, root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "images/{}"):
        yield from pictures(read(root / "data.yaml", split), split)


def voc(root: Path) -> Iterator[tuple[str, Picture]]:
    names = ",".join((root / "labels.txt").read_text("utf-8").split("\n")).strip(",")
    yield from pictures(inputs.PascalVOCObjectDetectionInput(root / "Annotations", names), "")


coco = partial(documents, inputs.COCOObjectDetectionInput)
answer(
    {
        "coco": partial(coco, "annotations/instances_{}.json"),
        "coco-datumaro": partial(coco, "annotations/instances_{}.json"),
        "coco-roboflow": partial(coco, "{}/_annotations.coco.json"),
        "yolo-detect": partial(yolo, inputs.YOLOv8ObjectDetectionInput),
        "yolo-yolov5": partial(yolo, inputs.YOLOv5ObjectDetectionInput),
        "yolo-segment": partial(yolo, inputs.YOLOv8InstanceSegmentationInput),
        "voc": voc,
        "voc-flat": voc,
        "cvat": partial(documents, inputs.CVATObjectDetectionInput, "{}.xml"),
    }
)
