"""sahi: ``Coco.from_coco_dict_or_path``; its boxes are whole pixels in sliced pictures alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sahi.utils.coco import Coco

from tests.consumers.readers.answer import Object, Picture, answer, box_of, splits_of


def documents(document: str, images: str, root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, document):
        coco = Coco.from_coco_dict_or_path(str(root / document.format(split)), str(root / images.format(split)))
        for image in coco.images:
            objects = [
                Object(one.category_name, box_of(*one.bbox), one.segmentation or []) for one in image.annotations
            ]
            yield image.file_name, Picture(image.width, image.height, objects, split)


answer(
    {
        "coco": partial(documents, "annotations/instances_{}.json", "{}"),
        "coco-datumaro": partial(documents, "annotations/instances_{}.json", "images/{}"),
        "coco-roboflow": partial(documents, "{}/_annotations.coco.json", "{}"),
    }
)
