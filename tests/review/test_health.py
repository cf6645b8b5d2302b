"""The health check of a dataset: one page that loads nothing and says what `inspect` says."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from bboxprep.cli import commands
from bboxprep.pipeline.source.inspect import inspect
from bboxprep.pipeline.source.open import open_source
from bboxprep.review.health import health_page
from tests.tiny import tiny
from tests.verification.outputs import copied, photos


class Nesting(HTMLParser):
    """Collects the open tags, and what the page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "img", "line", "rect", "path", "circle"):
            self.open.append(tag)
        self.loaded += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()


def page(root: Path) -> str:
    source = open_source(root)
    return health_page(source, inspect(source), "")


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """Photos with a class and a split that are HTML, and an object of every fault."""
    root = copied(photos("coco"), tmp_path / "set")
    path = root / "annotations" / "instances_train.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["categories"][0]["name"] = "<script>alert(1)</script>"
    document["annotations"][0]["bbox"] = [1, 1, 0, 5]
    document["annotations"][0].pop("segmentation", None)
    path.write_text(json.dumps(document), encoding="utf-8")
    return root


def test_it_loads_nothing_and_runs_nothing(evil: Path) -> None:
    text = page(evil)
    read = Nesting(text)
    assert read.open == []
    assert all(value.startswith("data:") for value in read.loaded), read.loaded
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_it_says_what_inspect_says(evil: Path) -> None:
    text, seen = page(evil), inspect(open_source(evil))
    shown = dict(re.findall(r"<dt>(\w+)</dt><dd>([\d,]+)</dd>", text))
    assert int(shown["Images"]) == sum(seen.images.values())
    assert int(shown["Faults"]) == seen.faults == 1
    for title in ("Where each class lies", "Worst pictures", "Objects an image", "Orientation"):
        assert title in text
    assert page(evil) == text


def test_the_flag_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "check.html"
    ran = CliRunner().invoke(commands, ["inspect", str(photos("yolo")), "--html", str(file)])
    assert ran.exit_code == 0, ran.output
    assert f"health check: {file}" in ran.output
    assert file.read_text(encoding="utf-8").lstrip().startswith("<!doctype html>")


def test_inspect_verify_convert_review_and_the_page_count_the_same_faults(tmp_path: Path) -> None:
    """A label file without an image that has objects of several classes is one fault to all of them."""
    root = tiny(tmp_path / "source", range(4))
    row = "{} 0.5 0.5 0.2 0.2\n"
    (root / "labels" / "train" / "orphan.txt").write_text("".join(map(row.format, (0, 1, 1))), encoding="utf-8")
    with next((root / "labels" / "train").glob("0*.txt")).open("a", encoding="utf-8") as file:
        file.write("0 1.5 1.5 0.1 0.1\n")
    page = tmp_path / "check.html"

    def said(*words: str) -> str:
        return CliRunner().invoke(commands, [*words]).output

    inspected, verified = said("inspect", str(root), "--html", str(page)), said("verify", str(root))
    converted = said("convert", str(root), str(tmp_path / "out"), "--to", "coco", "--dry-run")
    counts = {code: re.findall(rf"fault: (\d+) x {code}", inspected) for code in ("label-orphan", "box-outside")}
    assert counts == {"label-orphan": ["1"], "box-outside": ["1"]}
    for code, count in counts.items():
        assert [re.findall(rf"fault: (\d+) x {code}", text) for text in (verified, converted)] == [count, count]
    assert "2 faults listed above" in verified
    assert "2 faults listed above" in converted
    assert said("review", str(root), "-o", str(tmp_path / "site")).startswith("open ")
    said("review", str(root), "-o", str(tmp_path / "verified"), "--verify")
    for path in (page, tmp_path / "site" / "index.html", tmp_path / "verified" / "index.html"):
        assert re.search(r"<dt>Faults</dt><dd>2</dd>", path.read_text(encoding="utf-8")), path
