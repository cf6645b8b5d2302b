"""globox: ``AnnotationSet.from_…`` of each format. It reads YOLO of one kind of pictures at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from globox import AnnotationSet

from tests.consumers.readers.answer import Object, Picture, answer, splits_of


def pictures(found: Any, split: str, names: dict[str, str] | None = None) -> Iterator[tuple[str, Picture]]:
    for one in found:
        objects = [Object((names or {}).get(box.label, box.label), [*map(float, box.ltrb)]) for box in one.boxes]
        width, height = one.image_size
        yield one.image_id, Picture(width, height, objects, split)


def coco(document: str, root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, document):
        yield from pictures(AnnotationSet.from_coco(root / document.format(split)), split)


def yolo(root: Path) -> Iterator[tuple[str, Picture]]:
    names = {str(key): name for key, name in yaml.safe_load((root / "data.yaml").read_text("utf-8"))["names"].items()}
    for split in splits_of(root, "images/{}"):
        labels, images = root / "labels" / split, root / "images" / split
        yield from pictures(AnnotationSet.from_yolo_v5(labels, image_folder=images, recursive=True), split, names)


def darknet(root: Path) -> Iterator[tuple[str, Picture]]:
    names = {str(key): name for key, name in enumerate((root / "obj.names").read_text("utf-8").split("\n"))}
    for split in splits_of(root, "obj_{}_data"):
        folder = root / f"obj_{split}_data"
        found = AnnotationSet.from_yolo_darknet(folder, image_folder=folder, recursive=True)
        yield from pictures(found, split, names)


def voc(root: Path) -> Iterator[tuple[str, Picture]]:
    yield from pictures(AnnotationSet.from_pascal_voc(root / "Annotations", recursive=True), "")


def labelme(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "{}"):
        yield from pictures(AnnotationSet.from_labelme(root / split, include_poly=True, recursive=True), split)


def cvat(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "{}.xml"):
        yield from pictures(AnnotationSet.from_cvat(root / f"{split}.xml"), split)


def via(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "{}/via_project.json"):
        file = root / split / "via_project.json"
        yield from pictures(AnnotationSet.from_via_json(file, label_key="class", image_folder=root / split), split)


def openimages(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "images/{}"):
        file, folder = root / "annotations" / f"{split}-annotations-bbox.csv", root / "images" / split
        yield from pictures(AnnotationSet.from_openimage(file, image_folder=folder), split)


answer(
    {
        "coco": partial(coco, "annotations/instances_{}.json"),
        "coco-datumaro": partial(coco, "annotations/instances_{}.json"),
        "coco-roboflow": partial(coco, "{}/_annotations.coco.json"),
        "yolo-detect": yolo,
        "yolo-detect-jpg": yolo,
        "yolo-darknet-jpg": darknet,
        "voc": voc,
        "labelme": labelme,
        "cvat": cvat,
        "via": via,
        "openimages": openimages,
    }
)
