"""True outputs of pipelines of albumentations are never doubted, whatever turns, cuts and steps come together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest

from bboxprep import formats
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.affine_steps import Rotate, Shear, Translate
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.verification.outputs import photos, told

SOURCES = ("coco", "yolo", "voc")
TRANSFORMS = (
    A.Affine(scale=(0.7, 1.4), translate_percent=(-0.3, 0.3), rotate=(-45, 45), shear=(-12, 12), p=1.0),
    A.Affine(rotate=(-90, 90), rotate_method="ellipse", p=1.0),
    A.Affine(rotate=(-30, 30), fit_output=True, p=1.0),
    A.Affine(translate_percent=(-0.4, 0.4), p=1.0),
    A.SafeRotate(limit=(-60, 60), p=1.0),
    A.Rotate(limit=(-20, 20), crop_border=True, p=1.0),
    A.RandomCrop(150, 170, p=1.0),
    A.PadIfNeeded(500, 700, p=1.0),
    A.Transpose(p=1.0),
    A.HorizontalFlip(p=0.5),
    A.RandomBrightnessContrast(p=1.0),
)
STEPS = (Rotate((-25.0, 25.0)), Shear((-10.0, 10.0)), Translate((-0.2, 0.2)), Flip(p=0.5))


def pipeline_of(rng: np.random.Generator) -> dict[str, Any]:
    chosen = rng.choice(len(TRANSFORMS), size=int(rng.integers(1, 4)), replace=False)
    made: dict[str, Any] = A.to_dict(A.Compose([TRANSFORMS[number] for number in chosen]))
    return made


@pytest.mark.parametrize("seed", range(12))
def test_a_true_output_of_any_pipeline_is_proven(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = [STEPS[number] for number in rng.permutation(len(STEPS))[: int(rng.integers(0, 3))]]
    augment = Augment(*before, Albumentations(pipeline=pipeline_of(rng)))
    source, names = photos(SOURCES[seed % len(SOURCES)]), formats.written()
    recipe = Recipe(Letterbox(300), augment=augment, seed=seed)
    convert_source(open_source(source), tmp_path / "out", names[seed % len(names)], recipe, run_options=RunOptions())
    proof = verify(tmp_path / "out", source)
    assert proof.holds, told(proof)
    assert proof.tallies[1].checked > 5
