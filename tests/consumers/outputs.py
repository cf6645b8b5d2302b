"""The outputs that programs are given: every format, layout and kind of labels that one of them reads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

import bboxprep
from bboxprep import Letterbox, Recipe, formats
from bboxprep.model.instance import Instance
from bboxprep.model.sample import Sample
from tests.consumers.readers.answer import Answer, Object, Picture
from tests.consumers.sources import draw_rectangles

FIXTURES = Path(__file__).parents[2] / "fixtures"


@dataclass(frozen=True)
class Output:
    """One way to write a data set: the arguments of `bboxprep.convert`, and the folder below which it lies."""

    format: str
    options: Mapping[str, Any] = field(default_factory=dict)
    task: str = "detect"
    folder: str = ""

    @property
    def words(self) -> str:
        """The command line of it."""
        flags = {one.name: one.metadata["flag"] for one in fields(formats.load(self.format).write_options)}
        words = [
            flags.get(name, f"--{name.replace('_', '-')}") + ("" if value is True else f" {value}")
            for name, value in self.options.items()
        ]
        return " ".join([f"--to {self.format}", *words])


TASKS = ("detect", "segment", "pose", "obb")
OUTPUTS: dict[str, Output] = {
    "coco": Output("coco", task="all"),
    "coco-roboflow": Output("coco", {"layout": "roboflow"}, "all"),
    "coco-datumaro": Output("coco", {"layout": "datumaro"}, "all"),
    **{f"yolo-{task}": Output("yolo", {"task": task}, task) for task in TASKS},
    **{f"yolo-{task}-flat": Output("yolo", {"task": task, "names": "flat"}, task) for task in TASKS},
    "yolo-yolov5": Output("yolo", {"layout": "yolov5"}),
    "yolo-darknet": Output("yolo", {"layout": "darknet"}),
    "voc": Output("voc"),
    "voc-float": Output("voc", {"float_": True}),
    "voc-datumaro": Output("voc", {"layout": "datumaro"}),
    "voc-jpg": Output("voc", {"image_format": "jpg"}, folder="VOCdevkit/VOC2012"),
    "voc-flat": Output("voc", {"names": "flat"}),
    "yolo-detect-jpg": Output("yolo", {"image_format": "jpg"}),
    "yolo-darknet-jpg": Output("yolo", {"layout": "darknet", "image_format": "jpg"}),
    "labelme": Output("labelme", task="segment"),
    "labelme-flat": Output("labelme", {"names": "flat"}, "segment"),
    "cvat": Output("cvat", task="all"),
    "parquet": Output("parquet"),
    "webdataset": Output("webdataset", {"shard": 3}),
    "webdataset-jpg": Output("webdataset", {"shard": 3, "image_format": "jpg"}),
    "bdd100k": Output("bdd100k", task="all"),
    "createml": Output("createml"),
    "createml-flat": Output("createml", {"names": "flat"}),
    **{f"csv-{one}": Output("csv", {"dialect": one}) for one in ("tfod", "retinanet", "vott", "automl")},
    "datumaro": Output("datumaro", task="all"),
    "dota": Output("dota", task="obb"),
    "dota-flat": Output("dota", {"names": "flat"}, "obb"),
    "hf_imagefolder": Output("hf_imagefolder"),
    "kitti": Output("kitti"),
    "kitti-flat": Output("kitti", {"names": "flat"}),
    "labelstudio": Output("labelstudio", task="all"),
    "labelstudio-url": Output("labelstudio", {"url_prefix": "http://localhost/"}, "all"),
    "masks": Output("masks", task="segment"),
    "mot": Output("mot"),
    "ndjson": Output("ndjson"),
    "openimages": Output("openimages"),
    "panoptic": Output("panoptic", task="segment"),
    "supervisely": Output("supervisely", task="segment"),
    "tfrecord": Output("tfrecord", task="all"),
    "via": Output("via", task="segment"),
    **{f"vlm-{one}": Output("vlm", {"model": one}) for one in ("qwen3-vl", "qwen2.5-vl", "paligemma")},
}
SOURCES: dict[str, Recipe] = {
    "photos": Recipe(Letterbox(320)),
    "rectangles": Recipe(),
    "boxes": Recipe(),
    "filled": Recipe(),
}


def source(name: str, work: Path) -> Path:
    """The data set `name`, which is made below `work` where it is not a fixture."""
    if name == "photos":
        return FIXTURES / "phone-photos-coco"
    root = work / name / "source"
    return root if root.exists() else draw_rectangles(root, boxes_alone=name != "rectangles", filled=name == "filled")


def make_output(name: str, kind: str, work: Path) -> Path:
    """The output `kind` of the source `name`, below `work`."""
    output = OUTPUTS[kind]
    dest = work / name / kind / output.folder
    if not dest.exists():
        bboxprep.convert(source(name, work), dest, output.format, SOURCES[name], **output.options)
    return dest


def as_we_read(root: Path) -> Answer:
    """The pictures of an output, by their names: what its labels say, without what the sidecar beside them adds."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(root, Path(folder) / "copy", ignore=shutil.ignore_patterns("bboxprep.sidecar*"))
        dataset = bboxprep.read(copy)
        return {
            _name(sample): Picture(
                sample.size.width,
                sample.size.height,
                [_object(one, dataset.classes[one.label]) for one in sample.instances],
                sample.split,
                str(sample.id),
            )
            for sample in dataset
        }


def _name(sample: Sample) -> str:
    """The path of the image; of one that is packed with others its split and its name."""
    path = sample.relative_path
    return path if path.endswith(sample.name.name) else f"{sample.split}/{sample.name}"


def _object(one: Instance, name: str) -> Object:
    points = np.column_stack((one.keypoints, one.visibility)).tolist() if len(one.keypoints) else []
    corners = [one.oriented] if np.isfinite(one.oriented).all() else []
    rings = [ring.ravel().tolist() for ring in (*one.polygons, *corners)]
    return Object(name, one.box.tolist(), rings, points, crowd=bool(one.crowd))
