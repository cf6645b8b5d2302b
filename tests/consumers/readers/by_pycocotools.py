"""pycocotools: ``COCO(file)``, with the area of each mask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pycocotools.coco import COCO

from tests.consumers.readers.answer import Object, Picture, answer, box_of


def documents(files: str, root: Path) -> Iterator[tuple[str, Picture]]:
    for path in sorted(root.glob(files)):
        coco = COCO(str(path))
        for number in coco.getImgIds():
            [image] = coco.loadImgs(number)
            objects = []
            for one in coco.loadAnns(coco.getAnnIds(imgIds=number)):
                [category] = coco.loadCats(one["category_id"])
                rings = one["segmentation"] if isinstance(one.get("segmentation"), list) else []
                area = float(coco.annToMask(one).sum()) if one.get("segmentation") else None
                points = [one["keypoints"][at : at + 3] for at in range(0, len(one.get("keypoints", [])), 3)]
                objects.append(Object(category["name"], box_of(*one["bbox"]), rings, points, area))
            yield image["file_name"], Picture(image["width"], image["height"], objects, id=str(number))


answer(
    {
        "coco": partial(documents, "annotations/instances_*.json"),
        "coco-datumaro": partial(documents, "annotations/instances_*.json"),
        "coco-roboflow": partial(documents, "*/_annotations.coco.json"),
    }
)
