"""Samples of real files through effects and pipelines: pixels, objects, sizes and maps stay together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import albumentations as A  # as everyone calls it
import msgspec
import numpy as np
import pytest
from PIL import Image

from bboxprep.errors import ImageError, UsageError
from bboxprep.formats.api import Labels
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.codecs.codec import ImagePolicy, decode
from bboxprep.images.effects.apply import seen_of
from bboxprep.images.header import read_header
from bboxprep.images.raster.execute import execute
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from bboxprep.model.validation import Location
from bboxprep.pipeline.output.image_rows import NO_FILE, WrittenBatch, encode_rows, rows_of
from bboxprep.pipeline.output.naming import Output
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.appearance import Contrast, Cutout, Exposure, Grayscale, Noise
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Flip, Letterbox, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform import render
from bboxprep.transform.albumentations import run_pipeline
from bboxprep.transform.render import SampleRenderer

BOX = (40, 20, 100, 60)
TABLE = Categories(tuple(Category(name, keypoints=("left", "right")) for name in ("left_hand", "right_hand")))
RULES = ObjectPolicy(swap_classes=(("left_hand", "right_hand"),))


def row_text(sample: Sample) -> bytes:
    """The row of `sample`, which is written as a.png."""
    batch = Batch.of([sample])
    return encode_rows(rows_of(WrittenBatch(batch, [Output("a.png")], [NO_FILE], batch, [Labels()], [()]), Path("/")))


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A photo of 200x120 with one bright rectangle, outlined in every way, and another object in the far corner."""
    pixels = np.full((120, 200, 3), 40, dtype=np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = (250, 200, 100)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    x0, y0, x1, y1 = BOX
    objects = Instances.of(
        [BOX, (180, 100, 200, 120)],
        [0, 1],
        polygons=[[[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]], []],
        masks=[Rle.from_mask(pixels[..., 0] > 100), None],
        keypoints=[[[x0, y0], [x1, y1]], [[190, 110], [0, 0]]],
        visibility=[[2, 1], [2, 0]],
        areas=[2400.0, 400.0],
    )
    renderer = SampleRenderer(TABLE, ImagePolicy(), RULES)
    return Sample(
        PurePosixPath("photo.png"), path, read_header(path), objects, source_count=2, renderer=renderer
    )  # fmt: skip


def step(*transforms: Any, seed: int | None = 3, **options: Any) -> Albumentations:
    return Albumentations(A.to_dict(A.Compose(list(transforms), **options)), seed=seed)


def bright(pixels: Any) -> list[int]:
    """The box around what is bright."""
    rows, columns = np.nonzero(pixels[..., 0] > 145)
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def test_effects_follow_the_plan_in_their_order(sample: Sample) -> None:
    plain = sample.transform(Recipe(Letterbox(100), Flip("horizontal")))
    moved = sample.transform(Recipe(Letterbox(100), Grayscale(), Flip("horizontal"), Exposure(2.0, "srgb", True)))
    assert moved.plan == plain.plan
    assert moved.is_redrawn
    assert not plain.is_redrawn
    assert moved.instances == plain.instances
    gray = np.asarray(Image.fromarray(plain.pixels()).convert("L")).astype(int)
    assert np.abs(moved.pixels().astype(int) - np.clip(2 * gray, 0, 255)[..., None]).max() <= 2
    other = sample.transform(Recipe(Exposure(2.0, "srgb"), Grayscale())).pixels()
    assert (other != sample.transform(Recipe(Grayscale(), Exposure(2.0, "srgb"))).pixels()).any()


def test_one_channel_on_request(sample: Sample) -> None:
    assert sample.transform(Recipe(Grayscale(1))).pixels().shape == (120, 200)
    assert sample.transform(Recipe(Grayscale())).pixels().shape == (120, 200, 3)


def test_a_cutout_drops_what_it_hides_and_lists_it(sample: Sample) -> None:
    whole = Cutout(holes=((0.9, 0.8, 0.1, 0.2),), size=0.0)
    moved = sample.transform(Recipe(whole))
    assert moved.instances.labels.tolist() == [0]
    assert [(f.code, f.objects, f.category) for f in moved.findings] == [("box-hidden", 1, "right_hand")]
    assert (moved.pixels()[100:, 180:] == 114).all()


def test_what_is_done_to_a_finished_picture_comes_after_its_effects(sample: Sample) -> None:
    """Exposed and then laid on a canvas: the margin is not exposed, other than in one recipe that asks for it."""
    twice = sample.transform(Recipe(Exposure(3.0))).transform(Recipe(Letterbox(200)))
    once = sample.transform(Recipe(Exposure(3.0, margins=True), Letterbox(200)))
    assert twice.affine == once.affine
    assert twice.instances == once.instances
    assert (twice.pixels()[0] == 114).all()
    assert (once.pixels()[0] > 150).all()
    np.testing.assert_array_equal(twice.pixels()[40:160], once.pixels()[40:160])


@pytest.mark.parametrize("steps", [(Letterbox(200),), (Letterbox(200), Flip("vertical"), Grayscale(1)), (Rotate(30),)])
def test_an_exposure_leaves_margins_as_trainers_pad(sample: Sample, steps: tuple[Any, ...]) -> None:
    plain, lit = (sample.transform(Recipe(*steps, *more)) for more in ((), (Exposure(3.0),)))
    assert plain.plan
    seen = seen_of(plain.size, plain.plan.outline)
    assert seen is not None
    margin = ~seen
    assert margin.any()
    np.testing.assert_array_equal(lit.pixels()[margin], plain.pixels()[margin])
    assert lit.pixels()[~margin].mean() > plain.pixels()[~margin].mean()


def test_a_pipeline_moves_pixels_and_everything_on_them(sample: Sample) -> None:
    moved = sample.transform(Recipe(Resize((100, 60)), step(A.HorizontalFlip(p=1), A.PadIfNeeded(80, 140))))
    affine = Affine(-0.5, 0, 120, 0, 0.5, 10)
    assert moved.affine == affine
    assert moved.size == Size(140, 80)
    assert moved.pixels().shape == (80, 140, 3)
    assert bright(moved.pixels()) == [70, 20, 100, 40]
    objects, before = moved.instances, sample.instances
    np.testing.assert_allclose(objects.boxes, map_boxes(affine, before.boxes), atol=1e-9)
    np.testing.assert_allclose(objects.polygons[0][0], affine(before.polygons[0][0]), atol=1e-9)
    assert objects.masks[0] is not None
    rows, columns = np.nonzero(objects.masks[0].mask())
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == [70, 20, 100, 40]
    np.testing.assert_allclose(objects.areas, [600.0, 100.0])
    assert moved.mirrored
    assert objects.labels.tolist() == [1, 0]  # what was a left hand is seen as a right one
    assert not moved.findings


def test_a_pipeline_that_moves_nothing_leaves_objects_exactly_as_they_are(sample: Sample) -> None:
    moved = sample.transform(Recipe(step(A.CoarseDropout(p=1), A.RandomBrightnessContrast(p=1))))
    assert moved.affine == Affine()
    assert moved.instances == sample.transform(Recipe()).instances


def test_areas_grow_with_the_picture(sample: Sample) -> None:
    moved = sample.transform(Recipe(step(A.Resize(240, 600))))
    assert moved.affine == Affine(3, 0, 0, 0, 2, 0)
    np.testing.assert_allclose(moved.instances.areas, [6 * 2400.0, 6 * 400.0])


def test_pictures_of_two_samples_are_not_mixed_up(sample: Sample, tmp_path: Path) -> None:
    Image.new("RGB", (200, 120), (9, 9, 9)).save(tmp_path / "other.png")
    other = replace(sample, path=tmp_path / "other.png")
    recipe = Recipe(step(A.HorizontalFlip(p=1)))
    first, second = sample.transform(recipe), other.transform(recipe)
    assert bright(first.pixels()) == [100, 20, 160, 60]
    assert (second.pixels() == 9).all()
    assert bright(first.pixels()) == [100, 20, 160, 60]


def test_what_a_pipeline_drops_is_listed_by_class(sample: Sample) -> None:
    moved = sample.transform(Recipe(step(A.Crop(50, 0, 150, 90, p=1))))
    assert [(f.code, f.objects, f.category) for f in moved.findings if f.objects] == [("box-filtered", 1, "right_hand")]
    assert {f.code for f in moved.findings} == {"box-filtered", "box-clipped", "keypoint-outside"}
    assert moved.instances.boxes.tolist() == [[0, 20, 50, 60]]
    assert moved.instances.areas.tolist() == [2000.0]
    assert moved.instances.visibility.tolist() == [[0, 1]]
    ring = moved.instances.polygons[0][0]
    assert (ring.min(axis=0).tolist(), ring.max(axis=0).tolist()) == ([0, 20], [50, 60])


def test_a_crop_in_a_pipeline_also_cuts_outlines_that_a_later_margin_would_show(sample: Sample) -> None:
    crop, pad = A.Crop(0, 0, 70, 120, p=1), A.PadIfNeeded(120, 200, position="top_left")
    moved = sample.transform(Recipe(step(crop, pad)))
    assert moved.instances.boxes.tolist() == [[40, 20, 70, 60]]
    assert moved.instances.polygons[0][0].max(axis=0).tolist() == [70, 60]
    assert moved.instances.masks[0] is not None
    assert moved.instances.masks[0].area == 30 * 40


def test_boxes_that_turn_are_drawn_around_the_outline(sample: Sample) -> None:
    moved = sample.transform(Recipe(step(A.Rotate((20, 20), p=1))))
    assert moved.affine is not None
    ring = moved.affine(sample.instances.polygons[0][0])
    np.testing.assert_allclose(moved.instances.boxes[0, :2], np.maximum(ring.min(axis=0), 0), atol=1e-6)
    np.testing.assert_allclose(moved.instances.boxes[0, 2:], ring.max(axis=0), atol=1e-6)
    near = np.array(bright(moved.pixels()))
    assert np.abs(moved.instances.boxes[0] - near).max() < 1.5


def test_what_bends_has_no_map_and_the_row_says_why(sample: Sample) -> None:
    moved = sample.transform(Recipe(step(A.Perspective((0.1, 0.1), p=1)))).transform(Recipe(Letterbox(64)))
    assert moved.affine is None
    row = json.loads(row_text(moved))
    assert row["affine"] is None
    assert "bends" in row["not_affine"]
    assert len(moved.instances) + sum(f.objects for f in moved.findings) == 2
    assert moved.instances.polygons[0]
    near = np.array(bright(moved.pixels()))
    assert np.abs(moved.instances.boxes[0] - near).max() < 1.5
    flat = sample.transform(Recipe(step(A.HorizontalFlip(p=1))))
    assert "not_affine" not in json.loads(row_text(flat))


def test_effects_and_pipelines_take_turns(sample: Sample) -> None:
    flip, crop = A.HorizontalFlip(p=1), A.Crop(0, 0, 100, 100, p=1)
    recipe = Recipe(Contrast(0.5), step(flip), Exposure(1.5), step(crop), Cutout(holes=((0, 0, 0.1, 0.1),), size=0.0))
    moved = sample.transform(recipe)
    assert moved.affine == Affine(-1, 0, 200, 0, 1, 0)
    assert moved.size == Size(100, 100)
    assert (moved.pixels()[:10, :10] == 114).all()
    by_hand = sample.transform(Recipe(Contrast(0.5), Flip("horizontal"))).transform(Recipe(Exposure(1.5))).pixels()
    np.testing.assert_array_equal(moved.pixels()[10:], by_hand[10:100, :100])


def test_a_picture_is_made_once_for_objects_and_pixels(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*args: Any) -> Any:
        calls.append(args)
        return run_pipeline(*args)

    monkeypatch.setattr(render, "run_pipeline", counted)
    recipe = Recipe(step(A.Rotate(p=1), A.GaussNoise(p=1)))
    one = sample.transform(recipe)
    pixels = one.pixels()
    assert len(calls) == 1
    sample.transform(Recipe(step(A.NoOp())))
    np.testing.assert_array_equal(one.pixels(), pixels)  # made anew, and the same
    assert len(calls) == 3


def test_a_picture_on_which_a_pipeline_cannot_be_done_is_left_out(sample: Sample) -> None:
    moved = sample.transform(Recipe(step(A.RandomCrop(500, 500)), Noise(3.0, seed=1)))
    assert moved.refusal == "augmentation-failed"
    assert [f.code for f in moved.findings] == ["augmentation-failed"]
    assert "CropSizeError" in moved.findings[0].message


def test_a_picture_that_cannot_be_decoded_is_left_out(sample: Sample) -> None:
    sample.path.write_bytes(sample.path.read_bytes()[:60])
    moved = sample.transform(Recipe(step(A.NoOp())))
    assert moved.refusal == "image-unreadable"


def test_a_pipeline_needs_a_draw(sample: Sample) -> None:
    recipe = Recipe(augment=Augment(step(A.HorizontalFlip(p=0.5), seed=None)), seed=4)
    drawn = [sample.transform(recipe.drawn("train/photo.png", copy).recipe).affine for copy in range(12)]
    assert set(drawn) == {Affine(), Affine(-1, 0, 200, 0, 1, 0)}
    assert drawn == [sample.transform(recipe.drawn("train/photo.png", copy).recipe).affine for copy in range(12)]
    unsettled = msgspec.structs.replace(
        Recipe(step(A.NoOp())).rendering.effects[0], options=(("pipeline", "{}"), ("seed", None))
    )
    with pytest.raises(UsageError, match="want a seed"):
        run_pipeline(sample.pixels(), sample.instances, unsettled, Location("", "", []), 0.0)


def test_nothing_that_moves_pixels_comes_after_a_pipeline() -> None:
    with pytest.raises(UsageError, match="letterbox: have it after albumentations"):
        Recipe(step(A.NoOp()), Letterbox(64))
    with pytest.raises(UsageError, match="flip: have it after albumentations"):
        Recipe(augment=Augment(Exposure(2.0), step(A.NoOp(), seed=None), Flip("vertical", p=0.5)))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(Letterbox(100), pad=(200, 100, 0)),
        Recipe(Letterbox(90), Flip("vertical"), kernel="lanczos"),
        Recipe(Letterbox(100), Grayscale(), Exposure(2.0)),
    ],
)
def test_pixels_come_in_either_order_of_channels(sample: Sample, suffix: str, recipe: Recipe) -> None:
    path = sample.path.with_suffix(suffix)
    with Image.open(sample.path) as image:
        image.save(path)
    moved = replace(sample, path=path, header=read_header(path)).transform(recipe)
    np.testing.assert_array_equal(moved.pixels(order="BGR"), moved.pixels()[..., ::-1])


def test_the_pixels_of_one_more_transform_come_in_either_order(sample: Sample) -> None:
    twice = sample.transform(Recipe(Exposure(3.0))).transform(Recipe(Letterbox(100)))
    np.testing.assert_array_equal(twice.pixels(order="BGR"), twice.pixels()[..., ::-1])


def test_gray_pixels_have_no_order(sample: Sample) -> None:
    path = sample.path.with_suffix(".jpg")
    with Image.open(sample.path) as image:
        image.convert("L").save(path)
    gray = replace(sample, path=path, header=read_header(path)).transform(Recipe(Letterbox(100)))
    np.testing.assert_array_equal(gray.pixels(order="BGR"), gray.pixels())
    pad = replace(sample, path=path, header=read_header(path)).transform(Recipe(Letterbox(100), pad=(200, 100, 0)))
    assert pad.pixels()[0, 0].tolist() == [200, 100, 0]
    np.testing.assert_array_equal(pad.pixels(order="BGR"), pad.pixels()[..., ::-1])


@pytest.mark.parametrize(
    ("mode", "pad"), [("RGB", 114), ("RGB", (200, 100, 0)), ("L", 9), ("L", (1, 2, 3)), ("CMYK", 9)]
)
def test_pixels_decoded_into_their_place_are_those_that_are_copied_there(
    sample: Sample, mode: str, pad: int | tuple[int, int, int]
) -> None:
    path = sample.path.with_suffix(".jpg")
    with Image.open(sample.path) as image:
        image.resize((96, 64)).convert(mode).save(path)
    header = read_header(path)
    moved = replace(sample, path=path, header=header, instances=Instances.of()).transform(
        Recipe(Letterbox(96), pad=pad)
    )
    assert moved.plan
    copied = execute(moved.plan, decode(path, header).pixels, kernel="auto", pad=pad)
    np.testing.assert_array_equal(moved.pixels(), copied)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageError, match="truncated"):
        moved.pixels()
