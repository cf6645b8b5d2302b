"""The flags that write a recipe, through the command that people run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bboxprep.cli import commands
from bboxprep.errors import UsageError
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.appearance import Exposure, Grayscale
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.crops import Crop, Tile
from bboxprep.recipe.geometric import Fit, Flip, Letterbox
from bboxprep.recipe.load import read_recipe
from bboxprep.recipe.multiples import Multiple
from bboxprep.recipe.recipe import Recipe
from tests.tiny import tiny


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("recipes") / "source", range(6))


def run(source: Path, dest: Path, *words: str) -> Result:
    return CliRunner().invoke(
        commands, ["convert", str(source), str(dest), "--to", "yolo", "--labels-in", "displayed", *words]
    )


@pytest.mark.parametrize(
    ("words", "recipe"),
    [
        ("--letterbox 64 --grayscale", Recipe(Letterbox(64), Grayscale())),
        ("--letterbox 64x48,48x64 --place top-left", Recipe(Letterbox(None, "top-left", ((64, 48), (48, 64))))),
        ("--fit 64 --multiple 16:pad", Recipe(Fit(64), Multiple(16, "pad"))),
        ("--multiple 14 --max-pixels-out 9000 --tile 8", Recipe(Multiple(14, max_pixels=9000), Tile(8))),
        ("--max-pixels-out 900", Recipe(Multiple(max_pixels=900))),
        ("--exposure 1.5 --no-upright --pad 7", Recipe(Exposure(1.5), upright=False, pad=7)),
        ("--rotate 90 --crop 1,2,30,20", Recipe(Crop(1, 2, 30, 20), Rotate(90))),
        ("--tile 20x16:0.25", Recipe(Tile((20, 16), 0.25))),
        (
            "--letterbox 64 --grayscale --flip horizontal:0.5 --exposure 0.7:1.4 --copies 2 --seed 7",
            Recipe(
                Letterbox(64), Grayscale(), seed=7,
                augment=Augment(Flip("horizontal", p=0.5), Exposure((0.7, 1.4)), copies=2),
            ),
        ),
        ("--flip vertical --no-flip-classes cat,dog", Recipe(Flip("vertical", ("cat", "dog")))),
        ("--no-flip-classes dog --no-flip-classes cat --flip both", Recipe(Flip("both", ("dog", "cat")))),
    ],
)  # fmt: skip
def test_flags_are_a_short_way_of_writing_a_recipe(source: Path, tmp_path: Path, words: str, recipe: Recipe) -> None:
    assert run(source, tmp_path / "out", *words.split()).exit_code == 0
    assert read_recipe(tmp_path / "out" / "bboxprep.json") == recipe


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--letterbox 64 --fit 32", "--letterbox and --fit: each sets the size, want one of them"),
        ("--fit 64 --place top-left", "place: nothing is padded"),
        ("--multiple 32:crop", "`multiple`: have '32:crop', want N[:stretch|pad]"),
        ("--multiple 32:pad --max-pixels-out 9999", "max_pixels: have it with how: pad"),
        ("--copies 3", "copies: nothing is drawn"),
        ("--seed 3 --grayscale", "seed: nothing is drawn"),
        ("--no-flip-classes cat", "no flip classes: nothing is flipped"),
        (
            "--flip vertical --no-flip-classes cat,dgo",
            "flip: keep: have 'dgo', want a class of the source; did",
        ),
        ("--flip sideways", "flip"),
        ("--rotate 20:-20", "rotate"),
        ("--exposure dark", "exposure"),
        ("--tile 0x5", "`tile`: have 0x5"),
        ("--tile 3columns,2rows", "want 2rows,3columns, at most 100 of each, or WIDTHxHEIGHT"),
        ("--letterbox train=64,training=32", "letterbox: have 'training' twice"),
        ("--tile 64 --isolate 10%", "tile: have it beside isolate, want one of them"),
        ("--labels-only --preview 3", "preview: with --labels-only"),
        ("--images none --preview 3", "preview: with --labels-only and --images none"),
        ("--images none --letterbox 64", "images: have the recipe"),
        ("--labels-only --letterbox 64", "images: have the recipe"),
    ],
)
def test_flags_that_cannot_be_are_refused_by_name_before_anything_is_written(
    source: Path, tmp_path: Path, words: str, said: str
) -> None:
    result = run(source, tmp_path / "out", *words.split())
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_a_recipe_file_and_flags_beside_it_are_two_recipes(source: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("- letterbox: 64\n", encoding="utf-8")
    words = ("--recipe", str(tmp_path / "recipe.yaml"))
    result = run(source, tmp_path / "out", *words, "--flip", "vertical")
    assert str(result.exception) == "recipe: have --flip beside --recipe, want the steps in one place"
    result = run(source, tmp_path / "out", *words, "--pad", "114", "--kernel", "linear", "--no-upright")
    assert "have --pad, --kernel, --no-upright beside --recipe" in str(result.exception)
    assert run(source, tmp_path / "out", *words).exit_code == 0


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("object: no_such_module:train", "no_such_module:train: cannot be imported"),
        ("pipeline: {transform: {__class_fullname__: NoSuchThing, p: 1.0}}", "the pipeline cannot be made"),
        (
            "pipeline: {transform: {__class_fullname__: HorizontalFlip, p: 1.0, axis: 3}}",
            "HorizontalFlip has no 'axis'",
        ),
    ],
)
def test_a_pipeline_that_cannot_be_had_is_refused_before_anything_is_written(
    source: Path, tmp_path: Path, step: str, said: str
) -> None:
    (tmp_path / "recipe.yaml").write_text(f"augment:\n- albumentations: {{{step}}}\n", encoding="utf-8")
    result = run(source, tmp_path / "out", "--recipe", str(tmp_path / "recipe.yaml"))
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_a_dry_run_prints_the_recipe_as_a_file_that_can_be_given(source: Path, tmp_path: Path) -> None:
    words = ("--letterbox", "64", "--flip", "horizontal:0.5", "--copies", "2")
    said = run(source, tmp_path / "out", *words, "--dry-run").output
    start = said.index("upright:")
    text = said[start : said.index("\n\n", start)]
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    assert read_recipe(tmp_path / "recipe.yaml") == Recipe(
        Letterbox(64), augment=Augment(Flip("horizontal", p=0.5), copies=2)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_a_preview_is_a_sheet_beside_the_output_and_nothing_else(source: Path, tmp_path: Path) -> None:
    result = run(source, tmp_path / "out", "--flip", "horizontal:0.5", "--copies", "3", "--preview", "5")
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == ["out.preview.png"]
    assert "out.preview.png" in result.output
    with Image.open(tmp_path / "out.preview.png") as sheet:
        assert sheet.size[0] > 3 * 400
        assert sheet.size[1] < 3 * 430  # five pictures, in two rows of three


def test_a_preview_says_why_there_is_no_picture(tmp_path: Path) -> None:
    root = tiny(tmp_path / "source", range(2))
    (root / "images" / "train" / "00000.jpg").write_bytes(b"\xff\xd8\xff no photo")
    result = run(root, tmp_path / "out", "--letterbox", "64", "--preview", "9")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out.preview.png").is_file()


def test_what_is_held_of_a_turned_box_is_the_user_s_to_say(source: Path, tmp_path: Path) -> None:
    for rule in ("ellipse", "corners"):
        assert run(source, tmp_path / rule, "--rotate", "20", "--turned", rule).exit_code == 0
        record = json.loads((tmp_path / rule / "bboxprep.json").read_text(encoding="utf-8"))
        assert record["rules"]["turned"] == rule
        assert CliRunner().invoke(commands, ["verify", str(tmp_path / rule)]).exit_code == 0
    assert _area(tmp_path / "corners") > 1.1 * _area(tmp_path / "ellipse")


def _area(out: Path) -> float:
    rows = [line.split() for path in (out / "labels").rglob("*.txt") for line in path.read_text("utf-8").splitlines()]
    return sum(float(width) * float(height) for _, _, _, width, height in rows)
