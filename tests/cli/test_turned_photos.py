"""The second line of a run: how photos are stored, and on which picture their labels were drawn."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import msgspec
import pytest

from bboxprep.cli.turned_photos import turned_photos
from bboxprep.model.sample import Frame
from bboxprep.pipeline.source.open import open_source
from tests.invoked import run

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "phone-photos-coco",
            [],
            "10 photos are stored turned (EXIF); their labels were drawn on the upright picture "
            "(7: sizes agree, 3: as the others)",
        ),
        (
            "phone-photos-cvat",
            [],
            "1 photo is stored turned (EXIF); its labels were drawn on the upright picture (1: sizes agree)",
        ),
        (
            "stored-frame-yolo",
            [],
            "3 photos are stored turned (EXIF); their labels were drawn on the picture as stored "
            "(3: whole pixels in one plane alone)",
        ),
        (
            "stored-frame-yolo",
            ["--labels-in", "displayed"],
            "3 photos are stored turned (EXIF); their labels were drawn on the upright picture "
            "(3: as stated by --labels-in)",
        ),
    ],
)
def test_the_second_line_says_how_photos_are_stored(name: str, options: list[str], said: str, tmp_path: Path) -> None:
    looked = run("inspect", FIXTURES / name, *options)
    counted = run("convert", FIXTURES / name, tmp_path / "out", "--to", "coco", "--dry-run", *options)
    for result in (looked, counted):
        assert result.output.splitlines()[1].strip() == said


def test_planes_that_differ_are_counted_apart() -> None:
    found = [(Frame.DISPLAYED, "declared-size"), (Frame.STORED, "box-bounds"), (Frame.DISPLAYED, "dataset")]
    frames = {("", PurePosixPath(f"{number}.jpg")): decision for number, decision in enumerate(found)}
    source = msgspec.structs.replace(open_source(FIXTURES / "phone-photos-cvat"), frames=frames)
    assert turned_photos(source) == (
        "3 photos are stored turned (EXIF); their labels were drawn on the upright picture of 2 "
        "(1: as the others, 1: sizes agree), on the picture as stored of 1 (1: boxes fit one plane alone)"
    )
