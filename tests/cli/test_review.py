from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bboxprep.cli import commands
from bboxprep.cli.flag_names import with_flags
from bboxprep.errors import BboxprepError, TargetError, UsageError
from tests.conftest import FIXTURES
from tests.review.sites import loaded, prepared

PHOTOS = FIXTURES / "phone-photos-coco"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, ["review", *(str(argument) for argument in arguments)])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return prepared(PHOTOS, tmp_path / "out")


def test_it_says_what_to_open(out: Path, tmp_path: Path) -> None:
    result = run(out, "--against", PHOTOS, "-o", tmp_path / "site")
    assert result.exit_code == 0, result.output
    assert result.output == f"open {tmp_path / 'site' / 'index.html'}\n"
    assert len(list((tmp_path / "site" / "pictures").rglob("*.jpg"))) == 36


def test_quiet_says_nothing(out: Path, tmp_path: Path) -> None:
    assert run(out, "-o", tmp_path / "site", "-q").output == ""


def test_any_dataset_can_be_looked_at_with_the_options_of_its_reader(tmp_path: Path) -> None:
    result = run(FIXTURES / "phone-photos-voc", "-o", tmp_path / "site", "--from", "voc", "--voc-origin", "as-is")
    assert result.exit_code == 0, result.output
    (index,) = loaded(tmp_path / "site", "index")
    assert len(index["name"]) == 12


def test_verify_puts_what_fails_first(out: Path, tmp_path: Path) -> None:
    sound = run(out, "--against", PHOTOS, "-o", tmp_path / "sound", "--verify")
    assert "verify: nothing wrong was found\n" in sound.output
    (out / "val" / "IMG_2012.jpg").write_bytes((out / "val" / "IMG_2003.jpg").read_bytes())
    result = run(out, "--against", PHOTOS, "-o", tmp_path / "site", "--verify")
    assert (sound.exit_code, result.exit_code) == (0, 1), result.output
    assert re.search(r"verify: \d+ faults?\n", result.output)
    (index,) = loaded(tmp_path / "site", "index")
    assert (index["name"][0], index["worst"][0]) == ("IMG_2012.jpg", 2)


def test_an_earlier_review_is_replaced_only_when_asked(out: Path, tmp_path: Path) -> None:
    assert run(out, "-o", tmp_path / "site", "-q").exit_code == 0
    assert "--overwrite replaces it" in refused(TargetError, out, "-o", tmp_path / "site")
    assert run(out, "-o", tmp_path / "site", "-q", "--overwrite").exit_code == 0


def test_what_cannot_be_done_is_refused_before_anything_is_written(out: Path, tmp_path: Path) -> None:
    assert "has no record of a run" in refused(UsageError, PHOTOS, "--against", PHOTOS, "-o", tmp_path / "site")
    assert "want a folder of its own" in refused(TargetError, out, "-o", out / "review")
    assert not (tmp_path / "site").exists()
    assert not (out / "review").exists()


def refused(kind: type[BboxprepError], *arguments: str | Path) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, kind)
    return with_flags(str(result.exception), commands)
