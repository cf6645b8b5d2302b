"""labelformat: the ``…Input`` class of each format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import labelformat.formats as inputs
from labelformat.formats.semantic_segmentation.pascalvoc import PascalVOCSemanticSegmentationInput

from tests.consumers.readers.answer import Object, Picture, answer, splits_of
from tests.consumers.readers.kitti import REGION, without_regions, words_of_rows


def pictures(found: Any, split: str) -> Iterator[tuple[str, Picture]]:
    for labels in found.get_labels():
        objects = []
        for one in labels.objects:
            outline = getattr(one, "segmentation", None)
            rings = [[float(v) for point in ring for v in point] for ring in getattr(outline, "polygons", [])]
            box = one.box if outline is None else outline.bounding_box
            box = box() if callable(box) else box
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


def kitti(root: Path) -> Iterator[tuple[str, Picture]]:
    words = words_of_rows(root)
    for split in splits_of(root, "{}/label_2"):
        classes = ",".join([*words, REGION])
        found = inputs.KittiObjectDetectionInput(root / split / "label_2", classes, "../image_2")
        yield from without_regions(pictures(found, split), words)


def masks(root: Path) -> Iterator[tuple[str, Picture]]:
    """The pixels of each class are one object; the background is a class, too."""
    names = dict(enumerate((root / "class_names.txt").read_text("utf-8").splitlines()))
    for split in splits_of(root, "images/{}"):
        folders = root / "images" / split, root / "SegmentationClass" / split
        for path, picture in pictures(PascalVOCSemanticSegmentationInput.from_dirs(*folders, names), split):
            yield path, replace(picture, objects=[one for one in picture.objects if one.name != names[0]])


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
        "kitti": kitti,
        "masks": masks,
        "cvat": partial(documents, inputs.CVATObjectDetectionInput, "{}.xml"),
    }
)
