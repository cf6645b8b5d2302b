"""transformers: its image processor of detection, without a resize, fed by a COCO file or by `datasets`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
from PIL import Image
from transformers import DetrImageProcessor

from tests.consumers.readers.answer import Object, Picture, answer, splits_of

FIELDS = ("category_id", "bbox", "area", "iscrowd")  # it fails where some objects alone have keypoints
PROCESSOR = DetrImageProcessor(do_resize=False, do_pad=False)


def processed(image: Any, annotations: list[dict[str, Any]], number: int, names: dict[int, str], split: str) -> Picture:
    made = PROCESSOR(
        images=image.convert("RGB"),
        annotations={"image_id": number, "annotations": annotations},
        return_tensors="pt",
    )
    return read_from(made, number, names, split)


def read_from(made: Any, number: int, names: dict[int, str], split: str) -> Picture:
    height, width = made["pixel_values"].shape[-2:]
    [found] = made["labels"]
    objects = [
        Object(
            names[int(label)], [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
        )
        for label, (x, y, w, h) in zip(found["class_labels"], found["boxes"].tolist(), strict=True)
    ]
    return Picture(width, height, objects, split, str(number))


def coco(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "annotations/instances_{}.json"):
        document = json.loads((root / "annotations" / f"instances_{split}.json").read_text("utf-8"))
        names = {one["id"]: one["name"] for one in document["categories"]}
        for image in document["images"]:
            own = [
                {name: one[name] for name in FIELDS}
                for one in document["annotations"]
                if one["image_id"] == image["id"]
            ]
            with Image.open(root / split / image["file_name"]) as picture:
                yield image["file_name"], processed(picture, own, image["id"], names, split)


def panoptic(root: Path) -> Iterator[tuple[str, Picture]]:
    """Segments, whose boxes it takes from their pixels."""
    processor = DetrImageProcessor(format="coco_panoptic", do_resize=False, do_pad=False)
    for split in splits_of(root, "annotations/panoptic_{}.json"):
        document = json.loads((root / "annotations" / f"panoptic_{split}.json").read_text("utf-8"))
        names = {one["id"]: one["name"] for one in document["categories"]}
        own = {one["image_id"]: one for one in document["annotations"]}
        for image in document["images"]:
            with Image.open(root / split / image["file_name"]) as picture:
                made = processor(
                    images=picture.convert("RGB"),
                    annotations=own[image["id"]],
                    masks_path=root / "annotations" / f"panoptic_{split}",
                    return_tensors="pt",
                )
            yield image["file_name"], read_from(made, image["id"], names, split)


def rows_of(rows: Any, names: list[str], split: str, column: str) -> Iterator[tuple[str, Picture]]:
    for row in rows:
        said = row.get("json", row)
        columns = said["objects"]
        fields = zip(columns["category"], columns["bbox"], columns["area"], strict=True)
        own = [{"category_id": label, "bbox": box, "area": area, "iscrowd": 0} for label, box, area in fields]
        made = processed(row[column], own, said["image_id"], dict(enumerate(names)), split)
        yield str(said["image_id"]), made


def parquet(root: Path) -> Iterator[tuple[str, Picture]]:
    with tempfile.TemporaryDirectory() as cache:
        for split, rows in datasets.load_dataset(str(root), cache_dir=cache).items():
            names = rows.features["objects"]["category"].feature.names
            yield from rows_of(rows, names, {"validation": "val"}.get(split, split), "image")


def webdataset(root: Path) -> Iterator[tuple[str, Picture]]:
    names = json.loads((root / "classes.json").read_text("utf-8"))
    for split in splits_of(root, "{}-00000.tar"):
        with tempfile.TemporaryDirectory() as cache:
            where = {"data_files": str(root / f"{split}-*.tar"), "cache_dir": cache}
            yield from rows_of(datasets.load_dataset("webdataset", split="train", **where), names, split, "jpg")


answer({"coco": coco, "panoptic": panoptic, "parquet": parquet, "webdataset-jpg": webdataset})
