"""The paint law and the ramp law for each step of the catalogue by itself, so that none is without them.

Pairs of steps, all formats and both frames are in `test_paint.py`, turns of many kinds in `test_paint_turned.py`, tiles
and mosaics of several objects in `test_augmented.py`, any plans at all in `tests/images/test_execute.py` and
`test_warp.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.images.raster import execute as execute_module
from bboxprep.images.raster.execute import execute
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe import appearance as looks
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.appearance import Blur, Contrast, Cutout, Exposure, Grayscale, Hue, Noise, Saturation
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.catalog import STEPS
from bboxprep.recipe.combination_split import split_at_combination, then
from bboxprep.recipe.combining import COMBINING, CopyPaste, Mixup, Mosaic
from bboxprep.recipe.crops import Crop, RandomCrop, Tile
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, Resize
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.multiples import Multiple
from bboxprep.recipe.recipe import ImageContext, Recipe
from bboxprep.testing.painting import DARK, Box, bright_box, displayed
from tests.images.raster import test_execute, test_warp
from tests.laws import test_augmented, test_paint, test_paint_turned
from tests.laws.test_ramp import Mistaken
from tests.painted import label, written

SIZE, BOX = (62, 47), (14.0, 11.0, 33.0, 37.0)
PIPELINE = A.to_dict(A.Compose([A.HorizontalFlip(p=1.0), A.Resize(71, 93), A.ToGray(p=1.0)]))
PAINTED: dict[str, Recipe] = {
    "letterbox": Recipe(Letterbox((53, 71))),
    "resize": Recipe(Resize((80, 40))),
    "fit": Recipe(Fit((90, 90))),
    "fill": Recipe(Fill((45, 41))),
    "multiple": Recipe(Multiple(28)),
    "crop": Recipe(Crop(5, 4, 30, 35)),
    "isolate": Recipe(Isolate(0.3)),
    "flip": Recipe(augment=Augment(Flip(p=0.5), copies=2)),
    "rotate": Recipe(augment=Augment(Rotate((-40, 40))), pad=DARK),
    "scale": Recipe(augment=Augment(Scale((0.7, 1.2))), pad=DARK),
    "translate": Recipe(augment=Augment(Translate((-0.1, 0.1), (-0.1, 0.1))), pad=DARK),
    "shear": Recipe(augment=Augment(Shear((-20, 20), (-10, 10))), pad=DARK),
    "random_crop": Recipe(augment=Augment(RandomCrop((0.4, 0.8)), copies=2)),
    "grayscale": Recipe(Grayscale()),
    "exposure": Recipe(augment=Augment(Exposure((0.4, 2.5)))),
    "contrast": Recipe(augment=Augment(Contrast((0.5, 2.0)))),
    "hue": Recipe(augment=Augment(Hue((-180, 180)))),
    "saturation": Recipe(augment=Augment(Saturation((0.0, 3.0)))),
    "blur": Recipe(augment=Augment(Blur((0.0, 2.0)))),
    "contrast_stretch": Recipe(looks.ContrastStretch()),
    "auto_contrast": Recipe(looks.AutoContrast(1.0)),
    "equalize": Recipe(looks.Equalize()),
    "clahe": Recipe(looks.Clahe()),
    "motion_blur": Recipe(augment=Augment(looks.MotionBlur((1.0, 3.0), (0.0, 180.0)))),
    "salt_pepper": Recipe(augment=Augment(looks.SaltPepper(0.0002))),
    "camera_gain": Recipe(augment=Augment(looks.CameraGain((0.0, 0.002)))),
    "noise": Recipe(augment=Augment(Noise((0.0, 12.0)))),
    "cutout": Recipe(Cutout(holes=((0.3, 0.4, 0.1, 0.1), (0.0, 0.0, 0.1, 0.1)))),
    "albumentations": Recipe(Albumentations(pipeline=PIPELINE)),
}
SPREAD = {"equalize"}  # it makes the ground, which has most of the pixels, as bright as 215
TURNED = {"rotate", "shear"}  # their rectangles end in points


def found(pixels: NDArray[np.uint8], name: str) -> Box:
    """The edges of the rectangle after step `name`."""
    if name in TURNED:
        x0, y0, x1, y1 = test_paint_turned.found_box(test_paint_turned.strength(pixels)).tolist()
        return x0, y0, x1, y1
    return bright_box(pixels) if STEPS[name].geometric else bright_edges(pixels, 0.855 if name in SPREAD else 0.5)


def bright_edges(pixels: NDArray[np.uint8], way: float) -> Box:
    """The edges of what is bright in its middle row and column: some `way` from the darkest to the brightest green."""
    green = pixels[..., 1].astype(int)
    bright = green > green.min() + way * (green.max() - green.min())
    rows, columns = (np.flatnonzero(bright.sum(axis=axis) > 3) for axis in (1, 0))
    across = np.flatnonzero(bright[(rows[0] + rows[-1]) // 2])
    down = np.flatnonzero(bright[:, (columns[0] + columns[-1]) // 2])
    return float(across[0]), float(down[0]), float(across[-1] + 1), float(down[-1] + 1)


def worst_edges(root: Path, out: Path, name: str) -> dict[bool, float]:
    """How far an edge of a written box is from that of the rectangle, at worst, px: in lossless files, and in JPEGs."""
    outcome = convert_source(
        open_source(root, labels_in="displayed"), out, "coco", PAINTED[name], run_options=RunOptions()
    )
    assert sum(outcome.account.objects_out.values()) == 32 * PAINTED[name].copies("train")
    worst = {False: 0.0, True: 0.0}
    for image in written(out, "coco"):
        assert len(image.boxes) == 1
        pixels, lossy = displayed(image.data), image.place.endswith(".jpg")
        worst[lossy] = max(worst[lossy], float(np.abs(np.subtract(found(pixels, name), image.boxes[0])).max()))
    return worst


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return label(tmp_path_factory.mktemp("painted") / "source", "coco", "displayed", SIZE, BOX)


@pytest.mark.parametrize("name", PAINTED)
def test_the_rectangle_is_where_the_box_says(source: Path, tmp_path: Path, name: str) -> None:
    law = test_paint_turned if name in TURNED else test_paint
    worst = worst_edges(source, tmp_path / "out", name)
    assert worst[False] <= law.LOSSLESS
    assert worst[True] <= law.LOSSY


@pytest.mark.parametrize("name", PAINTED)
def test_the_paint_law_catches_pixels_that_lie_two_to_the_side(
    source: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = execute_module.execute

    def mistaken(*arguments: Any, **how: Any) -> NDArray[np.uint8]:
        return np.roll(honest(*arguments, **how), 2, axis=1)

    monkeypatch.setattr(execute_module, "execute", mistaken)
    assert max(worst_edges(source, tmp_path / "out", name).values()) > 1.0


RAMPED: dict[str, Recipe] = {
    "letterbox": Recipe(Letterbox((33, 29))),
    "resize": Recipe(Resize((31, 17))),
    "fit": Recipe(Fit((40, 40))),
    "fill": Recipe(Fill((20, 22))),
    "multiple": Recipe(Multiple(7)),
    "crop": Recipe(Crop(5.5, 10, 60, 55, "%")),
    "tile": Recipe(Tile(rows=2, columns=3, overlap=0.2)),
    "isolate": Recipe(Fit(50), Isolate(0.2, square=True)),
    "flip": Recipe(augment=Augment(Flip("both", p=0.5), Flip("horizontal"))),
    "rotate": Recipe(augment=Augment(Rotate((-180, 180), canvas="grow"))),
    "scale": Recipe(augment=Augment(Scale((0.8, 1.5)))),
    "translate": Recipe(augment=Augment(Translate((-0.1, 0.1), (-0.1, 0.1)))),
    "shear": Recipe(augment=Augment(Shear((-20, 20), (-10, 10)))),
    "random_crop": Recipe(augment=Augment(RandomCrop((0.5, 0.9)))),
    "mosaic": Recipe(augment=Augment(Mosaic(50, low=0.4))),
    "mixup": Recipe(augment=Augment(Mixup())),
    "copy_paste": Recipe(augment=Augment(CopyPaste())),
}
SIZES = st.builds(Size, st.integers(20, 25), st.integers(20, 25))


def plans(recipe: Recipe, size: Size, key: str) -> Iterator[Plan]:
    """The plans that `recipe` makes of a picture of `size`."""
    around = split_at_combination(recipe)
    mosaic = around.drawn(key, 0) if around else None
    if around and mosaic:
        for number in range(1 + mosaic.wanted):
            yield then(around.before, *mosaic.layer(number, Size(40, 31)).steps).plan(size, Dihedral())
        return
    cut = recipe.isolated(size, Dihedral(), np.array([[3.3, 5.8, 17.2, 13.1]]))
    for _, tile in cut.tiles(size, Dihedral()):
        yield tile.drawn(key, 0, ImageContext(size)).recipe.plan(size, Dihedral())


def ramp_error(plan: Plan) -> float:
    """The largest error of an inner pixel, where 1 is all that is allowed; 0 where there is none."""
    if plan.is_warped:
        return float(np.abs(test_warp.errors(plan, "cubic")).max(initial=0.0)) / test_warp.tolerance(plan, "cubic")
    return float(test_execute.ramp_errors(execute, plan, "linear").max(initial=0.0))


@pytest.mark.parametrize("name", RAMPED)
@given(size=SIZES, key=st.text(max_size=3))
def test_each_inner_pixel_comes_from_where_the_map_says(name: str, size: Size, key: str) -> None:
    assert all(ramp_error(plan) <= 1.0 for plan in plans(RAMPED[name], size, key))


@pytest.mark.parametrize("name", RAMPED)
def test_the_ramp_law_catches_a_map_that_is_off_by_a_pixel(name: str) -> None:
    for plan in plans(RAMPED[name], Size(25, 24), "a"):
        shifted = Affine.translation(1.0, 0.0) @ plan.affine
        if plan.is_warped:
            assert test_warp.blamed(plan, shifted)
        else:
            assert ramp_error(Mistaken(plan.source, plan.steps, shifted)) > 1.0


def test_no_step_is_without_its_laws() -> None:
    many = {step.name for recipe in test_augmented.PAINTED.values() for step in all_steps(recipe)}
    assert STEPS.keys() == PAINTED.keys() | {"tile", *COMBINING}
    assert {"tile", *COMBINING} <= many
    assert {name for name, step in STEPS.items() if step.geometric} == RAMPED.keys()


def all_steps(recipe: Recipe) -> list[Any]:
    return [*recipe.steps, *(recipe.augment.steps if recipe.augment else ())]
