"""`bboxprep.convert` and `bboxprep.preview` do in Python what the command does."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import bboxprep
from bboxprep import Augment, Flip, Letterbox, Recipe
from bboxprep.cli import commands
from bboxprep.errors import UsageError
from tests.tiny import tiny, tree

RECIPE = Recipe(Letterbox(64), augment=Augment(Flip("horizontal", p=0.5), copies=2), seed=3)
FLAGS = ("--letterbox", "64", "--flip", "horizontal:0.5", "--copies", "2", "--seed", "3")


def test_a_run_is_that_of_the_command(tmp_path: Path) -> None:
    source = tiny(tmp_path / "source", range(7))
    outcome = bboxprep.convert(source, tmp_path / "python", "coco", RECIPE, labels_in="displayed", workers=2)
    command = ["convert", str(source), str(tmp_path / "command"), "--to", "coco", "--labels-in", "displayed", *FLAGS]
    assert CliRunner().invoke(commands, command).exit_code == 0
    assert tree(tmp_path / "python") == tree(tmp_path / "command")
    assert sum(outcome.account.images_out.values()) == 14


def test_several_sources_are_one_dataset(tmp_path: Path) -> None:
    first, second = tiny(tmp_path / "first", range(3)), tiny(tmp_path / "second", range(4, 6))
    rename = bboxprep.ClassPolicy(rename={"cat": "pet"})
    outcome = bboxprep.convert([first, second], tmp_path / "out", "yolo", classes=rename, task="detect")
    assert len(outcome.dataset) == 5
    assert outcome.dataset.categories.names == ("pet", "dog")


def test_what_is_done_is_not_done_again_and_another_recipe_is_refused(tmp_path: Path) -> None:
    source = tiny(tmp_path / "source", range(5))
    bboxprep.convert(source, tmp_path / "out", "yolo", RECIPE)
    assert bboxprep.convert(source, tmp_path / "out", "yolo", RECIPE).fresh == 0
    with pytest.raises(bboxprep.BboxprepError, match="recipe"):
        bboxprep.convert(source, tmp_path / "out", "yolo")
    assert bboxprep.convert(source, tmp_path / "out", "yolo", overwrite=True).fresh == 5


def test_a_preview_is_a_picture_and_writes_nothing(tmp_path: Path) -> None:
    source = tiny(tmp_path / "source", range(5))
    with Image.open(BytesIO(bboxprep.preview(source, RECIPE, 4))) as sheet:
        assert sheet.format == "PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    with pytest.raises(UsageError, match="labels_in"):
        bboxprep.preview(source, RECIPE, labels_in="sideways")  # type: ignore[arg-type]
