"""Outputs with each effect are proven, and lies in them are found all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import ImageChops

from bboxprep.model.rendering import BACKGROUND
from bboxprep.recipe import appearance as looks
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.catalog import STEPS
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.arithmetic import APPEARANCE
from bboxprep.verification.verify import verify
from tests.verification.outputs import augmented, codes, edit_object, photos, redraw, told

IMAGE = "IMG_2001.jpg"
DRAWN: dict[str, tuple[RecipeStep, ...]] = {
    "stretched and streaked": (looks.ContrastStretch(), looks.MotionBlur((3.0, 8.0), (0.0, 180.0))),
    "equalised and turned": (looks.Equalize(p=0.99), Rotate((-15.0, 15.0))),
    "auto contrast, CLAHE": (looks.AutoContrast((0.0, 2.0)), looks.Clahe((1.0, 4.0)), Flip()),
    "noise of a sensor, salt": (looks.CameraGain((0.0, 0.003)), looks.SaltPepper((0.0, 0.01))),
    "inside boxes": (
        looks.Exposure((1.2, 1.5), inside="boxes"),
        looks.Blur((1.0, 2.0), inside="boxes"),
        looks.MotionBlur((3.0, 6.0), inside="boxes"),
        Flip(),
    ),
}


@pytest.mark.parametrize("steps", DRAWN.values(), ids=list(DRAWN))
def test_a_true_output_is_proven_and_lies_in_it_are_found(tmp_path: Path, steps: tuple[RecipeStep, ...]) -> None:
    recipe = Recipe(Letterbox(256), augment=Augment(*steps), pad=0, seed=3)
    out = augmented(tmp_path / "out", photos("coco"), "coco", recipe)
    proof = verify(out, photos("coco"))
    assert proof.holds, told(proof)
    edit_object(out, IMAGE, lambda box, label: ((box[0] + 0.1, box[1], box[2] + 0.1, box[3]), label))
    assert codes(verify(out, photos("coco")), IMAGE)
    moved = "IMG_2004.jpg"
    redraw(next(out.rglob(moved)), lambda image: ImageChops.offset(image, 14, 9))
    assert codes(verify(out, photos("coco")), moved) & {"image-shifted", "box-off-object", "pixels-differ"}


def test_verify_knows_that_every_effect_moves_nothing() -> None:
    effects = {name for name, step in STEPS.items() if not step.geometric}
    assert (effects - {"albumentations"}) | {BACKGROUND} == APPEARANCE  # the last is drawn, and no step of a recipe
