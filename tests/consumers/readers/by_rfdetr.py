"""RF-DETR: the dataset that its trainer builds, as long as it has not resized the pictures."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from rfdetr.datasets import build_dataset

from tests.consumers.readers.answer import Object, Picture, answer

SETTINGS = {
    "square_resize_div_64": True,
    "segmentation_head": False,
    "multi_scale": False,
    "expanded_scales": False,
    "patch_size": 16,
    "num_windows": 2,
}


def pictures(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in ("train", "val"):
        settings = Namespace(dataset_dir=str(root), dataset_file="roboflow", **SETTINGS)
        dataset = build_dataset(split, settings, 128)
        for row in range(len(dataset)):
            dataset[row]
        dataset._transforms, dataset.transforms, dataset._draft_size = None, None, None
        names = {number: one["name"] for number, one in dataset.coco.cats.items()}
        numbers = getattr(dataset, "label2cat", None) or {number: number for number in names}
        for image, target in (dataset[row] for row in range(len(dataset))):
            number = int(target["image_id"])
            pairs = zip(target["labels"].tolist(), target["boxes"].tolist(), strict=True)
            objects = [Object(names[numbers[label]], box) for label, box in pairs]
            width, height = image.size
            yield dataset.coco.imgs[number]["file_name"], Picture(width, height, objects, split)


answer({"coco-roboflow": pictures, "yolo-detect": pictures, "yolo-detect-flat": pictures})
