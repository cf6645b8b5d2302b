"""Images made of several: true ones are proven, object by object, and lies about any of their parts are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.output.image_rows import IMAGES
from bboxprep.recipe.affine_steps import Rotate, Scale
from bboxprep.recipe.appearance import Cutout, Exposure
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import CopyPaste, Mixup, Mosaic
from bboxprep.recipe.crops import Crop, RandomCrop
from bboxprep.recipe.geometric import Fit, Flip, Letterbox, RecipeStep
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.verification.outputs import codes, edit_rows, photos, told

CUT = RandomCrop((0.3, 0.6), min_visibility=0.0)
STEPS: dict[str, tuple[RecipeStep, ...]] = {
    "mosaic": (Flip(p=0.5), Mosaic(256)),
    "mosaic that is cut again": (CUT, Mosaic((240, 200)), Flip("vertical", p=0.5), CUT, Exposure(1.2)),
    "mixup": (Flip(p=0.5), Mixup(), Scale((0.8, 1.3))),
    "mosaic with holes": (Cutout(2, 0.4), Mosaic(200)),
    "copy-paste": (Rotate((-20.0, 20.0)), CopyPaste(0.9), Flip("both", p=0.5), Letterbox(200)),
    "copy-paste of boxes": (CUT, CopyPaste(1.0, boxes=True), Cutout(3, 0.3)),
}


def made(out: Path, steps: tuple[RecipeStep, ...], source: str = "coco", to: str = "coco", least: float = 0.0) -> Path:
    classes = ClassPolicy(drop=("person",), rename={"car": "vehicle"}) if least else ClassPolicy()
    recipe = Recipe(Fit(240), augment=Augment(*steps, copies=2, plain=True), seed=5)
    convert(photos(source), out, to, recipe, object_policy=ObjectPolicy(min_visibility=least), classes=classes)
    return out


@pytest.mark.parametrize(
    ("name", "source", "to", "least"),
    [
        *((name, "coco", "coco", 0.0) for name in STEPS),
        *((name, "voc", "yolo", 0.6) for name in ("mosaic that is cut again", "copy-paste of boxes")),
    ],
)
def test_a_true_one_is_proven(tmp_path: Path, name: str, source: str, to: str, least: float) -> None:
    proof = verify(made(tmp_path / "out", STEPS[name], source, to, least))
    assert proof.holds, told(proof)
    assert proof.tallies[1].checked > 12
    assert bool(proof.tallies[1].unsure) == any("was turned" in words for words in proof.tallies[1].words)
    assert proof.tallies[1].unsure < 0.2 * proof.tallies[1].checked


@pytest.mark.parametrize("name", ["mosaic that is cut again", "mixup", "copy-paste"])
def test_a_lie_about_an_object_of_any_part_is_found(tmp_path: Path, name: str) -> None:
    out = made(tmp_path / "out", STEPS[name])
    path = out / "annotations" / "instances_train.json"
    labels = json.loads(path.read_text(encoding="utf-8"))
    whole = next(image for image in labels["images"] if image["file_name"].endswith("_copy1.jpg"))
    own = [one for one in labels["annotations"] if one["image_id"] == whole["id"]]
    for victim, code in (own[0], "box-moved"), (own[-1], "object-missing"):  # of the first part, and of the last one
        x, *rest = victim["bbox"]
        moved = victim | {"bbox": [x - 9 if x > 9 else x + 9, *rest], "segmentation": []}
        told_of = [moved if one is victim else one for one in labels["annotations"]]
        kept = [one for one in labels["annotations"] if one is not victim]
        annotations = told_of if code == "box-moved" else kept
        path.write_text(json.dumps(labels | {"annotations": annotations}), encoding="utf-8")
        assert code in codes(verify(out, sample=0), Path(whole["file_name"]).name), victim["bbox"]


def test_a_lie_about_what_was_drawn_is_found(tmp_path: Path) -> None:
    out = made(tmp_path / "out", STEPS["copy-paste"])

    def other(row: dict[str, Any]) -> dict[str, Any]:
        steps = [step for step in row["recipe"]["steps"] if "copy_paste" in step]
        for step in steps:
            step["copy_paste"] |= {"share": 0.1}
        return row

    true = (out / IMAGES).read_bytes()
    edit_rows(out, other)
    assert {"draw-differs", "object-extra"} <= codes(verify(out, sample=0))
    (out / IMAGES).write_bytes(true)
    edit_rows(out, lambda row: row | {"parts": [part | {"recipe": {"steps": []}} for part in row.get("parts", ())]})
    assert "draw-differs" in codes(verify(out, sample=0))


def test_boxes_that_a_turn_has_drawn_anew_and_a_later_crop_cuts_are_undecided(tmp_path: Path) -> None:
    """A turned box is held for the ellipse in it; cut after it became one of several, it is a box."""
    out = made(tmp_path / "out", (Rotate((15.0, 20.0)), Mosaic(320), Crop(10, 10, 80, 80, "%")))
    proof = verify(out)
    assert told(proof) == ""
    assert any("was turned" in words for tally in proof.tallies for words in tally.words)
