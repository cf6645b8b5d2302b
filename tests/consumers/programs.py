"""The programs that read our outputs: which of them, how exactly, and what a program itself cannot do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.consumers.comparison import Shift

READ_BY_NONE = frozenset({"mot", "supervisely"})
"""The formats that no program of the bench reads."""

EXACT = 1e-4  # px; some programs compute in float32
DEVKIT: Shift = (1.0, 1.0, 0.0, 0.0)  # pixel numbers of VOC, taken as they stand
LAST_PIXEL: Shift = (0.0, 0.0, -1.0, -1.0)  # pixel numbers from 0, the last of which belongs to the box
DONT_CARE = "takes DontCare for a class, which is left out"
VOC_NOTE = "takes the pixel numbers as edges: the first corner lies 1 px further in"


@dataclass(frozen=True)
class Reading:
    """One output that a program reads, made of some of the `sources`.

    The edges of its boxes lie `shift` off ours, and no more than `within` px off that; so do its outlines (`rings`) and
    keypoints, `points` off ours. It may leave out `crowds`. Where it cannot read the output, its answer has one of the
    texts in `cannot`.
    """

    output: str
    sources: tuple[str, ...] = ("photos", "rectangles")
    note: str = ""
    shift: Shift = (0.0, 0.0, 0.0, 0.0)
    within: float = EXACT
    rings: float = EXACT
    points: float = 0.0
    crowds: bool = True
    cannot: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """A program: its name as a package, what it reads, and whether it belongs to the heavy ones."""

    name: str
    readings: tuple[Reading, ...]
    heavy: bool = False


def _each(names: str, like: Reading = Reading("")) -> tuple[Reading, ...]:
    return tuple(replace(like, output=name) for name in names.split())


def _walks_no_folders(names: str) -> tuple[Reading, ...]:
    said = ("not read", "Failed to import")
    return _each(names, Reading("", note="walks no sub-folders: `--names flat`", cannot=said))


def _images_beside(names: str) -> tuple[Reading, ...]:
    return _each(names, Reading("", note="looks for images beside the labels", cannot=("image not found",)))


COCO = "coco coco-roboflow coco-datumaro"
ROUNDED = Reading("", within=0.0051, rings=0.0051, note="rounds to two decimals")
PROGRAMS = (
    Program("pycocotools", _each(COCO, Reading("", points=-0.5))),
    Program(
        "supervision",
        (
            *_each(COCO),
            *_each("yolo-detect-flat yolo-segment-flat yolo-pose-flat yolo-obb-flat voc-flat labelme-flat"),
            *_walks_no_folders("yolo-detect voc labelme"),
            *_each("createml vlm-qwen3-vl"),
            Reading("vlm-paligemma", note="divides by 1024, and not by 1023", within=320 / 1024),
        ),
    ),
    Program("sahi", _each(COCO, Reading("", rings=1.0, note="cuts decimals off outlines"))),
    Program(
        "globox",
        (
            *_each(COCO),
            *_each("yolo-detect-jpg yolo-darknet-jpg"),
            Reading("yolo-detect", note="takes one kind of pictures: `--image-format jpg`", cannot=("KeyError",)),
            Reading("voc", shift=DEVKIT, note=VOC_NOTE),
            Reading("labelme", ("rectangles", "boxes"), "takes each part of an outline for an object"),
            Reading("cvat", ("boxes",), "takes boxes alone"),
            Reading("via", ("boxes",), "takes boxes alone"),
            Reading("openimages", note="takes the id of an image for the name of its file", cannot=("FileNotFound",)),
        ),
    ),
    Program(
        "labelformat",
        (
            *_each(f"{COCO} yolo-detect yolo-yolov5 yolo-segment"),
            Reading("voc-flat", shift=DEVKIT, note=VOC_NOTE),
            *_walks_no_folders("voc"),
            Reading("kitti", note=DONT_CARE, crowds=False),
            Reading(
                "masks",
                ("rectangles",),
                "takes the pixels of a class for one object, and boxes from pixels",
                within=1.0,
            ),
            Reading("cvat", ("boxes",), "refuses XML that states its encoding", cannot=("encoding declaration",)),
        ),
    ),
    Program(
        "panlabel",
        (
            *_each(f"{COCO} yolo-detect yolo-yolov5"),
            Reading("yolo-segment", note="takes boxes alone", cannot=("object detection bboxes only",)),
            Reading("voc-flat", shift=DEVKIT, note=VOC_NOTE),
            *_walks_no_folders("voc"),
            Reading("labelme", ("rectangles", "boxes"), "refuses masks"),
            Reading("cvat", ("boxes",), "takes boxes alone"),
            Reading("bdd100k", note="takes the last pixel for the edge, and no size", shift=LAST_PIXEL),
            *_each("createml csv-retinanet datumaro hf_imagefolder tfrecord"),
            Reading("csv-tfod", note="takes pixels for fractions", cannot=("BBoxOutOfBounds",)),
            Reading("kitti-flat", ("rectangles",), "refuses DontCare"),
            Reading("kitti", ("rectangles",), "walks no sub-folders: `--names flat`", cannot=("not read",)),
            *_images_beside("csv-vott openimages"),
            Reading("csv-automl", ("filled",), "refuses images without objects"),
            Reading("labelstudio-url", ("filled",), "takes boxes alone; refuses images without objects"),
            Reading("labelstudio", ("filled",), "wants `--url-prefix`", cannot=("does not contain a valid filename",)),
            Reading("supervisely", note="takes a form that is its own", cannot=("geometry.points.exterior",)),
            Reading("via", note="takes exports, not projects", cannot=("missing field `filename`",)),
        ),
    ),
    Program(
        "datasets",
        (
            *_each("parquet webdataset-jpg hf_imagefolder"),
            Reading(
                "webdataset",
                note="takes the columns of the first picture: `--image-format jpg` makes one kind",
                cannot=("'NoneType'", "don't share the same"),
            ),
        ),
    ),
    Program("webdataset", _each("webdataset webdataset-jpg")),
    Program(
        "datumaro",
        (
            *_each("coco-roboflow coco-datumaro yolo-detect-flat yolo-darknet cvat datumaro openimages", ROUNDED),
            Reading("createml", note="takes the centre of a box for its first corner", within=98.0),
            replace(ROUNDED, output="dota-flat", within=0.02),  # the centre and the sides, each of them
            *_walks_no_folders("dota"),
            replace(ROUNDED, output="voc-datumaro", shift=DEVKIT, note=VOC_NOTE),
            Reading("coco", note="wants `--layout datumaro`", cannot=("Failed to import dataset 'coco'",)),
            Reading("voc", ("photos",), "wants `--layout datumaro`", cannot=("Undeclared label",)),
            Reading("yolo-segment-flat", note="takes boxes alone", cannot=("not read",)),
            *_walks_no_folders("yolo-detect"),
            replace(
                ROUNDED,
                output="kitti",
                note=f"rounds to two decimals; reads a split at a time; {DONT_CARE}",
                crowds=False,
            ),
            Reading("masks", note="wants a layout of its own, with dataset_meta.json", cannot=("FileNotFound",)),
            Reading("mot", note="wants frameRate and imExt in seqinfo.ini", cannot=("AssertionError",)),
            Reading("panoptic", note="wants images below images/", cannot=("should exist a directory for images",)),
        ),
    ),
    Program(
        "torchvision",
        (
            *_each(COCO, Reading("", note="makes masks where all objects have an outline")),
            Reading("voc-jpg", shift=DEVKIT, note="hands the pixel numbers on; looks for .jpg alone"),
        ),
        heavy=True,
    ),
    Program("ultralytics", _each("yolo-detect yolo-yolov5 yolo-segment yolo-pose yolo-obb ndjson"), heavy=True),
    Program(
        "transformers",
        (
            Reading(
                "coco", crowds=False, note="leaves out crowd regions; fails where some objects alone have keypoints"
            ),
            Reading("panoptic", ("rectangles",), "takes boxes from pixels", shift=LAST_PIXEL, within=1.0),
            *_each("parquet webdataset-jpg", Reading("", note="fed by `datasets`")),
        ),
        heavy=True,
    ),
    Program(
        "rfdetr",
        (
            Reading("coco-roboflow", crowds=False, note="leaves out crowd regions"),
            *_each("yolo-detect-flat"),
            *_walks_no_folders("yolo-detect"),
        ),
        heavy=True,
    ),
)
