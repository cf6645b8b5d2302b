"""panlabel: ``panlabel convert --to ir-json`` of each format, in its own validation."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.consumers.readers.answer import Object, Picture, answer, splits_of
from tests.consumers.readers.readme import class_names


def converted(format: str, source: Path, split: str, *options: str) -> Iterator[tuple[str, Picture]]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.json"
        program = [sys.executable, "-m", "panlabel", "convert"]
        words = ["--from", format, "--to", "ir-json", "--input", str(source), "--output", str(target), "--allow-lossy"]
        done = subprocess.run([*program, *words, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        found = json.loads(target.read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in found["categories"]}
    for image in found["images"]:
        objects = [
            Object(names[one["category_id"]], [float(one["bbox"][edge]) for edge in ("xmin", "ymin", "xmax", "ymax")])
            for one in found["annotations"]
            if one["image_id"] == image["id"]
        ]
        yield image["file_name"], Picture(image["width"], image["height"], objects, split)


def documents(format: str, document: str, root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, document):
        yield from converted(format, root / document.format(split), split)


def yolo(root: Path) -> Iterator[tuple[str, Picture]]:
    for split in splits_of(root, "images/{}"):
        yield from converted("yolo", root, split, "--split", split)


def frames(root: Path) -> Iterator[tuple[str, Picture]]:
    """Scalabel's frames; those of no size are as large as their objects."""
    for name, picture in documents("bdd100k", "{}.json", root):
        yield name, replace(picture, width=0, height=0)


def metadata(root: Path) -> Iterator[tuple[str, Picture]]:
    """Rows of metadata, whose classes are numbers of the names in README.md."""
    names = class_names(root)
    for name, picture in documents("hf", "{}", root):
        yield name, replace(picture, objects=[replace(one, name=names[one.name]) for one in picture.objects])


def folder(format: str, root: Path) -> Iterator[tuple[str, Picture]]:
    yield from converted(format, root, "")


answer(
    {
        "coco": partial(documents, "coco", "annotations/instances_{}.json"),
        "coco-datumaro": partial(documents, "coco", "annotations/instances_{}.json"),
        "coco-roboflow": partial(documents, "coco", "{}/_annotations.coco.json"),
        "yolo-detect": yolo,
        "yolo-yolov5": yolo,
        "yolo-segment": yolo,
        "voc": partial(folder, "voc"),
        "voc-flat": partial(folder, "voc"),
        "labelme": partial(documents, "labelme", "{}"),
        "cvat": partial(documents, "cvat", "{}.xml"),
        "bdd100k": frames,
        "createml": partial(documents, "create-ml", "{}/_annotations.createml.json"),
        "csv-tfod": partial(documents, "tfod", "{}_labels.csv"),
        "csv-retinanet": partial(documents, "retinanet", "{}_labels.csv"),
        "csv-vott": partial(documents, "vott-csv", "{}_labels.csv"),
        "csv-automl": partial(documents, "automl-vision", "{}_labels.csv"),
        "datumaro": partial(documents, "datumaro", "annotations/{}.json"),
        "hf_imagefolder": metadata,
        "kitti": partial(documents, "kitti", "{}"),
        "kitti-flat": partial(documents, "kitti", "{}"),
        "labelstudio": partial(documents, "label-studio", "{}.json"),
        "labelstudio-url": partial(documents, "label-studio", "{}.json"),
        "openimages": partial(documents, "openimages", "annotations/{}-annotations-bbox.csv"),
        "supervisely": partial(folder, "supervisely"),
        "tfrecord": partial(documents, "tfrecord", "{}-00000.tfrecord"),
        "via": partial(documents, "via", "{}/via_project.json"),
    }
)
