"""Outputs whose axes were turned, and ones whose looks were changed: true ones are proven, lies are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.geometry.plan import Plan, Warp
from bboxprep.images.raster import execute
from bboxprep.model.object_policy import ObjectPolicy, TurnedRule
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.crops import Crop, RandomCrop
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.faults import Layer
from bboxprep.verification.verify import VerificationReport, verify
from tests.verification.outputs import (
    augmented,
    codes,
    copied,
    edit_object,
    edit_record,
    edit_row,
    edit_rows,
    image_at,
    photos,
    redraw,
    told,
)

VICTIM, OTHER = "IMG_2006.jpg", "IMG_2005.jpg"
ANY = Augment(Rotate((-180.0, 180.0)), Flip(p=0.5))
MORE = Augment(Shear((-25.0, 25.0), (-15.0, 15.0)), RandomCrop((0.4, 0.9)), Rotate((5.0, 40.0), canvas="grow", p=0.5))
ZOOM = Augment(Scale((0.5, 2.0)), Rotate((-60.0, 60.0)), Translate((-0.2, 0.2)))
RECIPES = (
    Recipe(Letterbox(320), Rotate(12.5)),
    Recipe(Letterbox(384), augment=ANY, seed=1),
    Recipe(augment=MORE, seed=2),
    Recipe(Letterbox(300), augment=ZOOM, upright=False),
    Recipe(Rotate(33.0, canvas="grow"), Letterbox(288), Shear(10.0), pad="edge"),
)


WAYS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("coco", "coco", {}),
    ("coco", "yolo", {"task": "segment"}),
    ("coco", "yolo", {"task": "obb"}),
    ("yolo", "voc", {}),
    ("voc", "yolo", {}),
)
RUNS = [(*way, RECIPES[(number + more) % len(RECIPES)]) for number, way in enumerate(WAYS) for more in (0, 2)]


@pytest.mark.parametrize(("source", "to", "options", "recipe"), RUNS, ids=str)
def test_a_true_output_is_proven(tmp_path: Path, source: str, to: str, options: dict[str, Any], recipe: Recipe) -> None:
    proof = verify(augmented(tmp_path / "out", photos(source), to, recipe, **options), photos(source))
    assert proof.holds, told(proof)
    structural, geometric, pixel = proof.tallies
    assert (structural.checked, geometric.unsure) == (12, 0)
    assert geometric.checked > 10
    assert pixel.checked > pixel.unsure


@pytest.mark.parametrize("turned", ["ellipse", "corners"])
def test_the_recorded_rule_says_how_large_a_turned_box_is(tmp_path: Path, turned: TurnedRule) -> None:
    object_policy = ObjectPolicy(turned=turned)
    out = augmented(
        tmp_path / "out", photos("yolo"), "coco", Recipe(Letterbox(320), Rotate(30.0)), object_policy=object_policy
    )
    proof = verify(out, photos("yolo"))
    assert proof.holds, told(proof)
    edit_record(out, rules={"turned": "corners" if turned == "ellipse" else "ellipse"})
    assert "box-moved" in codes(verify(out, photos("yolo")))


@pytest.mark.parametrize("recipe", [RECIPES[0], Recipe(Crop(60, 40, 400, 300), Rotate(20.0), Crop(30, 30, 300, 200))])
def test_where_the_run_does_not_say_its_recipe_the_affine_has_to_do(tmp_path: Path, recipe: Recipe) -> None:
    out = augmented(tmp_path / "out", photos("coco"), "yolo", recipe, recorded=False)
    proof = verify(out, photos("coco"))
    assert proof.holds, told(proof)
    assert proof.tallies[1].checked > 10
    assert "through the recorded affine" in proof.tallies[1].words[0]


@pytest.fixture(scope="module")
def true_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return augmented(
        tmp_path_factory.mktemp("true") / "out", photos("coco"), "coco", Recipe(Letterbox(384), Rotate(15.0))
    )


@pytest.fixture
def out(true_output: Path, tmp_path: Path) -> Path:
    return copied(true_output, tmp_path / "out")


def refused(out: Path, code: str, image: str = VICTIM) -> VerificationReport:
    proof = verify(out, photos("coco"))
    assert code in codes(proof, image), told(proof)
    assert {Path(fault.image).name for fault in proof.faults} <= {image, ""}, told(proof)
    return proof


def test_a_box_moved_by_3_percent(out: Path) -> None:
    edit_object(out, VICTIM, lambda edges, label: ((edges[0], edges[1] + 0.03, edges[2], edges[3] + 0.03), label))
    refused(out, "box-moved")


def test_a_box_that_is_only_larger(out: Path) -> None:
    edit_object(out, VICTIM, lambda edges, label: ((edges[0], edges[1], edges[2], edges[3] + 0.02), label))
    refused(out, "box-moved")


def drawn_with(out: Path, change: Callable[[Warp, Size], Affine]) -> Path:
    """The picture of the victim redrawn through another map."""
    size = Size(384, 384)
    source = ImageOps.exif_transpose(Image.open(next(photos("coco").rglob(VICTIM)))).convert("RGB")
    plan = Recipe(Letterbox(384), Rotate(15.0)).plan(Size(*source.size), IDENTITY)
    steps = [Warp(change(step, size), step.canvas) if isinstance(step, Warp) else step for step in plan.steps]
    pixels = execute.execute(Plan(plan.source, tuple(steps)), np.asarray(source), kernel="cubic", pad=114)
    redraw(image_at(out, VICTIM), lambda _: Image.fromarray(pixels))
    return out


@pytest.mark.parametrize(
    "change",
    [
        lambda _, size: Affine.rotation(-15.0).about(size.width / 2, size.height / 2),  # the wrong way
        lambda *_: Affine.rotation(15.0),  # about the corner
        lambda step, size: Affine.translation(size.width / 2, 0) @ step.affine,  # by half its size
        lambda step, size: Affine.translation(0.03 * size.width, 0) @ step.affine,
        lambda _, size: Affine.rotation(22.0).about(size.width / 2, size.height / 2),
        lambda step, size: Affine.scale(0.9, 0.9).about(size.width / 2, size.height / 2) @ step.affine,
    ],
    ids=["wrong way", "about the corner", "by half its size", "by 3 percent", "wrong angle", "smaller"],
)
def test_a_picture_drawn_through_another_map(out: Path, change: Callable[[Warp, Size], Affine]) -> None:
    proof = verify(drawn_with(out, change), photos("coco"))
    assert {Path(fault.image).name for fault in proof.faults} == {VICTIM}, told(proof)
    assert {fault.layer for fault in proof.faults} == {Layer.PIXEL}


def test_the_picture_drawn_through_its_own_map_is_true(out: Path) -> None:
    proof = verify(drawn_with(out, lambda step, _: step.affine), photos("coco"))
    assert proof.holds, told(proof)


def test_a_flipped_picture(out: Path) -> None:
    redraw(image_at(out, VICTIM), lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    refused(out, "image-mirrored")


def test_the_picture_of_another_image(out: Path) -> None:
    other = image_at(out, OTHER).read_bytes()
    image_at(out, VICTIM).write_bytes(other)
    proof = verify(out, photos("coco"))
    assert f"{OTHER} should show" in told(proof)


def test_a_stale_affine_and_a_recipe_that_was_not_this_one(out: Path) -> None:
    edit_row(out, VICTIM, affine=[0.24, 0.0, 48.0, 0.0, 0.24, 1.0])
    refused(out, "affine-stale")
    recipe = Recipe(Letterbox(384), Rotate(16.0)).options()
    edit_record(out, recipe=recipe)
    edit_rows(out, lambda row: row | {"recipe": recipe})
    assert {"affine-stale", "box-moved"} <= codes(verify(out, photos("coco")))


Looks = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # of RGB, 0 to 1, (H, W, 3)


def luma(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    gray: NDArray[np.float64] = rgb @ np.array([0.299, 0.587, 0.114])
    return gray[..., None]


def light(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4))


def value(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * np.clip(light, 0, 1) ** (1 / 2.4) - 0.055))


def holed(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = rgb.shape[:2]
    rgb = rgb.copy()
    for x, y, across, down in HOLES:
        rgb[round(y * height) : round((y + down) * height), round(x * width) : round((x + across) * width)] = 114 / 255
    return rgb


HOLES = [[0.1, 0.1, 0.5, 0.3], [0.4, 0.3, 0.5, 0.5]]
APPEARANCES: tuple[tuple[dict[str, Any], Looks], ...] = (
    ({"grayscale": {"channels": 3}}, lambda rgb: luma(rgb).repeat(3, axis=2)),
    ({"exposure": {"gain": 2.0, "space": "linear"}}, lambda rgb: value(light(rgb) * 2)),
    ({"exposure": {"gain": 0.5, "space": "srgb"}}, lambda rgb: rgb * 0.5),
    ({"exposure": {"gain": 9.0, "space": "linear"}}, lambda rgb: value(light(rgb) * 9)),
    ({"contrast": {"factor": 2.0}}, lambda rgb: luma(rgb).mean() + (rgb - luma(rgb).mean()) * 2),
    ({"contrast": {"factor": 0.1}}, lambda rgb: luma(rgb).mean() + (rgb - luma(rgb).mean()) * 0.1),
    ({"saturation": {"factor": 2.0}}, lambda rgb: luma(rgb) + (rgb - luma(rgb)) * 2),
    ({"saturation": {"factor": 6.0}}, lambda rgb: luma(rgb) + (rgb - luma(rgb)) * 6),
    ({"hue": {"degrees": 120.0}}, lambda rgb: rgb[..., [1, 2, 0]]),
    ({"cutout": {"count": 2, "size": 0.0, "holes": HOLES}}, holed),
    ({"noise": {"sigma": 7.0, "seed": 1}}, lambda rgb: rgb + np.random.default_rng(1).normal(0, 7 / 255, rgb.shape)),
    ({"noise": {"sigma": 60.0, "seed": 1}}, lambda rgb: rgb + np.random.default_rng(1).normal(0, 60 / 255, rgb.shape)),
    ({"albumentations": {"object": "a:b", "seed": 1}}, lambda rgb: 1.0 - rgb),
)  # fmt: skip


@pytest.mark.parametrize(
    "number", range(len(APPEARANCES)), ids=lambda number: f"{number} {APPEARANCES[number][0]}"[:40]
)
def test_changed_looks_are_no_fault_and_hide_no_lie(tmp_path: Path, number: int) -> None:
    step, look = APPEARANCES[number]
    recipe = Recipe(Letterbox(320), *([Rotate(20.0)] if number % 3 else []))
    out = augmented(tmp_path / "out", photos("coco"), "coco", recipe)
    said = recipe.options()
    said["steps"].append(step)
    edit_record(out, recipe=said)
    edit_rows(out, lambda row: row | {"recipe": said})
    for path in sorted(path for path in out.rglob("*") if path.suffix in {".jpg", ".png", ".webp"}):
        redraw(path, lambda picture: _looking(picture, look))
    proof = verify(out, photos("coco"))
    assert proof.holds, told(proof)
    firm = not any("not repeated here" in word for word in proof.tallies[2].words)
    assert proof.tallies[2].checked > (20 if firm else -1)
    redraw(image_at(out, VICTIM), lambda picture: Image.fromarray(np.roll(np.asarray(picture), 10, axis=0)))
    lied = verify(out, photos("coco"))
    assert lied.tallies[2].checked <= proof.tallies[2].checked
    assert bool(codes(lied, VICTIM)) == firm, told(lied)


def _looking(picture: Image.Image, look: Looks) -> Image.Image:
    rgb = np.asarray(picture.convert("RGB")) / 255.0
    return Image.fromarray(np.rint(np.clip(look(rgb), 0.0, 1.0) * 255).astype(np.uint8))


def test_a_mosaic_cannot_be_told(out: Path) -> None:
    said = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))["recipe"]
    mosaic = {"mosaic": {"size": [384, 384], "low": 0.25, "centre": [0.5, 0.5], "others": [0.1, 0.2, 0.3]}}
    said = said | {"steps": [*said["steps"], mosaic]}
    edit_record(out, recipe=said)
    edit_rows(out, lambda row: row | {"recipe": said, "affine": None})
    edit_object(out, VICTIM, lambda *_: None)
    proof = verify(out, photos("coco"))
    assert proof.tallies[1].checked == 0
    assert "made of several images" in proof.tallies[1].words[0]
    assert proof.tallies[2].checked == 0
    assert {fault.layer for fault in proof.faults} == {Layer.STRUCTURAL}
