"""What is moved inside boxes is proven: true outputs hold, and every image that shows something else is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import ImageOps

from bboxprep.pipeline.output.run_record import open_run
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Letterbox, RecipeStep
from bboxprep.recipe.inside import BoxCrop, BoxFlip, BoxRotate, BoxShear
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.verification.outputs import augmented, codes, copied, edit_row, photos, redraw, told

STEPS: dict[str, tuple[RecipeStep, ...]] = {
    "flip": (BoxFlip(),),
    "turn": (BoxRotate((15.0, 30.0)), Rotate((-10.0, 10.0))),
    "crop and shear": (BoxCrop(20.0, 20.0, 60.0, 60.0, "%"), BoxShear(10.0, 5.0)),
}


def output(out: Path, *steps: RecipeStep) -> Path:
    return augmented(out, photos("yolo"), "yolo", Recipe(Letterbox(256), augment=Augment(*steps), seed=3))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return output(tmp_path_factory.mktemp("moved") / "plain", BoxFlip(p=0.0))


@pytest.mark.parametrize("steps", STEPS.values(), ids=list(STEPS))
def test_a_true_output_is_proven_and_one_that_is_not_moved_is_found(
    tmp_path: Path, plain: Path, steps: tuple[RecipeStep, ...]
) -> None:
    out = output(tmp_path / "out", *steps)
    proof = verify(out, photos("yolo"))
    assert proof.holds, told(proof)
    assert proof.tallies[2].checked > 40
    moved = [str(row.output) for row in open_run(out).images if row.recipe and "boxes" in str(row.recipe)]
    assert len(moved) >= 5
    for name in moved:
        shutil.copy(plain / name, out / name)
    found = {fault.image for fault in verify(out, photos("yolo")).faults}
    assert found == set(moved)


def test_lies_in_the_record_and_around_the_boxes_are_found(tmp_path: Path, plain: Path) -> None:
    out = output(tmp_path / "out", BoxFlip())
    name = next(row.source for row in open_run(out).images if row.recipe and "boxes" in str(row.recipe))
    lies = {
        "flip": [{"letterbox": {"size": [256, 256]}}, {"flip": {"axis": "horizontal"}}],
        "no step": [{"letterbox": {"size": [256, 256]}}],
    }
    for lie, steps in lies.items():
        told_lie = copied(out, tmp_path / lie)
        edit_row(told_lie, Path(name).name, recipe={"upright": True, "steps": steps, "pad": 114, "kernel": "auto"})
        assert codes(verify(told_lie, photos("yolo")), Path(name).name)
    redraw(next(out.rglob(Path(name).name)), ImageOps.mirror)
    assert codes(verify(out, photos("yolo")), Path(name).name) & {"image-mirrored", "pixels-differ"}
