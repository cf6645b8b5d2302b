from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from bboxprep.images.draw.annotations import PALETTE
from bboxprep.model.categories import Category
from bboxprep.pipeline.output.run_record import ClassCount, RecordedFinding, RunRecord, SplitCount
from bboxprep.review.build import ASSETS, write_page
from bboxprep.review.data_scripts import DataScripts
from bboxprep.review.page import Subject, render
from bboxprep.review.statistics import Statistics
from tests.review.test_statistics import card

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Elements(HTMLParser):
    """The names of all elements and attributes of a page, and the content of its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.data = ""
        self._in_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        self._in_data = ("id", "site") in attrs

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data, self._in_data = data, False


def about(name: str, *, count: int = 1) -> Subject:
    dropped = {name: 3}
    return Subject(
        name=name,
        format="coco",
        classes=[Category(f"{name}{number}") for number in range(count)],
        record=RunRecord(
            source=name,
            source_format=name,
            format=name,
            versions={"bboxprep": name},
            recipe={"upright": True, "steps": [{name: {name: name}}]},
            splits=(SplitCount(name, 1, 1, 1, 1, 1, dropped),),
            classes=(ClassCount(f"{name}0", 5, 2, dropped),),
        ),
        compared=True,
        notes=(RecordedFinding(name, name, name), RecordedFinding("fault", "box-outside", name, name, name)),
        unassigned=(RecordedFinding(name, name, name, name),),
    )


def test_no_word_becomes_markup() -> None:
    corners = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]])
    plain, hostile = (Statistics(), Statistics())
    for counted, word in ((plain, "plain"), (hostile, HOSTILE)):
        counted.add(card(word, corners=corners, frame=word, evidence=word, orientation=6))
    clean = Elements(render(about("plain", count=2), plain))
    dirty = Elements(render(about(HOSTILE, count=2), hostile))
    assert dirty.names == clean.names
    assert [name for name, _ in dirty.attributes] == [name for name, _ in clean.attributes]
    assert json.loads(dirty.data)["classes"][0]["name"] == f"{HOSTILE}0"


def test_there_is_no_inline_code_or_style_and_nothing_from_elsewhere() -> None:
    page = Elements(render(about("plain"), Statistics()))
    assert not [name for name, _ in page.attributes if name == "style" or name.startswith("on")]
    places = [value for name, value in page.attributes if name in ("src", "href") and value]
    assert not [value for value in places if not value.startswith(("#", "assets/", "data/", "data:,"))]
    for asset in ASSETS.iterdir():
        text = asset.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|fetch\(", text), (
            asset
        )


def test_the_colours_of_classes_are_those_of_the_drawings() -> None:
    text = (ASSETS / "review.css").read_text(encoding="utf-8")
    assert re.findall(r"--c(\d): rgb\((\d+) (\d+) (\d+)\)", text) == [
        (str(number), *map(str, colour)) for number, colour in enumerate(PALETTE)
    ]
    script = (ASSETS / "picture.js").read_text(encoding="utf-8")
    assert f"COLOURS = {len(PALETTE)};" in script


def luminance(colour: str) -> float:
    """Relative luminance of ``#rgb`` or ``#rrggbb`` (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    levels = np.array([int(digits[at : at + 2], 16) for at in (0, 2, 4)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *(("ink", ground) for ground in ("paper", "sheet", "track", "tint")),
        *(("soft", ground) for ground in ("paper", "sheet", "track", "stage")),
        *(("accent", ground) for ground in ("paper", "sheet", "tint")),
        *(("bad", ground) for ground in ("paper", "bad-tint")),
    ],
)
def test_text_stands_out_from_its_ground(ink: str, ground: str, scheme: int) -> None:
    text = (ASSETS / "review.css").read_text(encoding="utf-8")
    found = [re.findall(rf"--{name}: (#\w+)", text)[scheme] for name in (ink, ground)]
    lighter, darker = sorted(map(luminance, found), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_names_stand_out_from_the_colours_of_their_classes() -> None:
    for number, colour in enumerate(PALETTE):
        ground = luminance("#" + "".join(f"{level:02x}" for level in colour))
        ink = luminance("#ffffff" if number == 6 else "#101010")
        assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) >= 4.5


def test_twenty_thousand_images_make_a_small_page(tmp_path: Path) -> None:
    counted, shelf = Statistics(), DataScripts(tmp_path)
    corners = np.array([[0.0, 0.0, 3.0, 3.0], [1.0, 1.0, 5.0, 4.0]])
    for number in range(20_000):
        made = card("train" if number % 5 else "val", corners=corners, name=f"folder/photo_{number:06d}.jpg")
        counted.add(made)
        shelf.add(made)
    subject = Subject("big", "yolo", [Category(f"class {number}") for number in range(80)], None, compared=False)
    page = write_page(tmp_path, subject, counted, shelf)
    assert page.stat().st_size < 120_000
    assert (tmp_path / "data" / "index.js").stat().st_size < 60 * 20_000
    assert len(list((tmp_path / "data").iterdir())) == 201
    assert max(path.stat().st_size for path in (tmp_path / "data").glob("0*.js")) < 100_000
