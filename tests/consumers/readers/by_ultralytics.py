"""Ultralytics: the dataset that its trainers make of data.yaml; every item is loaded."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ultralytics.data.converter import convert_ndjson_to_yolo
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset

from tests.consumers.readers.answer import Object, Picture, answer


def dataset(task: str, root: Path) -> Iterator[tuple[str, Picture]]:
    data = check_det_dataset(str(root / "data.yaml"), autodownload=False)
    for split in ("train", "val"):
        found = YOLODataset(img_path=data[split], data=data, task=task, augment=False, imgsz=64)
        items = [found[row] for row in range(len(found))]
        for label, item in zip(found.labels, items, strict=True):
            objects = list(objects_of(label, data["names"], task))
            if len(item["cls"]) != len(objects):
                raise RuntimeError(f"{item['im_file']}: {len(item['cls'])} objects in the item")
            height, width = label["shape"]
            yield label["im_file"], Picture(int(width), int(height), objects, split)


def objects_of(label: dict[str, Any], names: dict[int, str], task: str) -> Iterator[Object]:
    height, width = label["shape"]
    for row, number in enumerate(label["cls"].ravel().tolist()):
        x, y, across, down = label["bboxes"][row].astype(float).tolist()
        edges = (x - across / 2) * width, (y - down / 2) * height, (x + across / 2) * width, (y + down / 2) * height
        outlined = task in ("segment", "obb")
        rings = [(label["segments"][row] * (width, height)).ravel().tolist()] if outlined else []
        points = label["keypoints"][row] * np.array([width, height, 1]) if task == "pose" else np.zeros((0, 3))
        yield Object(names[int(number)], list(edges), rings, points.tolist())


def ndjson(root: Path) -> Iterator[tuple[str, Picture]]:
    """The dataset that it makes of the lines, which calls each image by the number of its line."""
    lines = (root / "dataset.ndjson").read_text("utf-8").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        made = asyncio.run(convert_ndjson_to_yolo(root / "dataset.ndjson", Path(folder)))
        for path, picture in dataset("detect", made.parent):
            yield json.loads(lines[int(Path(path).stem)])["file"], picture


answer(
    {
        "yolo-detect": partial(dataset, "detect"),
        "yolo-yolov5": partial(dataset, "detect"),
        "yolo-segment": partial(dataset, "segment"),
        "yolo-pose": partial(dataset, "pose"),
        "yolo-obb": partial(dataset, "obb"),
        "ndjson": ndjson,
    }
)
