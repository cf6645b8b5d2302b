"""Checks of a step of another distribution: the rectangle that is painted in photos is where the labels say after it.

The photos go through files and the whole program, with the step alone and, of one that moves pixels, before a
letterbox. A step that is drawn goes there twice for each photo.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.images.effects.apply import effects_applied
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe import plugins
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Letterbox, RecipeStep
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.recipe import ImageContext, Recipe
from bboxprep.testing.check import expect, expect_that
from bboxprep.testing.example import LabelledDataset, LabelledImage, read_coco
from bboxprep.testing.painting import BRIGHT, DARK, PATCH, displayed, painted_dataset
from bboxprep.testing.runs import rows_of, tree_hashes
from bboxprep.verification.verify import verify

SIZE, BOX = (62, 47), (14.0, 11.0, 33.0, 37.0)  # px
LOSSLESS, LOSSY, TURNED = (
    0.52,
    1.0,
    0.3,
)  # px between a written edge and the painted one; what points of turned ones add
_COPIES = 2
_SIZES = (Size(62, 47), Size(40, 97), Size(1, 1))
_CONTEXT = ImageContext(Size(*SIZE), boxes=np.array([BOX]), names=frozenset({PATCH}))
_SHIFT = 3.0  # px

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB


def check_class(step: RecipeStep, folder: Path) -> None:  # noqa: ARG001
    """The class is a frozen dataclass with a name of its own; an entry point of this name, or its module, leads to it;
    it can be pickled, which workers need."""
    found, name = plugins.checked_class(type(step)), step.name
    is_registered, reference = name in plugins.entry_names(), f"{found.__module__}:{found.__qualname__}"
    named = plugins.plugin_step(name) if is_registered else plugins.object_step(reference)
    expect("the class by its name", named, found)
    expect("the step, pickled and back", pickle.loads(pickle.dumps(step)), step)
    expect_that(str(step).startswith(name), f"{str(step)!r} in words", f"words that begin with {name!r}")


def check_record(step: RecipeStep, folder: Path) -> None:  # noqa: ARG001
    """The step and what is drawn of it are read back from a record as they were; two draws of one copy are the same."""
    recipe = _recipe(step)
    for what, made in (("the recipe", recipe), *((f"copy {n}", _drawn(recipe, n)) for n in range(_COPIES))):
        expect(f"{what} from its record", recipe_of(json.loads(json.dumps(made.options()))), made)
    expect("a second draw", _drawn(recipe, 0), _drawn(recipe, 0))


def check_pure(step: RecipeStep, folder: Path) -> None:  # noqa: ARG001
    """The same plan for the same size, and the same pixels for the same pixels, with their shape and dtype: gray and in
    colours, also of one pixel."""
    recipe = _drawn(_recipe(step), 0)
    for size in _SIZES:
        for own in recipe.steps:
            expect(f"plan steps for {size}", plugins.plan_steps(own, size), plugins.plan_steps(own, size))
        noise = np.random.default_rng(7).integers(0, 256, (size.height, size.width, 3), dtype=np.uint8)
        for pixels in (noise, noise[..., 0]):
            one, other = (effects_applied(given, recipe.rendering) for given in (pixels, pixels.copy()))
            expect_that(np.array_equal(one, other), f"pixels {pixels.shape}, a second time others", "the same")


def check_paint(step: RecipeStep, folder: Path) -> None:
    """The written box is on the painted rectangle, within 0.52 px in lossless files: all orientations, the step by
    itself and before a letterbox."""
    root = _painted(folder / "in", ("png", "jpg"))
    for number, recipe in enumerate(_recipes(step)):
        out = folder / str(number)
        _convert(root, out, recipe)
        maps = {row["output"]: Affine(*row["affine"]) for row in rows_of(out)}
        images = read_coco(out).images
        expect("images", len(images), 16 * recipe.copies("train"))
        for image in images:
            where = f"{recipe}: {image.place}"
            expect(f"{where}: objects (want options that leave the rectangle in sight)", len(image.boxes), 1)
            _check_edges(where, image, step, is_turned=not maps[image.place].keeps_axes)


def _check_edges(where: str, image: LabelledImage, step: RecipeStep, *, is_turned: bool) -> None:
    box = image.boxes[0]
    share = _share(where, displayed(image.data), box, step)
    found = _edges(share, least=0.25 if is_turned else 0.5, width=1 if is_turned else 4)
    off = float(np.abs(found - box).max())
    most = (LOSSY if image.place.endswith(".jpg") else LOSSLESS) + (TURNED if is_turned else 0.0)
    have = f"{where}: box {box.tolist()}, {off:.3g} px off the painted {found.tolist()}"
    expect_that(off <= most, have, f"at most {most:.3g} px")


def _share(where: str, pixels: Pixels, box: NDArray[np.float64], step: RecipeStep) -> NDArray[np.float64]:
    """How much of each pixel (H, W) is the rectangle's, by its green: 0 to 1. A step that changes values is asked what
    it makes of the two levels: they are those in the middle of the `box` (4,) and of most of the image."""
    green = pixels[..., 1].astype(np.float64)
    ground, level = float(DARK[1]), float(BRIGHT[1])
    if not step.geometric:
        x, y = ((box[:2] + box[2:]) / 2.0).astype(int).tolist()
        ground, level = float(np.median(green)), float(np.median(green[y - 2 : y + 3, x - 2 : x + 3]))
        have = f"{where}: levels {level:g} in the middle of the box, {ground:g} around it"
        expect_that(abs(level - ground) >= 8.0, have, "a rectangle there, and options that leave it in sight")
    return np.asarray((green - ground) / (level - ground))


def _edges(share: NDArray[np.float64], least: float, width: int) -> NDArray[np.float64]:
    """The edges (4,) of what is the rectangle's to `least` in `share` (H, W), in rows and columns with `width` px."""
    seen = share > least
    rows, columns = (np.flatnonzero(seen.sum(axis=axis) >= width) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return np.zeros(4)
    if width > 1:  # a kernel that overshoots brightens pixels beyond a corner
        columns, rows = (
            np.flatnonzero(line) for line in (seen[(rows[0] + rows[-1]) // 2], seen[:, (columns[0] + columns[-1]) // 2])
        )
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)


def check_same_bytes(step: RecipeStep, folder: Path) -> None:
    """One and two workers write equal files."""
    root = _painted(folder / "in")
    for workers in (1, 2):
        _convert(root, folder / str(workers), _recipe(step), workers)
    one, two = (tree_hashes(folder / str(workers)) for workers in (1, 2))
    expect("files that differ", sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name)), [])


def check_verify(step: RecipeStep, folder: Path) -> None:
    """`verify` finds no fault in an output, and finds a box that was moved in it."""
    root, out = _painted(folder / "in"), folder / "out"
    _convert(root, out, _recipe(step))
    expect("faults", [str(fault) for fault in verify(out).faults], [])
    path = out / "annotations" / "instances_train.json"
    document = json.loads(path.read_bytes())
    row = document["annotations"][0]
    row["bbox"][0] += _SHIFT
    row["segmentation"] = [[x + _SHIFT * (n % 2 == 0) for n, x in enumerate(ring)] for ring in row["segmentation"]]
    path.write_text(json.dumps(document), encoding="utf-8")
    found = {fault.code for fault in verify(out).faults}
    expect_that("box-moved" in found, f"the faults {sorted(found)} after a box was moved {_SHIFT} px", "box-moved")


def _recipe(step: RecipeStep) -> Recipe:
    if step.is_fixed:
        return Recipe(step, pad=DARK)
    return Recipe(augment=Augment(step, copies=_COPIES), pad=DARK, seed=1)


def _recipes(step: RecipeStep) -> Iterator[Recipe]:
    yield _recipe(step)
    if step.is_fixed and step.geometric:
        yield Recipe(step, Letterbox((53, 71)), pad=DARK)


def _drawn(recipe: Recipe, copy: int) -> Recipe:
    drawn = recipe.drawn("train/a", copy, _CONTEXT).recipe
    drawn.plan(Size(*SIZE), IDENTITY)
    return drawn


def _convert(root: Path, out: Path, recipe: Recipe, workers: int = 1) -> None:
    convert_source(
        open_source(root, labels_in="displayed"), out, "coco", recipe, run_options=RunOptions(workers=workers)
    )


def _painted(root: Path, containers: tuple[str, ...] = ("png",)) -> Path:
    """A COCO dataset of painted photos, in all eight orientations in each of the `containers`, at `root`."""
    dataset: LabelledDataset = painted_dataset("displayed", SIZE, BOX, containers)
    images, objects = [], []
    (root / "train").mkdir(parents=True)
    (root / "annotations").mkdir()
    for number, image in enumerate((replace(each, split="train") for each in dataset.images), 1):
        (root / "train" / image.name).write_bytes(image.data)
        width, height = image.size
        images.append({"id": number, "file_name": image.name, "width": width, "height": height})
        x0, y0, x1, y1 = image.boxes[0].tolist()
        ring = [x0, y0, x1, y0, x1, y1, x0, y1]
        row = {"id": number, "image_id": number, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
        objects.append(row | {"segmentation": [ring], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0})
    categories = [{"id": 1, "name": PATCH}]
    document = {"images": images, "annotations": objects, "categories": categories}
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    return root
