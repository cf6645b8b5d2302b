from __future__ import annotations

import pickle
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bboxprep.errors import UsageError
from bboxprep.formats.coco import FORMAT
from bboxprep.formats.coco.options import CocoWriteOptions
from bboxprep.model.batch import Batch
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from tests.formats.coco.trees import (
    bytes_of,
    codes,
    copy,
    dataset_of,
    read,
    sample_of,
    written,
)
from tests.formats.filing import file_labels


def test_what_is_collected_waits_outside_of_memory(tmp_path: Path) -> None:
    """100 MB of lines, a tenth of it in memory at most; what encodes elsewhere takes none of it along."""
    writer, line = FORMAT.write(tmp_path, dataset_of(), CocoWriteOptions()), b'{"segmentation":[%b]}' % (b"9" * 10_000)
    tracemalloc.start()
    for number in range(10_000):
        writer.collect(("train", number, b'{"file_name":"%d.jpg"}' % number, [number], line))
    writer.close()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    assert len(pickle.dumps(writer)) < 10_000
    document = tmp_path / "annotations" / "instances_train.json"
    assert document.stat().st_size > 100_000_000
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [document]


def test_every_key_that_readers_ask_for_is_there(tmp_path: Path) -> None:
    instances = Instances.of([[1, 2, 4, 8], [0, 0, 5, 5]], [2, 0])
    copy(dataset_of(sample_of(instances), format="yolo", extra={"yolo": {"names": 3}}), tmp_path)
    found = written(tmp_path)
    assert list(found) == ["info", "licenses", "categories", "images", "annotations"]
    assert found["images"] == [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}]
    assert found["annotations"][0] == {
        "id": 1,
        "image_id": 1,
        "category_id": 18,
        "bbox": [1.0, 2.0, 3.0, 6.0],
        "area": 18.0,
        "iscrowd": 0,
        "segmentation": [],
    }
    assert found["categories"][1] == {"id": 17, "name": "cat", "supercategory": "animal"}


def test_an_area_is_that_which_is_stated_or_that_of_the_outline(tmp_path: Path) -> None:
    mask = Rle.from_mask(np.tri(48, 64, dtype=np.bool_))
    triangle = np.array([(0, 0), (4, 0), (0, 4)], dtype=np.float64)
    instances = Instances.of(
        np.tile([0, 0, 4, 4], (4, 1)),
        polygons=[[triangle], [triangle, triangle], [], []],
        masks=[None, None, mask, None],
        areas=[7.5, np.nan, np.nan, np.nan],
    )
    copy(dataset_of(sample_of(instances)), tmp_path)
    assert [record["area"] for record in written(tmp_path)["annotations"]] == [7.5, 16.0, mask.area, 16.0]


def test_keypoints_are_written_for_all_points_of_the_class(tmp_path: Path) -> None:
    points = np.array([[(3.5, 4.5), (0, 0), (0, 0)], [(0, 0), (7.75, 1.5), (0, 0)], [(0, 0)] * 3, [(0, 0)] * 3])
    seen = [[2, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    instances = Instances.of(np.tile([0, 0, 9, 9], (4, 1)), [0, 1, 0, 1], keypoints=points, visibility=seen)
    copy(dataset_of(sample_of(instances)), tmp_path)
    found = [(record.get("keypoints"), record.get("num_keypoints")) for record in written(tmp_path)["annotations"]]
    assert found == [
        ([3, 4, 2, 0, 0, 0], 1),
        ([0, 0, 0, 7.25, 1, 1], 1),
        ([0, 0, 0, 0, 0, 0], 0),
        (None, None),
    ]


def test_of_polygons_and_a_mask_the_polygons_are_written_and_the_loss_is_told(tmp_path: Path) -> None:
    mask = Rle.from_mask(np.ones((48, 64), dtype=np.bool_))
    instances = Instances.of([[0, 0, 4, 4]], polygons=[[np.eye(3, 2)]], masks=[mask])
    writer = FORMAT.write(tmp_path, dataset_of(), CocoWriteOptions())
    count, findings = file_labels(writer, tmp_path, sample_of(instances), "train/a.jpg")
    assert (count, codes(findings)) == (1, ["column-dropped"])


def test_every_split_has_its_file_and_copies_have_ids_of_their_own(tmp_path: Path) -> None:
    sample = sample_of(Instances.of([[0, 0, 4, 4]], ids=[6]), id=4)
    dataset = replace(dataset_of(sample), splits=("empty", "train", "val"))
    writer = FORMAT.write(tmp_path, dataset, CocoWriteOptions())
    for name in ("a.jpg", "a_1.jpg", "a_2.jpg"):
        file_labels(writer, tmp_path, sample, f"train/{name}")
    writer.close()
    assert set(bytes_of(tmp_path)) == {"instances_empty.json", "instances_train.json", "instances_val.json"}
    found = written(tmp_path)
    assert [(record["id"], record["file_name"]) for record in found["images"]] == [
        (4, "a.jpg"),
        (1, "a_1.jpg"),
        (2, "a_2.jpg"),
    ]
    assert [(record["id"], record["image_id"]) for record in found["annotations"]] == [(6, 4), (1, 1), (2, 2)]
    assert written(tmp_path, "val")["images"] == []
    assert read(tmp_path).splits == ("empty", "train", "val")


def test_text_is_utf8_and_lines_end_in_one_byte(tmp_path: Path) -> None:
    copy(dataset_of(sample_of(Instances.of([[0, 0, 4, 4]]), "日本/é.jpg")), tmp_path)
    data = (tmp_path / "annotations" / "instances_train.json").read_bytes()
    assert "日本/é.jpg".encode() in data
    assert b"\r" not in data
    assert data.endswith(b"}\n")


@pytest.mark.parametrize("value", [object(), {1, 2}, "\ud800"], ids=["object", "set of frozen", "half a pair"])
def test_an_attribute_that_json_cannot_hold_is_told_with_its_image(tmp_path: Path, value: Any) -> None:
    writer = FORMAT.write(tmp_path, dataset_of(), CocoWriteOptions())
    sample = sample_of(Instances.of([[0, 0, 4, 4]], attributes=[{"odd": [value, object()]}]))
    with pytest.raises(UsageError, match=r"train/a\.jpg: cannot be written as JSON"):
        writer.encode(Batch.of([sample]), ["train/a.jpg"])
