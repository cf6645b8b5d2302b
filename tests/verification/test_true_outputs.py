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
from bboxprep.errors import UsageError
from bboxprep.formats.shard_options import ShardWriteOptions
from bboxprep.recipe.affine_steps import Rotate, Shear
from bboxprep.recipe.appearance import Contrast, Exposure
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Flip, Letterbox, RecipeStep, Resize
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


@pytest.mark.parametrize(
    ("to", "options"), [("cvat", {}), ("via", {}), ("dota", {}), ("yolo", {"task": "obb"}), ("masks", {}), ("coco", {})]
)
@pytest.mark.parametrize("recipe", [Recipe(), Recipe(Letterbox((80, 60))), Recipe(Rotate(20))], ids=str)
def test_an_outline_that_reaches_over_an_edge_which_its_box_respects_is_cut_there(
    tmp_path: Path, to: str, options: Mapping[str, Any], recipe: Recipe
) -> None:
    five = {"segmentation": [[40.5, 10, 66.2, 15, 62, 40, 50, 38, 41, 30]], "bbox": [40.5, 10, 23.5, 30]}
    four = {"segmentation": [[-1.4, 30, 20, 28, 24, 50, 3, 52]], "bbox": [0, 28, 24, 24]}
    out = make(tmp_path / "out", source(tmp_path / "in", five, four), to, recipe, **options)
    assert told(verify(out)) == ""


@pytest.mark.parametrize(
    ("to", "options"), [("dota", {}), ("cvat", {}), ("coco", {"oriented": "rotation"}), ("yolo", {"task": "obb"})]
)
def test_an_oriented_box_that_its_own_edge_cuts_is_a_rectangle_in_a_stretched_image_too(
    tmp_path: Path, to: str, options: Mapping[str, Any]
) -> None:
    root = tmp_path / "in" / "train"
    (source(root) / "instances.json").unlink()
    (root / "labelTxt").mkdir()
    (root / "labelTxt" / "0.txt").write_text("41 12 76 28 66 53 31 36 cat 0\n")
    assert told(verify(make(tmp_path / "out", root.parent, to, Recipe(Resize((50, 36))), **options))) == ""


def test_four_corners_that_are_no_rectangle_have_one_of_a_larger_area_where_a_tile_cuts_them(tmp_path: Path) -> None:
    root = tmp_path / "in" / "train"
    (source(root) / "instances.json").unlink()
    (root / "labelTxt").mkdir()
    (root / "labelTxt" / "0.txt").write_text("20 30 22 20 17 24 70 36 cat 0\n")
    out = make(tmp_path / "out", root.parent, "hf_imagefolder", Recipe(Crop(30, 10, 40, 40)))
    assert told(verify(out)) == ""


@pytest.mark.parametrize("recipe", [Recipe(Resize((32, 32))), Recipe(Shear(12.0))], ids=str)
def test_an_oriented_box_around_a_mask_of_which_a_smaller_copy_lacks_a_thin_part_is_no_fault(
    tmp_path: Path, recipe: Recipe
) -> None:
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    mask[20:40, 10:30] = mask[38, 10:61] = mask[2:40, 22] = 1
    ends = np.flatnonzero(np.diff(np.pad(mask.ravel(order="F"), (1, 0)))) + 1
    counts = np.diff([0, *(ends - 1).tolist(), mask.size]).tolist()
    shape = {"segmentation": {"size": [SIDE, SIDE], "counts": counts}, "bbox": [10, 2, 51, 38]}
    out = make(tmp_path / "out", source(tmp_path / "in", shape), "yolo", recipe, task="obb")
    assert told(verify(out)) == ""


@pytest.mark.parametrize(("to", "options"), [("coco", {"layout": "roboflow"}), ("csv", {"dialect": "automl"})])
def test_splits_that_would_not_be_found_again_are_refused(tmp_path: Path, to: str, options: Mapping[str, Any]) -> None:
    root = source(tmp_path / "in", count=2)
    document = json.loads((root / "instances.json").read_text())
    for number, split in enumerate(("fold1", "fold2")):
        part = {**document, "images": document["images"][number : number + 1]}
        (root / f"instances_{split}.json").write_text(json.dumps(part))
    (root / "instances.json").unlink()
    with pytest.raises(UsageError, match="split: have fold1, fold2, want train, val, test"):
        make(tmp_path / "out", root, to, Recipe(), **options)


def test_where_a_kernel_puts_an_edge_between_two_pixels_of_an_enlarged_image_is_no_shift(tmp_path: Path) -> None:
    root = source(tmp_path / "in")
    rows, columns = np.indices((5, 10))
    clear = (columns * 7 // 10 + rows) % 6 == 0
    picture = Image.new("RGB", (10, 5))
    picture.putalpha(Image.fromarray(np.where(clear, 40, 255).astype(np.uint8)))
    picture.save(root / "images" / "0.png")
    document = json.loads((root / "instances.json").read_text())
    document["images"][0] |= {"width": 10, "height": 5}
    (root / "instances.json").write_text(json.dumps(document))
    assert told(verify(make(tmp_path / "out", root, "coco", Recipe(Fill((400, 300)))))) == ""


@pytest.mark.parametrize("step", [Exposure(1.5), Contrast(2.0)], ids=["lighter", "more contrast"])
def test_colours_that_a_step_lightens_to_white_are_not_missed(tmp_path: Path, step: RecipeStep) -> None:
    root = source(tmp_path / "in")
    pale = np.random.default_rng(3).integers(0, 12, (SIDE, SIDE, 3)) + np.array([240, 235, 215])
    pale[: SIDE // 3] = 20
    Image.fromarray(pale.astype(np.uint8)).save(root / "images" / "0.png")
    assert told(verify(make(tmp_path / "out", root, "coco", Recipe(step)))) == ""


def noted(out: Path) -> list[str]:
    """The codes and the messages of the findings in the record of `out`."""
    return [text for finding in recorded(out)["findings"] for text in (finding["code"], finding["message"])]
