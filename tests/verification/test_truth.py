"""No true output is doubted: formats in and out, recipes, frames, containers, orientations."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bboxprep import formats
from bboxprep.frames.resolve import LabelsIn
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.conformance.examples import WRITTEN
from tests.painted import label
from tests.verification.outputs import FIXTURES, make, photos, told

RECIPES = (
    Recipe(Letterbox(320), Flip("horizontal")),
    Recipe(Resize((300, 200))),
    Recipe(),
    Recipe(Crop(40, 60, 400, 280), Flip("both")),
    Recipe(Crop(10, 2.5, 80, 90, "%")),
    Recipe(Fit(256), Flip("vertical"), kernel="nearest"),
    Recipe(upright=False),
    Recipe(Fill((222, 190))),
    Recipe(Letterbox((200, 300)), upright=False, pad="reflect"),
    Recipe(Resize((64, 64)), Letterbox((500, 300)), kernel="lanczos", pad=(255, 0, 0)),
    Recipe(Letterbox(256), Crop(20, 30, 200, 210)),
)
TARGETS: tuple[tuple[str, dict[str, Any]], ...] = (
    *((name, {}) for name in formats.written()),
    *(("yolo", {"task": "segment"}), ("yolo", {"task": "obb"}), ("voc", {"float_": True})),
)
_turn = count()
RUNS = [
    (source, to, options, RECIPES[next(_turn) % len(RECIPES)])
    for source in ("coco", "yolo", "voc")  # the formats of the fixtures: the kit proves outputs of all
    for to, options in TARGETS
]


@pytest.mark.parametrize(("source", "to", "options", "recipe"), RUNS, ids=str)
def test_a_true_output_of_the_photos_is_proven(
    tmp_path: Path, source: str, to: str, options: dict[str, Any], recipe: Recipe
) -> None:
    out = make(tmp_path / "out", photos(source), to, recipe, **options)
    proof = verify(out, photos(source))
    assert proof.holds, told(proof)
    structural, geometric, pixel = proof.tallies
    assert (structural.checked, structural.unsure, geometric.unsure) == (12, 0, 0)
    assert geometric.checked > 10
    assert pixel.checked > pixel.unsure


def test_keypoints_of_a_pose_output_are_proven(tmp_path: Path) -> None:
    proof = verify(make(tmp_path / "out", photos("coco"), "yolo", Recipe(Fit(300), Flip("vertical")), task="pose"))
    assert proof.holds, told(proof)


@pytest.mark.parametrize("to", WRITTEN)
def test_labels_in_the_stored_frame(tmp_path: Path, to: str) -> None:
    source = FIXTURES / "stored-frame-yolo"
    out = make(tmp_path / "out", source, to, Recipe(Letterbox(300)), labels_in="stored")
    proof = verify(out)
    assert proof.holds, told(proof)
    assert proof.tallies[1].checked == 5


@pytest.mark.parametrize("frame", ["stored", "displayed"])
@pytest.mark.parametrize(
    ("source", "to", "recipe"),
    [
        ("coco", "voc", Recipe(Letterbox((53, 71)))),
        ("yolo", "coco", Recipe(Crop(5, 4, 48, 37))),
        ("voc", "yolo", Recipe(Fill((45, 41)), upright=False)),
    ],
)
def test_every_orientation_and_container(tmp_path: Path, frame: LabelsIn, source: str, to: str, recipe: Recipe) -> None:
    root = label(tmp_path / "source", source, frame, (62, 47), (14, 11, 33, 37))
    proof = verify(make(tmp_path / "out", root, to, recipe, labels_in=frame))
    assert proof.holds, told(proof)
    assert proof.tallies[1].checked == 32
