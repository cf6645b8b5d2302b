"""Wrong command lines: one line, in one style, that names the option or the argument and says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import click
import pytest
from click.shell_completion import ShellComplete

import bboxprep
from bboxprep.cli import COMMANDS, commands
from bboxprep.cli.flag_names import with_option
from bboxprep.cli.guidance import HABITS, PLACES
from bboxprep.cli.options import Section
from bboxprep.errors import UsageError
from tests.invoked import run
from tests.tiny import tiny


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("wrong") / "set", range(2))


def message(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    return with_option(str(result.exception), list(map(str, arguments)), commands)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--to coco --imgsz 640", "--imgsz: no such option; --letterbox does that here"),
        ("--format coco", "--format: no such option; --to does that here"),
        (
            "--to coco --output there",
            "--output: no such option; DEST stands by itself here: bboxprep convert SOURCE",
        ),
        ("--to coco --leterbox 64", "--leterbox: no such option; did you mean '--letterbox'?"),
        ("--to coco --xqzv 1", "--xqzv: no such option; bboxprep convert --help lists all"),
        ("--to coco --letterbox", "--letterbox: requires an argument"),
        ("--to coco --images some", "--images: 'some' is not one of"),
        ("--to coco --quality 0", "--quality: 0 is not in the range 1<=x<=100"),
        ("--to yollo", "--to: have 'yollo', want one of"),
        ("--to coco --from yollo", "--from: have 'yollo', want one of"),
        ("", "--to: is missing; want bboxprep convert SOURCE... DEST --to FORMAT"),
        ("--to coco --tile 320x320:2", "--tile: overlap: have 2.0, want a number of 0 to 0.9"),
        ("--to coco --letterbox six", "--letterbox: have 'six', want N or WIDTHxHEIGHT"),
        ("--to coco --letterbox 99999", "--letterbox: size: have 99999x99999, want at most 32,766 px a side"),
        ("--to coco --flip horizontal:3", "--flip: p: have 3.0, want a number of 0 to 1"),
        ("--to coco --exposure 0", "--exposure: gain: have 0.0, want a number of 0.01 to 100"),
        ("--to coco --split train=7", "--split: have 7 for train"),
        ("--to coco --split train=1 --group-by colour", "--group-by: have 'colour', want file, folder"),
        ("--to coco --only ct", "--only: have 'ct', want a class of the source; did you mean 'cat'?"),
        ("--to coco --min-visibility 3", "--min-visibility: have 3.0, want 0 to 1"),
        ("--to coco --swap-classes a=dog", "--swap-classes: have 'a', want a class of the source"),
        ("--to coco --copies 2", "--copies: nothing is drawn"),
        ("--to coco --background white", "--background: have 'white'"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_wanted(source: Path, tmp_path: Path, words: str, said: str) -> None:
    got = message("convert", source, tmp_path / "out", *words.split()).replace("`", "--", 1).replace("`:", ":", 1)
    assert got.startswith(said)
    assert "\n" not in got
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_missing_is_named() -> None:
    assert message("convert") == "DEST: is missing; want bboxprep convert SOURCE... DEST --to FORMAT"
    assert message("convert", "set", "--to", "coco").endswith(
        "want SOURCE... DEST; is DEST missing, the folder to write?"
    )
    assert message("inspect") == "SOURCE: is missing; want bboxprep inspect SOURCE"
    assert message("verify", "a", "b") == "got unexpected extra argument (b); want bboxprep verify OUT"
    assert message("--nothing") == "--nothing: no such option; bboxprep --help lists all"


def test_a_dataset_where_dest_is_wanted_is_asked_about(source: Path, tmp_path: Path) -> None:
    other = tiny(tmp_path / "other", range(1))
    result = run("convert", source, other, "--to", "coco")
    assert str(result.exception).endswith("it is a dataset itself: is the folder to write missing?")


def test_every_habit_leads_to_an_option_or_an_argument() -> None:
    context = click.Context(commands)
    parameters = [one for name in COMMANDS for one in (commands.get_command(context, name) or commands).params]
    options = {name for one in parameters if isinstance(one, click.Option) for name in one.opts}
    assert set(HABITS.values()) <= options
    assert not options & HABITS.keys()
    assert set(PLACES.values()) == {"SOURCE", "DEST"}


def test_formats_are_taken_in_any_case(source: Path, tmp_path: Path) -> None:
    assert run("convert", source, tmp_path / "out", "--to", "COCO", "--from", "Yolo").exit_code == 0
    assert (tmp_path / "out" / "annotations").is_dir()


def test_the_shell_completes_commands_options_and_formats() -> None:
    complete = ShellComplete(commands, {}, "bboxprep", "_BBOXPREP_COMPLETE").get_completions
    assert [item.value for item in complete([], "con")] == ["convert"]
    assert "--letterbox" in [item.value for item in complete(["convert"], "--let")]
    assert [item.value for item in complete(["convert", "--to"], "yo")] == ["yolo"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_no_mark_of_the_formatter(name: str) -> None:
    assert "\\b" not in run(name, "--help").output


def test_alone_it_proposes_the_commands_for_the_dataset_one_stands_in(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "bboxprep inspect ." not in run().output
    monkeypatch.chdir(source)
    said = run()
    assert said.exit_code == 0
    assert said.output.startswith("Usage: ")
    assert "This folder is a YOLO dataset" in said.output
    proposed = [line.split()[1:] for line in said.output.splitlines() if line.startswith("  bboxprep ")]
    assert [words[0] for words in proposed] == ["inspect", "convert"]
    for words in proposed:
        assert run(*words).exit_code == 0, words
    monkeypatch.chdir(source.parent / "set-prepared")
    assert "bboxprep verify ." in run().output


@pytest.mark.parametrize("name", ["convert", "inspect", "verify", "review"])
def test_the_help_lists_every_option_once_under_a_section(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    _, *sections = re.split(r"^([A-Z][a-z ]+):$", run(name, "--help").output, flags=re.MULTILINE)
    assert set(sections[::2]) <= set(get_args(Section))
    assert len(sections) > 4
    listed = re.findall(r"^  (--?\w[\w-]*(?:, --[\w-]+)?)", "".join(sections[1::2]), flags=re.MULTILINE)
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert sorted(listed) == sorted(["-h, --help", *(", ".join(sorted(one.opts, key=len)) for one in options)])


def test_the_options_of_convert_stand_in_the_sections_of_what_they_are_for() -> None:
    _, *parts = re.split(r"^([A-Z][a-z ]+):$", run("convert", "--help").output, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    flags = {
        "Formats": "to",
        "Steps": "letterbox",
        "Images": "quality",
        "Objects": "crowd",
        "Classes and splits": "split",
    }
    for section, flag in {**flags, "Reading": "labels-in", "Writing": "images", "Options": "dry-run"}.items():
        assert f"  --{flag} " in sections[section]


def test_new_names_are_taken_from_a_file(source: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# ours=theirs\ncat=feline\n\n dog=big\\, brown\n", encoding="utf-8")
    run("convert", source, tmp_path / "out", "--to", "coco", "--rename", tmp_path / "names.txt")
    assert bboxprep.read(tmp_path / "out").classes == ("feline", "big, brown")
    (tmp_path / "names.txt").write_text("cat\n", encoding="utf-8")
    said = message("convert", source, tmp_path / "two", "--to", "coco", "--rename", tmp_path / "names.txt")
    assert said.startswith("--rename: have 'cat', want OLD=NEW")
