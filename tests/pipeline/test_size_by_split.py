"""A letterbox of another size for each split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.crops import Tile
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.verification.outputs import FIXTURES, codes, edit_record, make, recorded, told

SOURCE = FIXTURES / "phone-photos-coco"
BY_SPLIT = Letterbox({"train": 96, "valid": (120, 80)}, "top-left")
RECIPES = [
    Recipe(BY_SPLIT),
    Recipe(BY_SPLIT, Tile((60, 60)), upright="auto"),
    Recipe(BY_SPLIT, augment=Augment(Flip(p=0.5), copies=2), seed=3),
]


def sizes(out: Path) -> set[tuple[str, int, int]]:
    rows: list[Any] = [json.loads(line) for line in (out / "bboxprep.images.jsonl").read_text("utf-8").splitlines()]
    return {(row["split"], *row["output_size"]) for row in rows if row["output"]}


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_each_split_has_its_size_and_proves_it(tmp_path: Path, recipe: Recipe) -> None:
    out = make(tmp_path / "out", SOURCE, "yolo", recipe)
    tiled = recipe.is_tiled
    assert sizes(out) == {("train", 60, 60), ("val", 60, 60)} if tiled else {("train", 96, 96), ("val", 120, 80)}
    assert told(verify(out)) == ""
    assert recipe_of(recorded(out)["recipe"]) == recipe


def test_another_size_than_that_of_the_split_is_told(tmp_path: Path) -> None:
    out = make(tmp_path / "out", SOURCE, "coco", RECIPES[0])
    record = recorded(out)
    steps = [
        {"letterbox": {**record["recipe"]["steps"][0]["letterbox"], "by_split": {"train": [96, 96], "val": [9, 9]}}}
    ]
    edit_record(out, recipe={**record["recipe"], "steps": steps})
    assert codes(verify(out)) == {"draw-differs"}


def test_a_split_without_a_size_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="letterbox: have sizes for train, want one for the split val too, as in val=640"
    ):
        make(tmp_path / "out", SOURCE, "yolo", Recipe(Letterbox({"train": 96})))
    assert not (tmp_path / "out").exists()


def test_plain_data_and_plans() -> None:
    assert (
        recipe_of({"steps": [{"letterbox": {"size": {"train": "96", "val": [120, 80]}, "place": "top-left"}}]})
        == (RECIPES[0])
    )
    assert RECIPES[0].of_split("val") == Recipe(Letterbox((120, 80), "top-left"))
    assert Recipe(Letterbox(9)).of_split("x") == Recipe(Letterbox(9))
    wrongs: tuple[dict[str, Any], ...] = ({"size": 3, "by_split": {"train": 3}}, {"size": {"train": 0}}, {"size": {}})
    for wrong in wrongs:
        with pytest.raises(UsageError):
            Letterbox(**wrong)
    with pytest.raises(UsageError, match="random steps"):
        RECIPES[0].plan(Size(9, 9), IDENTITY)
