"""supervision: ``DetectionDataset.from_…`` of each format; every picture is decoded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import supervision
from PIL import Image

from tests.consumers.readers.answer import Object, Picture, answer, splits_of


def pictures(dataset: Any, split: str) -> Iterator[tuple[str, Picture]]:
    for path, image, found in dataset:
        corners = found.data.get("xyxyxyxy")
        objects = [
            Object(
                dataset.classes[found.class_id[row]],
                found.xyxy[row].tolist(),
                [] if corners is None else [corners[row].ravel().tolist()],
                area=None if found.mask is None else float(found.mask[row].sum()),
            )
            for row in range(len(found))
        ]
        yield path, Picture(image.shape[1], image.shape[0], objects, split)


def coco(document: str, images: str, root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, document):
        file, folder = root / document.format(split), root / images.format(split)
        yield from pictures(supervision.DetectionDataset.from_coco(str(folder), str(file)), split)


def yolo(root: Path, *, is_obb: bool = False) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "images/{}"):
        folders = [str(root / part / split) for part in ("images", "labels")]
        made = supervision.DetectionDataset.from_yolo(*folders, str(root / "data.yaml"), is_obb=is_obb)
        yield from pictures(made, split)


def voc(root: Path) -> Iterator[tuple[str, Picture]]:
    folders = [str(root / part) for part in ("JPEGImages", "Annotations")]
    yield from pictures(supervision.DetectionDataset.from_pascal_voc(*folders), "")


def labelme(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "{}"):
        folder = str(root / split)
        yield from pictures(supervision.DetectionDataset.from_labelme(folder, folder), split)


def createml(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "{}/_annotations.createml.json"):
        folder = root / split
        file = folder / "_annotations.createml.json"
        yield from pictures(supervision.DetectionDataset.from_createml(str(folder), str(file)), split)


def answers(model: str, root: Path) -> Iterator[tuple[str, Picture]]:
    """The answers of JSON lines, as those of a model that has seen the picture in its own size."""
    for split in splits_of(root, "{}.jsonl"):
        for line in (root / f"{split}.jsonl").read_text("utf-8").splitlines():
            said = json.loads(line)
            with Image.open(root / "images" / split / said["image"]) as picture:
                size = picture.size
            text = said["suffix"] if "suffix" in said else said["conversations"][-1]["value"]
            found = supervision.Detections.from_vlm(model, text, resolution_wh=size)
            boxes, names = found.xyxy.tolist(), found.data["class_name"].tolist()
            yield said["image"], Picture(*size, [Object(*one) for one in zip(names, boxes, strict=True)], split)


answer(
    {
        "coco": partial(coco, "annotations/instances_{}.json", "{}"),
        "coco-datumaro": partial(coco, "annotations/instances_{}.json", "images/{}"),
        "coco-roboflow": partial(coco, "{}/_annotations.coco.json", "{}"),
        "yolo-detect": yolo,
        "yolo-detect-flat": yolo,
        "yolo-segment-flat": yolo,
        "yolo-pose-flat": yolo,
        "yolo-obb-flat": partial(yolo, is_obb=True),
        "voc": voc,
        "voc-flat": voc,
        "labelme": labelme,
        "labelme-flat": labelme,
        "createml": createml,
        "vlm-qwen3-vl": partial(answers, "qwen_3_vl"),
        "vlm-paligemma": partial(answers, "paligemma"),
    }
)
