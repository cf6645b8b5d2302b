"""Datasets of public repositories, as they are: what each holds is pinned here, and every output holds up.

A set that is not here is skipped. Images that are missing are missing in the repositories' own test data.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from bboxprep.errors import AnnotationError, LayoutError, LossError, SourceError
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from tests.painted import written

DATA = Path(__file__).parents[2].parent / "shared" / "data"
FORMATS = ("coco", "yolo", "voc")  # those of the sets, and each the other's target: 3 x 60 runs are enough
SIDE = 160

pytestmark = pytest.mark.filterwarnings(  # pycocotools with numpy 2
    "ignore:__array__ implementation:DeprecationWarning"
)


@dataclass(frozen=True)
class Known:
    """What a set holds: images and objects listed; what is left out of any output (images, objects by reason), and how
    many objects are crowd regions, which only COCO has."""

    format: str
    images: int
    objects: int
    images_left: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    crowd: int = 0
    targets: tuple[str, ...] = FORMATS


DATUMARO, LABELFORMAT = "datumaro/tests/assets", "labelformat/tests/fixtures/object_detection"
CVAT = "formats/cvat/tests/assets/cvat_dataset"
OPEN_IMAGES = "formats/openimages/tests/assets/open_images_dataset"
HUB = "ultralytics_hub/example_datasets"
SKIPPED = "image-skipped"
SETS = {
    "raccoon": Known("voc", 200, 217, targets=("yolo",)),
    "bccd/BCCD": Known("voc", 364, 4888, lost={"box-degenerate": 2}, targets=("coco",)),
    "bccd": Known("voc", 364, 4888, lost={"box-degenerate": 2}, targets=("yolo",)),
    "microcontroller/images": Known("voc", 149, 177, targets=("voc",)),
    "microcontroller": Known("voc", 149, 177, targets=("coco",)),
    "foodometer/datasets/ice-cream": Known("voc", 11, 28),
    "groundnut/train": Known("yolo", 19, 1095, lost={"label-orphan": 850}),
    "groundnut": Known("yolo", 19, 1095, lost={"label-orphan": 850}),
    "cell0005/scripts/labelImg/exif/exif-test": Known("yolo", 5, 5),
    "bbox_editor_exif/src/test/resources/testannotations/exif/pvoc": Known("voc", 7, 7, 7, {SKIPPED: 7}),
    "yolo_mark/x64/Release/data": Known("yolo", 11, 35, 1),
    f"{HUB}/coco8": Known("yolo", 8, 30),
    f"{HUB}/coco8-seg": Known("yolo", 8, 30),
    f"{HUB}/coco8-human": Known("yolo", 8, 18, lost={"record-unreadable": 18}),
    f"{HUB}/dota8": Known("yolo", 8, 133),
    "labelme/examples/bbox_detection/data_dataset_voc": Known("voc", 3, 9),
    "labelme/examples/instance_segmentation/data_dataset_coco": Known("coco", 3, 12),
    "icevision/samples/voc": Known("voc", 2, 3),
    "icevision/samples/fridge/odFridgeObjects": Known("voc", 6, 12),
    "icevision/samples/annotations.json": Known("coco", 6, 36, crowd=1),
    f"{LABELFORMAT}/COCO": Known("coco", 2, 16),
    f"{LABELFORMAT}/PascalVOC": Known("voc", 2, 16, 2, {SKIPPED: 16}),
    f"{LABELFORMAT}/YOLOv8": Known("yolo", 2, 16),
    f"{LABELFORMAT}/Labelbox": Known("labelbox", 2, 16, 2, {SKIPPED: 16}, targets=("yolo",)),
    f"{LABELFORMAT}/KITTI": Known("kitti", 2, 16, targets=("coco",)),
    "formats/mot/tests/assets/mot_dataset/mot_seq": Known("mot", 1, 1, targets=("mot",)),
    "formats/kitti": Known("kitti", 2, 5, targets=("kitti",)),
    f"{DATUMARO}/coco_dataset/coco": Known("coco", 2, 3, crowd=1),
    f"{DATUMARO}/coco_dataset/coco_image_info": Known("coco", 2, 0),
    f"{DATUMARO}/coco_dataset/coco_instances": Known("coco", 2, 3, crowd=1),
    f"{DATUMARO}/coco_dataset/coco_labels": Known("coco", 2, 3, lost={"record-unreadable": 3}),
    f"{DATUMARO}/coco_dataset/coco_panoptic": Known("panoptic", 2, 3, crowd=1),
    f"{DATUMARO}/coco_dataset/coco_person_keypoints": Known("coco", 2, 3, crowd=1),
    f"{DATUMARO}/coco_dataset/coco_roboflow": Known("coco", 2, 3, crowd=1),
    f"{DATUMARO}/coco_dataset/coco_stuff": Known("coco", 2, 2, crowd=2),
    f"{DATUMARO}/coco_dataset/mmdet_coco": Known("coco", 2, 3, crowd=1),
    f"{DATUMARO}/voc_dataset/voc_dataset1": Known("voc", 2, 2),
    f"{DATUMARO}/voc_dataset/voc_dataset2": Known("voc", 5, 4, 5, {SKIPPED: 4}),
    f"{DATUMARO}/voc_dataset/voc_dataset3": Known("voc", 1, 1),
    f"{DATUMARO}/yolo_dataset/labels": Known("yolo", 2, 4),
    f"{DATUMARO}/yolo_dataset/strict": Known("yolo", 1, 2),
    f"{DATUMARO}/yolo_dataset": Known("yolo", 4, 8, lost={"label-orphan": 2}),
    f"{DATUMARO}/roboflow_dataset/coco": Known("coco", 3, 4, crowd=1),
    f"{DATUMARO}/roboflow_dataset/voc": Known("voc", 3, 4),
    "formats/ndjson": Known("ndjson", 8, 30, 8, {SKIPPED: 30}, targets=("ndjson",)),
    "formats/via/val": Known("via", 16, 349, targets=("via",)),
    "formats/hf_imagefolder/toy": Known("hf_imagefolder", 4, 5, targets=("hf_imagefolder",)),
    f"{CVAT}/for_images/train.xml": Known("cvat", 2, 6, lost={"record-unreadable": 2}, targets=("coco",)),
    f"{CVAT}/for_images/export_task": Known("cvat", 2, 4, lost={"record-unreadable": 2}, targets=("yolo",)),
    f"{CVAT}/for_images/export_project": Known("cvat", 6, 12, targets=("voc",)),
    f"{CVAT}/for_video": Known("cvat", 3, 6, 1, {SKIPPED: 1, "box-outside": 2}, targets=("coco",)),
    f"{DATUMARO}/roboflow_dataset/createml": Known("createml", 3, 4, targets=("createml",)),
    "formats/csv/toy/retinanet.csv": Known("csv", 4, 5, targets=("csv",)),
    "formats/csv/toy/automl.csv": Known("csv", 4, 5, targets=("coco",)),
    "microcontroller/images/test_labels.csv": Known("csv", 7, 7, targets=("labelstudio",)),
    "formats/panoptic/sample_data/panoptic_examples.json": Known("panoptic", 2, 50, crowd=3, targets=("coco",)),
    "formats/supervisely/toy/project": Known("supervisely", 4, 7, targets=("coco",)),
    f"{OPEN_IMAGES}/v6": Known("openimages", 4, 2, crowd=1, targets=("coco",)),
    "formats/datumaro/tests/assets/datumaro_dataset/with_skeleton": Known("datumaro", 1, 1, targets=("coco",)),
    f"{DATUMARO}/roboflow_dataset/yolo": Known("yolo", 3, 4),
    f"{DATUMARO}/roboflow_dataset/yolo_obb": Known("dota", 3, 4),
    "formats/dota": Known("dota", 1, 4, lost={"box-outside": 3}),
    "panlabel/tests/fixtures/sample_valid.coco.json": Known("coco", 2, 3, 2, {SKIPPED: 3}),
}
NOTHING, SEVERAL = "no labelled dataset recognised here (found ", "looks like more than one format: "
REFUSED: dict[str, tuple[type[SourceError], str]] = {
    "icevision/samples": (LayoutError, f"{SEVERAL}coco (annotations.json is a COCO document); via ("),
    "rodm_toy/toyexample": (LayoutError, f"{SEVERAL}coco (dets_coco_format/coco_dets.json is a COCO document); voc ("),
    f"{LABELFORMAT}/lightly": (LayoutError, NOTHING),
    f"{DATUMARO}/coco_dataset": (LayoutError, "10 data sets lie here; name the one to read: "),
    f"{DATUMARO}/voc_dataset": (LayoutError, "3 data sets lie here; name the one to read: "),
    f"{DATUMARO}/coco_dataset/coco_captions": (AnnotationError, "have captions, want boxes (COCO: instances_*.json)"),
    f"{DATUMARO}/yolo_dataset/annotations": (LayoutError, "the dataset is the folder above: `sources="),
    f"{DATUMARO}/roboflow_dataset": (LayoutError, "6 data sets lie here; name the one to read: "),
    f"{DATUMARO}/roboflow_dataset/multiclass": (LayoutError, NOTHING),
    "panlabel/tests/fixtures": (
        LayoutError,
        f"{SEVERAL}coco (sample_invalid.coco.json is a COCO document); createml (",
    ),
    "panlabel/tests/fixtures/sample_invalid.coco.json": (
        AnnotationError,
        "images[1].id: have 1 for 'duplicate_id.jpg', want an id other than that of 'image001.jpg'",
    ),
    "xml_shared/xmltestdata": (LayoutError, NOTHING),
    "exif_recurser": (LayoutError, NOTHING),
    "exif_rasteiner": (LayoutError, NOTHING),
    "pillow_shared/Tests/images": (LayoutError, NOTHING),
}


def open_known(name: str) -> Source:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return open_source(path)


@pytest.mark.parametrize("name", SETS)
def test_a_real_set_is_accounted_for_and_its_outputs_hold_up(tmp_path: Path, name: str) -> None:
    known, source = SETS[name], open_known(name)
    dataset = source.dataset
    samples = list(dataset)
    findings = [*dataset.findings, *(finding for sample in samples for finding in sample.findings)]
    lost = sum(finding.objects for finding in findings)
    listed = sum(sample.source_count for sample in samples) + sum(finding.objects for finding in dataset.findings)
    assert (dataset.format, len(samples), listed) == (known.format, known.images, known.objects)
    assert listed == sum(len(sample.instances) for sample in samples) + lost
    for target in known.targets:
        out = tmp_path / target
        if 2 * known.crowd > known.objects and target != "coco":
            with pytest.raises(LossError, match=f"{known.crowd} of {known.objects} objects are marked as crowd"):
                convert_source(source, out, target, Recipe(Letterbox(SIDE)), run_options=RunOptions())
            continue
        outcome = convert_source(source, out, target, Recipe(Letterbox(SIDE)), run_options=RunOptions(workers=2))
        assert_conserved(outcome, known, target)
        assert_images_open_alike(out, target)
        if target == "coco":
            assert_scores_itself(out)


def assert_conserved(outcome: Outcome, known: Known, target: str) -> None:
    rows = outcome.account.rows()
    dropped: Counter[str] = Counter()
    for row in rows:
        dropped.update(row.dropped)
    crowd = {} if target == "coco" or not known.crowd else {"crowd-dropped": known.crowd}
    assert dropped == {**known.lost, **crowd}
    objects = sum(row.objects_out for row in rows)
    assert (objects, known.objects) == (known.objects - dropped.total(), sum(row.objects_in for row in rows))
    images = sum(row.images_out for row in rows)
    assert (images, sum(row.images_in for row in rows)) == (known.images - known.images_left, known.images)
    assert outcome.dest is not None
    found = written(outcome.dest, target)
    assert (len(found), sum(len(image.boxes) for image in found)) == (images, objects)


def assert_images_open_alike(out: Path, target: str) -> None:
    for each in written(out, target):
        with Image.open(io.BytesIO(each.data)) as image:
            assert image.size == (SIDE, SIDE)
            assert image.getexif().get(0x0112, 1) == 1  # of EXIF, else of XMP
        read = cv2.imdecode(np.frombuffer(each.data, np.uint8), cv2.IMREAD_COLOR)
        assert read is not None, each.place
        assert read.shape[:2] == (SIDE, SIDE)


def assert_scores_itself(out: Path) -> None:
    """The objects of each split, as detections of themselves, have an AP of 1.0."""
    for path in sorted((out / "annotations").iterdir()):
        records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["annotations"]
        detections = [{**record, "score": 1.0} for record in records if not record["iscrowd"]]
        if not detections:
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(str(path))
            scores = COCOeval(truth, truth.loadRes(detections), "bbox")
            scores.params.maxDets = [1, 10, 1000]
            scores.evaluate()
            scores.accumulate()
        precision = scores.eval["precision"][:, :, :, 0, -1]  # all areas, up to 1000 detections
        assert precision[precision > -1].mean() == pytest.approx(1.0)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_as_one_set_is_refused_in_clear_words(name: str) -> None:
    error, words = REFUSED[name]
    with pytest.raises(error, match=re.escape(words)):
        open_known(name)
