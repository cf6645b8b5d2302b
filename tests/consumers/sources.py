"""The data sets that the bench converts: the photos of the fixtures, and turned rectangles with all kinds of labels."""

from __future__ import annotations

import json
from itertools import count
from math import cos, radians, sin
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SIZES = ((160, 120), (96, 128), (128, 128))  # of the pictures in turn
PICTURES = {
    "train": ("one.png", "two.jpg", "empty.jpg", "deep/three.jpg", "deep/four.png", "five.jpg"),
    "val": ("six.jpg", "seven.png", "none.jpg"),
}
EMPTY = {"empty.jpg", "none.jpg"}
CLASSES = {3: "cat", 5: "rabbit", 18: "dog"}  # no picture shows a rabbit
BOX = {"image_id", "category_id", "bbox", "area", "iscrowd"}
OUTLINE = {"segmentation", "num_keypoints", "keypoints"}
POINTS = ("nose", "left_ear", "right_ear")


def draw_rectangles(root: Path, *, boxes_alone: bool = False, filled: bool = False) -> Path:
    """A COCO data set at `root`: each picture has two turned rectangles with a polygon and three keypoints each, or
    none. It has sub-folders, JPEG and PNG, a class without objects, and pictures without objects. With `boxes_alone`
    objects have no polygons and no keypoints; where it is `filled` every picture has objects.
    """
    kept = BOX if boxes_alone else BOX | OUTLINE
    (root / "annotations").mkdir(parents=True)
    numbers, ids = count(11), count(101)
    for split, names in PICTURES.items():
        pictures: list[dict[str, Any]] = []
        objects: list[dict[str, Any]] = []
        for name in names:
            if filled and name in EMPTY:
                continue
            number = next(numbers)
            size = SIZES[number % len(SIZES)]
            pictures.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
            own = [] if name in EMPTY else [_rectangle(number, row, size) for row in (0, 1)]
            objects += [{"id": next(ids), **{key: one[key] for key in one if key in kept}} for one in own]
            path = root / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _draw(path, size, own)
        document = {
            "images": pictures,
            "annotations": objects,
            "categories": [
                {"id": category, "name": name, **({} if boxes_alone else {"keypoints": POINTS})}
                for category, name in CLASSES.items()
            ],
        }
        path = root / "annotations" / f"instances_{split}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
    return root


def _rectangle(number: int, row: int, size: tuple[int, int]) -> dict[str, Any]:
    """Rectangle `row` of picture `number`, in its left or right half."""
    x, y = size[0] * (0.27 + 0.46 * row) + number % 3, size[1] * 0.5 + 1.37 * (number % 5)
    half_width, half_height, turn = 18.25 - row, 9.5 + row, radians(13 + 31 * row + 7 * number)
    across, down = (cos(turn), sin(turn)), (-sin(turn), cos(turn))
    corners = [
        (
            round(x + a * half_width * across[0] + b * half_height * down[0], 3),
            round(y + a * half_width * across[1] + b * half_height * down[1], 3),
        )
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    xs, ys = zip(*corners, strict=True)
    seen = [2, 2, 1 + (number + row) % 2]
    points = [(x, y), *((round(x + s * half_width / 2, 2), round(y - 4, 2)) for s in (-1, 1))]
    return {
        "image_id": number,
        "category_id": (3, 18)[(number + row) % 2],
        "bbox": [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)],
        "area": 4 * half_width * half_height,
        "iscrowd": 0,
        "segmentation": [[value for corner in corners for value in corner]],
        "num_keypoints": len(points),
        "keypoints": [value for (px, py), v in zip(points, seen, strict=True) for value in (px, py, v)],
    }


def _draw(path: Path, size: tuple[int, int], objects: list[dict[str, Any]]) -> None:
    picture = Image.new("RGB", size, (70, 90, 80))
    pen = ImageDraw.Draw(picture)
    for one in objects:
        ring = one["segmentation"][0]
        pen.polygon(list(zip(ring[::2], ring[1::2], strict=True)), (230, 180, 40 * (one["category_id"] % 6)))
    picture.save(path)
