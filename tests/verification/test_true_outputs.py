"""Outputs that are true and unusual: what a conversion leaves out with a finding is no fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bboxprep import formats
from bboxprep.formats.shard_options import ShardWriteOptions
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.verification.outputs import make, recorded, told

SIDE = 64
SHARDED = [name for name in formats.written() if formats.load(name).write_options is ShardWriteOptions]


def source(root: Path, *objects: Mapping[str, Any], count: int = 1, keypoints: tuple[str, ...] = ()) -> Path:
    """A COCO data set of `count` images, the first with `objects`."""
    noise = np.random.default_rng(7)
    names = [f"{number}.png" for number in range(count)]
    for name in names:
        (root / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(root / "images" / name)
    images = [{"id": row, "file_name": name, "width": SIDE, "height": SIDE} for row, name in enumerate(names, 1)]
    usual = {"image_id": 1, "category_id": 1, "bbox": [8, 8, 40, 30], "area": 1200, "iscrowd": 0}
    listed = [{"id": number, **usual, **one} for number, one in enumerate(objects, 1)]
    classes = [{"id": 1, "name": "cat", "keypoints": keypoints, "skeleton": []}]
    document = {"images": images, "annotations": listed, "categories": classes}
    (root / "instances.json").write_text(json.dumps(document))
    return root


@pytest.mark.parametrize("to", SHARDED)
def test_an_image_that_was_left_out_of_a_shard_is_no_fault(tmp_path: Path, to: str) -> None:
    root = source(tmp_path / "in", count=5)
    (root / "images" / "1.png").write_bytes((root / "images" / "1.png").read_bytes()[:3000])
    out = make(tmp_path / "out", root, to, Recipe(Flip("horizontal")), shard=2)
    assert (told(verify(out)), recorded(out)["splits"][0]["images_out"]) == ("", 4)


@pytest.mark.parametrize("to", ["coco", "datumaro", "webdataset"])
def test_a_mask_of_another_size_than_its_image_is_left_out_and_no_fault(tmp_path: Path, to: str) -> None:
    root = source(tmp_path / "in", {"segmentation": {"size": [10, 20], "counts": [0, 150, 50]}, "iscrowd": 1})
    out = make(tmp_path / "out", root, to, Recipe(Letterbox(48)))
    assert (told(verify(out)), "mask-misfit" in noted(out)) == ("", True)


@pytest.mark.parametrize("to", ["yolo", "ndjson"])
def test_keypoints_beyond_those_of_a_pose_are_told_and_no_fault(tmp_path: Path, to: str) -> None:
    points = {"keypoints": [10, 10, 2, 20, 12, 1, 30, 14, 2], "num_keypoints": 3}
    root = source(tmp_path / "in", points, keypoints=("nose", "tail"))
    out = make(tmp_path / "out", root, to, Recipe(Flip("vertical")), task="pose")
    assert told(verify(out)) == ""
    assert "1 objects have keypoints beyond those that a class names" in noted(out)


def noted(out: Path) -> list[str]:
    """The codes and the messages of the findings in the record of `out`."""
    return [text for finding in recorded(out)["findings"] for text in (finding["code"], finding["message"])]
