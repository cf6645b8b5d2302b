"""What a person reads who points the command at the wrong place, asks twice, asks for nothing, or asks for silence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bboxprep
from bboxprep.errors import StoppedError, UsageError
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe
from tests.invoked import refused, run
from tests.tiny import tiny, tree


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset in the folder that one stands in."""
    monkeypatch.chdir(tmp_path)
    tiny(tmp_path / "yolo", range(4))
    return Path("yolo")


@pytest.fixture
def broken(source: Path) -> Path:
    """One whose first image is gone."""
    next(path for path in (source / "images").rglob("*.*") if path.is_file()).unlink()
    return source


def in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bboxprep", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("silence", [[], ["-q"]])
def test_nothing_found_ends_with_2_and_says_what_to_do(source: Path, silence: list[str]) -> None:
    Path("empty").mkdir()
    for words in (["convert", "empty", "out", "--to", "coco"], ["verify", "empty"]):
        ended = in_a_process(*words, *silence)
        assert ended.returncode == 2
        assert ended.stdout == ""
        assert ended.stderr.startswith("bboxprep: empty: no labelled dataset recognised here (found nothing)")
        assert "bboxprep formats" in ended.stderr
        assert len(ended.stderr) < 200


def test_a_folder_of_labels_leads_to_the_dataset_above(source: Path) -> None:
    said = in_a_process("inspect", str(source / "labels")).stderr
    assert said.startswith(f"bboxprep: {source / 'labels'}: 4 .txt files")
    assert ", no images; the dataset is the folder above" in said
    assert said.endswith("the dataset is the folder above: bboxprep inspect yolo\n")


def test_a_folder_above_several_datasets_names_them(source: Path) -> None:
    shutil.copytree(source, "other/one")
    shutil.copytree(source, "other/two")
    said = refused("inspect", "other")
    assert "2 data sets lie here; name the one to read" in said
    assert "one" in said
    assert "two" in said


def test_recipes_are_compared_in_words(source: Path) -> None:
    assert run("convert", source, "out", "--to", "coco", "--letterbox", "64").exit_code == 0
    said = refused("convert", source, "out", "--to", "coco", "--letterbox", "32")
    assert "upright > letterbox 64x64 pad 114 before, now upright > letterbox 32x32 pad 114" in said
    assert said.endswith("--overwrite replaces it")


@pytest.mark.parametrize("size", ["64*48", "64x48", "64X48", "64,64x48,64"])
def test_sizes_are_taken_as_people_write_them(source: Path, size: str) -> None:
    assert run("convert", source, "out", "--to", "coco", "--letterbox", size).exit_code == 0
    stated = bboxprep.open_run("out").record.recipe["steps"][-1]["letterbox"]
    assert stated.get("sizes", stated.get("size")) in ([64, 48], [[64, 64], [64, 48]])


def test_shares_of_splits_are_taken_in_per_cent(source: Path) -> None:
    assert run("convert", source, "out", "--to", "coco", "--split", "train=75,val=25").exit_code == 0
    assert run("convert", source, "same", "--to", "coco", "--split", "train=0.75,val=0.25").exit_code == 0
    assert tree(Path("out") / "annotations") == tree(Path("same") / "annotations")


def test_places_are_printed_as_they_can_be_opened_from_here(broken: Path) -> None:
    said = run("inspect", broken)
    named = [word.rstrip(":") for line in said.output.splitlines() for word in line.split() if word.startswith("yolo/")]
    assert any(Path(name).is_file() for name in named)


def test_a_fault_is_told_in_silence_too(broken: Path) -> None:
    for words in (["convert", "yolo", "out", "--to", "coco"], ["verify", "yolo"]):
        loud, silent = in_a_process(*words, "--quiet"), run(*words)
        assert loud.returncode == silent.exit_code == 1
        assert loud.stdout == ""
        assert loud.stderr.startswith("bboxprep: exit 1: ")
        assert loud.stderr.endswith("; without --quiet they are listed\n")


@pytest.mark.parametrize("words", [["--where", "width>9999"], ["--only-images-with", "cat", "--max-size", "1"]])
def test_filters_that_leave_nothing_end_with_2_and_keep_what_was_there(source: Path, words: list[str]) -> None:
    said = refused("convert", source, "out", "--to", "coco", *words)
    assert said.startswith("filters: have 4 images and leave none, want some left; the first: ")
    assert not Path("out").exists()
    assert refused("convert", source, "out", "--to", "coco", *words, "--dry-run") == said
    assert run("convert", source, "out", "--to", "coco").exit_code == 0
    before = tree(Path("out"))
    assert refused("convert", source, "out", "--to", "coco", *words, "--overwrite") == said
    assert tree(Path("out")) == before
    assert not Path("out.bboxprep-new").exists()


def test_a_comparison_that_cannot_be_made_is_refused(source: Path) -> None:
    shutil.copytree(source, "other")
    said = refused("verify", "other", "--against", source)
    assert said == "against: other has no bboxprep.json, so that nothing says how it was made of yolo"


def test_a_dry_run_that_is_stopped_promises_nothing(source: Path) -> None:
    dry = RunOptions(dry_run=True)
    with pytest.raises(StoppedError) as stopped:
        convert_source(open_source(source), Path("out"), "coco", Recipe(), run_options=dry, stop=lambda: True)
    assert "resume" not in str(stopped.value)


def test_a_zip_on_this_machine_needs_no_library_of_clouds(source: Path) -> None:
    packed = shutil.make_archive("set", "zip", source)
    code = "import sys; sys.modules.update(dict.fromkeys(('fsspec', 's3fs'))); from bboxprep.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", code, "inspect", packed], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "YOLO" in ended.stdout


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").output == f"bboxprep, version {bboxprep.__version__}\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tile: 2rows,3columns", "tile 2 rows, 3 columns"),
        ("tile: 64x48:0.2", "tile 64x48 overlap 0.2"),
        ("crop: 10%,0%,80%,100%", "crop 10%,0%,80%,100%"),
        ("crop: 1,2,30,20", "crop 1,2,30,20"),
        ("multiple: 32:pad", "multiple 32 padded"),
        ("letterbox: 64*48", "letterbox 64x48"),
        ("rotate: -15:15", "rotate -15..15"),
        ("flip: horizontal:0.5", "flip horizontal p=0.5"),
    ],
)
def test_recipes_take_the_spellings_of_the_command_line(tmp_path: Path, line: str, words: str) -> None:
    drawn = ":" in line.partition(": ")[2] and not line.startswith(("tile", "multiple"))
    (tmp_path / "recipe.yaml").write_text(f"{'augment' if drawn else 'steps'}:\n  - {line}\n", encoding="utf-8")
    assert words in str(bboxprep.read_recipe(tmp_path / "recipe.yaml"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tile: 2rows", "line 2: tile: have '2rows', want 2rows,3columns"),
        ("crop: 10%,0%", "line 2: crop: have '10%,0%', want X,Y,W,H in whole pixels, or all in %"),
        ("rotate: -15:x", "line 2: rotate: degrees: have 'x', want a number (N or LO:HI)"),
        ("copy_paste: 0", "line 2: copy_paste: share: have 0, want a number of 0.01 to 1"),
        ("mixup: 0", "line 2: mixup: ratio: have 0, want a number of 0.01 to 0.99"),
        ("exposure: 0", "line 2: exposure: gain: have 0, want a number of 0.01 to 100"),
    ],
)
def test_a_recipe_that_is_wrong_names_line_step_and_option(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "recipe.yaml").write_text(f"augment:\n  - {line}\n", encoding="utf-8")
    with pytest.raises(UsageError) as wrong:
        bboxprep.read_recipe(tmp_path / "recipe.yaml")
    assert said in str(wrong.value)


def test_photos_that_stay_turned_are_named_where_no_image_is_written(source: Path) -> None:
    said = refused("convert", source, "out", "--to", "coco", "--images", "none")
    assert "the recipe upright and 1 photo stored turned by EXIF: images/train/00003.jpg, want one" in said
    said = run("convert", source, "out", "--to", "coco", "--images", "none", "--no-upright").output
    assert "orientation tags stay, as those of 1 photo stored turned by EXIF: images/train/00003.jpg" in said


def test_one_size_named_twice_is_one(source: Path) -> None:
    assert run("convert", source, "out", "--to", "coco", "--letterbox", "64x64,64").exit_code == 0
    assert bboxprep.open_run("out").record.recipe["steps"][-1] == {"letterbox": {"size": [64, 64]}}
