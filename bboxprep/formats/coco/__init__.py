"""COCO: one JSON document a split over a folder of images. `reader` and `writer` describe its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.coco.fields import CARRIES, LAYOUT
from bboxprep.formats.coco.options import CocoReadOptions, CocoWriteOptions

FORMAT = Format(
    title="COCO",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a JSON in a folder 'annotations', or beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    check=deferred(f"{__name__}.label_check", "check"),
    carries=CARRIES,
    read_options=CocoReadOptions,
    write_options=CocoWriteOptions,
    conventions=(("fractions", "`boxes='fractions'`"), ("xyxy-for-xywh", "`boxes='xyxy'`")),
    step=lambda _: Step(),  # shortest decimals that read back as they were
    keypoint_origin=0.5,
    restores=True,
    category_fields=frozenset({"id", "supercategory", "keypoints", "skeleton", "extra", "flip_idx"}),
    traps=(
        (
            "category ids start anywhere and have gaps; a model counts its own classes from 0",
            "COCO, data format page; Detectron2 data tutorial",
        ),
        ("keypoints are pixel numbers, boxes are edges: half a pixel lies between", "pycocotools, COCOeval"),
        (
            "iscrowd marks a region of many objects, no object; CVAT sets it on every mask",
            "COCO, data format page; CVAT issue 1059",
        ),
        (
            "some exports state boxes as fractions or as two corners",
            "Azure Vision's COCO; boxes of corners in public data sets",
        ),
    ),
)
