"""torchvision: ``CocoDetection``, as its detectors want it, and ``VOCDetection``; every picture is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from torchvision.datasets import CocoDetection, VOCDetection, wrap_dataset_for_transforms_v2

from tests.consumers.readers.answer import Object, Picture, answer, splits_of


def coco(document: str, images: str, root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, document):
        plain = CocoDetection(str(root / images.format(split)), str(root / document.format(split)))
        outlined = all(one.get("segmentation") for one in plain.coco.anns.values())  # it makes masks of all or of none
        wanted = ("image_id", "boxes", "labels", *(("masks",) if outlined else ()))
        wrapped = wrap_dataset_for_transforms_v2(plain, target_keys=wanted)
        for image, found in (wrapped[row] for row in range(len(wrapped))):  # a loop would end at an IndexError
            rows = zip(found.get("labels", ()), found.get("boxes", ()), strict=True)
            areas = [float(mask.sum()) for mask in found.get("masks", ())]
            objects = [
                Object(plain.coco.cats[int(label)]["name"], box.tolist(), area=areas[row] if areas else None)
                for row, (label, box) in enumerate(rows)
            ]
            name = plain.coco.imgs[found["image_id"]]["file_name"]
            yield name, Picture(image.width, image.height, objects, split, str(found["image_id"]))


def voc(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "ImageSets/Main/{}.txt"):
        dataset = VOCDetection(str(root.parents[1]), year="2012", image_set=split)
        for (image, found), path in zip(dataset, dataset.images, strict=True):
            objects = [
                Object(one["name"], [float(one["bndbox"][edge]) for edge in ("xmin", "ymin", "xmax", "ymax")])
                for one in found["annotation"]["object"]
            ]
            yield path, Picture(image.width, image.height, objects, split)


answer(
    {
        "coco": partial(coco, "annotations/instances_{}.json", "{}"),
        "coco-datumaro": partial(coco, "annotations/instances_{}.json", "images/{}"),
        "coco-roboflow": partial(coco, "{}/_annotations.coco.json", "{}"),
        "voc-jpg": voc,
    }
)
