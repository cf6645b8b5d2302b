"""Laws of runs that make several pictures of one, and of chance: the same bytes however they are done, nothing drawn
that is not for training, every object accounted for, every box on its object.

**The paint law of many.** Tiles and mosaics hold several rectangles, or pieces of them, and a margin; so the bright
pixels as a whole are compared with the written boxes as a whole, a pixel more or less on each side.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import StoppedError, UsageError
from bboxprep.geometry.shapes import Boxes
from bboxprep.images.raster import execute
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.pipeline.preview import drawn_samples
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.affine_steps import Rotate, Scale, Translate
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.appearance import Blur, Cutout, Exposure, Grayscale, Noise
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import CopyPaste, Mixup, Mosaic
from bboxprep.recipe.crops import RandomCrop, Tile
from bboxprep.recipe.geometric import Fit, Flip, Letterbox, RecipeStep
from bboxprep.recipe.load import read_recipe
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.example import LabelledImage
from bboxprep.testing.painting import BRIGHT, DARK, displayed
from bboxprep.verification.verify import verify
from tests.conformance.examples import AVAILABLE, in_turn
from tests.painted import label, written
from tests.tiny import label as label_tiny
from tests.tiny import tiny, tree
from tests.verification.outputs import told

FIXTURES = Path(__file__).parents[2] / "fixtures"
PIPELINE = A.to_dict(A.Compose([A.Affine(rotate=(-9, 9), p=1.0), A.RandomBrightnessContrast(p=1.0)]))
RECIPES = {
    "chance": Recipe(
        Letterbox(96),
        augment=Augment(
            Flip("horizontal", p=0.5), Rotate((-20, 20)), Exposure((0.7, 1.4)), Noise((0, 9)), copies=3, plain=True
        ),
        seed=3,
    ),
    "crops": Recipe(augment=Augment(RandomCrop((0.3, 0.9)), Cutout(p=0.5), copies=2), seed=4),
    "tiles": Recipe(Letterbox(128), Tile(72, 0.2), Grayscale(), augment=Augment(Blur((0, 2)), copies=2), seed=5),
    "mosaic": Recipe(augment=Augment(Scale((0.8, 1.2)), Mosaic(120, p=0.8), copies=2), seed=6),
    "mosaic among others": Recipe(
        augment=Augment(
            Flip(p=0.5),
            Noise((0, 9)),
            Mosaic(120),
            Rotate((-9, 9)),
            RandomCrop(),
            Albumentations(pipeline=PIPELINE),
            copies=3,
            plain=True,
        ),
        seed=7,
    ),
    "mixup": Recipe(Letterbox(96), augment=Augment(Flip(p=0.5), Mixup(p=0.8), Exposure((0.8, 1.2))), seed=9),
    "copy-paste": Recipe(Fit(120), augment=Augment(Scale((0.8, 1.2)), CopyPaste(p=0.8), Flip(p=0.5)), seed=10),
    "pipeline": Recipe(Letterbox(64), augment=Augment(Albumentations(pipeline=PIPELINE), copies=2), seed=8),
}
FLIPS = A.to_dict(A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5), A.RandomGamma((90, 110), p=1.0)]))
SIZE, BOX = (62, 47), (14.0, 11.0, 33.0, 37.0)


def run(source: Path, out: Path, recipe: Recipe, *, workers: int = 1, to: str = "yolo") -> Outcome:
    return convert_source(open_source(source), out, to, recipe, run_options=RunOptions(workers=workers))


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", RECIPES)
def test_workers_and_repetition_by_the_record_change_no_byte(tmp_path: Path, name: str) -> None:
    source, one = FIXTURES / "phone-photos-coco", tmp_path / "one"
    run(source, one, RECIPES[name])
    run(source, tmp_path / "two", RECIPES[name], workers=2)
    assert tree(tmp_path / "two") == tree(one)
    recorded = read_recipe(one / "bboxprep.json")
    assert recorded == RECIPES[name]
    run(source, tmp_path / "again", recorded)
    assert tree(tmp_path / "again") == tree(one)


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_that_was_stopped_goes_on_to_the_same_tree(tmp_path: Path, name: str) -> None:
    source, asked = FIXTURES / "phone-photos-coco", iter(range(2))
    run(source, tmp_path / "whole", RECIPES[name])
    with pytest.raises(StoppedError):
        convert_source(
            open_source(source), tmp_path / "out", "yolo", RECIPES[name], run_options=RunOptions(workers=2),
            stop=lambda: next(asked, None) is None,
        )  # fmt: skip
    outcome = convert_source(
        open_source(source), tmp_path / "out", "yolo", RECIPES[name], run_options=RunOptions(resume=True)
    )
    assert 0 < outcome.fresh < len(rows_of(tmp_path / "whole"))
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_pictures_that_a_tile_is_larger_than_are_tiles_too(tmp_path: Path) -> None:
    run(tiny(tmp_path / "in", (0, 1)), tmp_path / "out", Recipe(Tile(200)))
    assert [row["output"] for row in rows_of(tmp_path / "out")] == [
        f"images/train/0000{number}_r0c0.jpg" for number in (0, 1)
    ]


def test_another_seed_makes_other_pictures(tmp_path: Path) -> None:
    for seed in (1, 2):
        recipe = Recipe(Letterbox(64), augment=Augment(Rotate((-20, 20))), seed=seed)
        run(FIXTURES / "phone-photos-coco", tmp_path / str(seed), recipe)
    ones, others = tree(tmp_path / "1"), tree(tmp_path / "2")
    pictures = [path for path in ones if path.startswith("images/")]
    assert {path for path in pictures if ones[path] != others[path]} == {
        path for path in pictures if path.startswith("images/train/")
    }


@pytest.mark.parametrize("name", RECIPES)
def test_no_split_but_training_holds_an_augmented_picture(tmp_path: Path, name: str) -> None:
    recipe = RECIPES[name]
    run(FIXTURES / "phone-photos-coco", tmp_path / "out", recipe)
    run(FIXTURES / "phone-photos-coco", tmp_path / "plain", recipe.without_augment)
    augmented, plain = tree(tmp_path / "out"), tree(tmp_path / "plain")
    held = {path for path in augmented if "/val/" in path}
    assert held == {path for path in plain if "/val/" in path}
    assert held
    assert all(augmented[path] == plain[path] for path in held)
    drawn = [row for row in rows_of(tmp_path / "out") if row.get("copy") or row.get("parts")]
    assert {row["split"] for row in drawn} == {"train"}


@pytest.mark.parametrize("name", RECIPES)
def test_every_object_of_every_picture_is_written_or_listed(tmp_path: Path, name: str) -> None:
    outcome = run(FIXTURES / "phone-photos-coco", tmp_path / "out", RECIPES[name])
    for row in outcome.account.rows():
        assert row.objects_due == row.objects_out + sum(row.dropped.values())
        assert row.objects_due >= row.objects_in
    written = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in tmp_path.rglob("labels/**/*.txt"))
    assert written == sum(row.objects_out for row in outcome.account.rows())


@pytest.mark.parametrize("name", ["chance", "tiles", "mosaic"])
def test_a_preview_shows_the_pictures_of_the_run(tmp_path: Path, name: str) -> None:
    source = FIXTURES / "phone-photos-coco"
    run(source, tmp_path / "out", RECIPES[name], to="coco")
    rows = {Path(row["output"]).stem: row for row in rows_of(tmp_path / "out") if row["output"]}
    samples = drawn_samples(open_source(source), RECIPES[name], 6, only_training=True)
    assert len(samples) == 6
    for sample in samples:
        row = rows[sample.name.stem]
        affine = None if sample.parts else sample.affine
        assert row["affine"] == (list(affine.coefficients) if affine else None)
        pixels = sample.pixels()
        shown = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        off = {
            name: distance(shown, displayed((tmp_path / "out" / other["output"]).read_bytes()))
            for name, other in rows.items()
        }
        assert min(off, key=off.__getitem__) == sample.name.stem
        assert off[sample.name.stem] < 8.0  # of what is left after the noise has been through a codec


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The mean difference of two pictures; infinite for two sizes."""
    return float(np.abs(one.astype(float) - other).mean()) if one.shape == other.shape else np.inf


def mismatch(image: LabelledImage) -> int:
    """How many pixels are bright off all boxes, or dark well within one."""
    pixels = displayed(image.data)
    bright = pixels[..., 1].astype(int) > DARK[1] + (BRIGHT[1] - DARK[1]) // 4  # half as bright in a mixup
    outer, inner = (covered(bright.shape, image.boxes, more) for more in (1.0, -1.5))
    return int((bright & ~outer).sum() + (inner & ~bright).sum())


def covered(shape: tuple[int, ...], boxes: Boxes, more: float) -> NDArray[np.bool_]:
    rows, columns = np.indices(shape) + 0.5
    inside = np.zeros(shape, dtype=np.bool_)
    for x0, y0, x1, y1 in boxes.tolist():
        inside |= (columns > x0 - more) & (columns < x1 + more) & (rows > y0 - more) & (rows < y1 + more)
    return inside


PAINTED = {
    "tiles": Recipe(Tile((30, 24), 0.25), pad=DARK),
    "tiles of a letterbox": Recipe(Letterbox((97, 83)), Tile(40), Flip("horizontal"), pad=DARK),
    "mosaic": Recipe(augment=Augment(Mosaic(90), copies=2), seed=1, pad=DARK),
    "mosaic of flipped crops": Recipe(
        augment=Augment(RandomCrop((0.6, 0.9)), Flip("both", p=0.5), Mosaic((110, 80))), seed=2, pad=DARK
    ),
    "mosaic with looks of each and of all": Recipe(
        augment=Augment(Exposure((0.8, 1.2)), Blur((0.3, 0.6)), Mosaic(90), Noise(3)), seed=3, pad=DARK
    ),
    "mosaic that is flipped, letterboxed and cropped": Recipe(
        augment=Augment(Mosaic(90), Flip(p=0.5), Letterbox((120, 101)), RandomCrop((0.6, 0.9))), seed=4, pad=DARK
    ),
    "mixup": Recipe(augment=Augment(RandomCrop((0.6, 0.9)), Mixup((0.45, 0.55)), Flip(p=0.5)), seed=6, pad=DARK),
    "copy-paste": Recipe(
        augment=Augment(Translate((-0.4, 0.4), (-0.4, 0.4)), CopyPaste(boxes=True), Letterbox(90)), seed=7, pad=DARK
    ),
    "mosaic through a pipeline": Recipe(augment=Augment(Mosaic(90), Albumentations(pipeline=FLIPS)), seed=5, pad=DARK),
}


@pytest.mark.parametrize(("target", "name"), in_turn(AVAILABLE, list(PAINTED)))
def test_boxes_lie_on_what_is_painted(tmp_path: Path, name: str, target: str) -> None:
    root = label(tmp_path / "source", "coco", "displayed", SIZE, BOX)
    run(root, tmp_path / "out", PAINTED[name], to=target)
    pictures = written(tmp_path / "out", target)
    assert len(pictures) >= 32
    several = 2 if name in ("mixup", "copy-paste") else 4 if "mosaic" in name else 1
    assert max(len(image.boxes) for image in pictures) >= several
    worst = {image.place: wrong for image in pictures if (wrong := mismatch(image))}
    assert not worst


@pytest.mark.parametrize("name", PAINTED)
def test_the_law_catches_pixels_that_lie_two_to_the_side(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = execute.execute

    def mistaken(*arguments: Any, **how: Any) -> NDArray[np.uint8]:
        return np.roll(honest(*arguments, **how), 2, axis=1)

    monkeypatch.setattr(execute, "execute", mistaken)
    root = label(tmp_path / "source", "coco", "displayed", SIZE, BOX)
    run(root, tmp_path / "out", PAINTED[name])
    assert any(map(mismatch, written(tmp_path / "out", "yolo")))


SIGN = "traffic sign"


def test_each_picture_of_a_mosaic_is_drawn_for_itself(tmp_path: Path) -> None:
    """A flip that one of them forbids is left out there alone, and a crop keeps the objects of its own picture."""
    source = FIXTURES / "phone-photos-coco"
    keep = Augment(Flip("horizontal", (SIGN,), p=0.8), RandomCrop((0.2, 0.4)), Mosaic(200), copies=4)
    run(source, tmp_path / "out", Recipe(augment=keep, seed=11))
    dataset = open_source(source).dataset
    signs = {
        sample.path.relative_to(source).as_posix()
        for sample in dataset
        if sample.split == "train"
        and "traffic sign" in {dataset.categories.names[label] for label in sample.instances.labels}
    }
    assert signs
    flips: dict[str, set[bool]] = {}
    for row in rows_of(tmp_path / "out"):
        for part in row.get("parts", ()):
            names = [next(iter(step)) for step in part["recipe"]["steps"]]
            flips.setdefault(part["source"], set()).add("flip" in names)
            assert (np.linalg.det(np.reshape(part["affine"], (2, 3))[:, :2]) < 0) == ("flip" in names)
            assert part.get("mirrored", False) == ("flip" in names)
    assert {source for source, seen in flips.items() if True in seen} == flips.keys() - signs
    assert {source for source, seen in flips.items() if seen == {False}} == signs


def test_classes_that_change_places_in_parts_of_a_mosaic_are_accounted_for(tmp_path: Path) -> None:
    root = tiny(tmp_path / "source", range(8))
    opened = open_source(root, labels_in="displayed", object_policy=ObjectPolicy(swap_classes=(("cat", "dog"),)))
    flips = Augment(Flip(p=0.5), Mosaic(64), Flip(p=0.5), Flip("vertical", p=0.5), copies=3)
    outcome = convert_source(opened, tmp_path / "out", "yolo", Recipe(augment=flips, seed=1), run_options=RunOptions())
    gained = {name: count for (_, name), count in outcome.account.swapped.items()}
    assert gained["cat"] == -gained["dog"] != 0


@pytest.mark.parametrize("change", ["a label", "a picture", "another picture"])
def test_a_mosaic_is_made_anew_where_another_picture_in_it_is_another(tmp_path: Path, change: str) -> None:
    root, recipe = tiny(tmp_path / "source", range(9)), Recipe(augment=Augment(Mosaic(64), copies=2), seed=2)

    def go(out: str) -> Outcome:
        return convert_source(
            open_source(root, labels_in="displayed"), tmp_path / out, "yolo", recipe, run_options=RunOptions()
        )

    go("out")  # of two pictures of each image
    if change == "a label":
        label_tiny(root, 4, 1, 0.4)
    else:
        tiny(root, [9] if change == "another picture" else [], size=(48, 32))
    if change == "a picture":
        path = root / "images" / "train" / "00004.jpg"
        Image.fromarray(255 - displayed(path.read_bytes())).save(path, quality=90)
    outcome = go("out")
    assert 2 < outcome.fresh < go("fresh").fresh
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


STEADY = A.to_dict(A.Compose([A.HorizontalFlip(p=1.0), A.Resize(90, 120, p=1.0), A.CLAHE((2, 2), p=1.0)]))


def test_a_pipeline_without_chance_is_for_all_splits(tmp_path: Path) -> None:
    source, out = FIXTURES / "phone-photos-coco", tmp_path / "out"
    recipe = Recipe(Letterbox(150), Albumentations(pipeline=STEADY))
    run(source, out, recipe)
    assert {row["split"] for row in rows_of(out) if row["output_size"] == [120, 90]} == {"train", "val"}
    assert read_recipe(out / "bboxprep.json") == recipe
    assert told(verify(out, source)) == ""


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ([A.HorizontalFlip(p=0.5)], "albumentations: HorizontalFlip has the probability 0.5, which is chance for all"),
        ([A.RandomCrop(30, 30, p=1.0)], "albumentations: two seeds give two images, which is chance for all splits"),
        ([A.OneOf([A.ToGray(p=1.0), A.Transpose(p=1.0)], p=1.0)], "two seeds give two images"),
        ([A.GaussNoise((0.1, 0.1), p=1.0)], "two seeds give two images"),
    ],
)
def test_chance_for_all_splits_is_refused(tmp_path: Path, pipeline: list[Any], message: str) -> None:
    recipe = Recipe(Albumentations(pipeline=A.to_dict(A.Compose(pipeline))))
    with pytest.raises(UsageError, match=message):
        run(FIXTURES / "phone-photos-coco", tmp_path / "out", recipe)
    sample = open_source(FIXTURES / "phone-photos-coco").dataset[0]
    with pytest.raises(UsageError, match=message.removesuffix(" for all splits").removesuffix(" for all")):
        sample.transform(recipe)


@pytest.mark.parametrize(("step", "count"), [(CopyPaste(), 3), (Mixup(), 1)])
def test_without_another_picture_that_fits_it_is_told_and_nothing_is_done(
    tmp_path: Path, step: RecipeStep, count: int
) -> None:
    """Boxes alone cannot be cut out, and one picture is no two."""
    root = tiny(tmp_path / "source", range(count))
    outcome = run(root, tmp_path / "out", Recipe(augment=Augment(step), seed=1))
    run(root, tmp_path / "plain", Recipe())
    assert [finding.code for finding in outcome.account.findings] == ["combined-with-none"] * count
    labels = [
        {path: data for path, data in tree(tmp_path / name).items() if "labels" in path} for name in ("out", "plain")
    ]
    assert labels[0] == labels[1]
