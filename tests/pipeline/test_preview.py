"""A preview shows images of every split, with what the target holds of them and no more; names in any script."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bboxprep import Augment, Flip, Letterbox, Recipe
from bboxprep.images.draw import lettering
from bboxprep.images.draw.annotations import Cell, contact_sheet
from bboxprep.model.filters import Filters
from bboxprep.pipeline import preview as module
from bboxprep.pipeline.preview import preview_as_written, sheet
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from tests.invoked import run
from tests.tiny import tree

FIXTURES = Path(__file__).parents[2] / "fixtures"
PHOTOS = FIXTURES / "phone-photos-coco"


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """The cells of the sheet that is drawn."""
    seen: list[Cell] = []
    draw = contact_sheet

    def drawn(cells: list[Cell], names: tuple[str, ...]) -> bytes:
        seen.extend(cells)
        return draw(cells, names)

    monkeypatch.setattr(module, "contact_sheet", drawn)
    return seen


@pytest.mark.parametrize("to", ["coco", "yolo", "voc", "createml"])
def test_it_shows_every_split_and_what_the_target_holds(cells: list[Cell], to: str) -> None:
    before = tree(PHOTOS)
    recipe = Recipe(Letterbox(64), augment=Augment(Flip("horizontal", p=0.5)), seed=3)
    made = preview_as_written(open_source(PHOTOS), recipe, 8, to, run_options=RunOptions())
    assert tree(PHOTOS) == before
    splits = [cell.caption.split(":")[0] for cell in cells]
    assert (splits.count("train"), splits.count("val")) == (5, 3)
    objects = [cell.instances for cell in cells if cell.instances is not None]
    rich = [
        any(bool(row) for one in objects for row in one.masks),
        any(bool((one.visibility > 0).any()) for one in objects),
        any(bool(one.crowd.any()) for one in objects),
    ]
    assert rich == [to == "coco"] * 3
    assert all(cell.pixels is not None and cell.pixels.shape == (64, 64, 3) for cell in cells)
    with Image.open(BytesIO(made.sheet)) as image:
        assert image.format == "PNG"


def test_an_image_that_a_filter_leaves_out_is_named(cells: list[Cell]) -> None:
    recipe = Recipe(Letterbox(64), filters=Filters.of({"where": "orientation>1"}))
    preview_as_written(open_source(PHOTOS), recipe, 12, "yolo", run_options=RunOptions())
    assert sum(cell.pixels is not None for cell in cells) == 10
    assert sorted(cell.caption for cell in cells if cell.pixels is None) == [
        "IMG_2001.jpg: image-filtered",
        "IMG_2011.jpg: image-filtered",
    ]


def test_one_that_leaves_nothing_is_a_sheet_of_reasons(cells: list[Cell]) -> None:
    recipe = Recipe(Letterbox(64), filters=Filters.of({"where": "width>9999"}))
    preview_as_written(open_source(PHOTOS), recipe, 3, "yolo", run_options=RunOptions())
    assert [cell.pixels for cell in cells] == [None] * 3


def test_a_dataset_as_it_is_shows_every_split_too(cells: list[Cell]) -> None:
    dataset = open_source(PHOTOS).dataset
    sheet(dataset, 3)
    assert {str(cell.caption) for cell in cells} & {str(one.name) for one in dataset if one.split == "val"}


@pytest.mark.parametrize("name", ["汽车", "سيارة", "कार", "🚗", "автомобиль", "รถ"])
def test_a_name_in_any_script_is_drawn_in_its_letters_or_in_latin_ones(name: str) -> None:
    text, font = lettering.lettered(name, 16)
    assert text == lettering.in_latin([name]).get(name, name)
    absent = bytes(font.getmask("\uffff"))
    assert all(bytes(font.getmask(letter)) != absent for letter in text if not letter.isspace())


def test_a_name_that_no_font_has_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_WIDE", ())
    lettering._font_name.cache_clear()
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "a.png")
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 32, "height": 32}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 9, 9], "area": 81, "iscrowd": 0}],
        "categories": [{"id": 1, "name": "汽车"}],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(document), encoding="utf-8")
    result = run("convert", tmp_path, tmp_path / "out", "--to", "coco", "--preview", "1")
    lettering._font_name.cache_clear()
    assert "note: '汽车' is drawn as 'QiChe', for no font was found that has its letters" in result.output
    assert not (tmp_path / "out").exists()
