"""A photo is opened once for its header and once for its bytes, by `convert` and by `verify`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bboxprep.images import header
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECIPES = {"turned": Recipe(), "letterbox": Recipe(Letterbox(32))}
_opened: list[Counter[str]] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _opened and event == "open" and isinstance(arguments[0], str | os.PathLike):
        _opened[-1][os.fspath(arguments[0])] += 1


sys.addaudithook(_watch)


@contextmanager
def opens() -> Iterator[Counter[str]]:
    """How often each file is opened inside the ``with``."""
    _opened.append(Counter())
    try:
        yield _opened[-1]
    finally:
        _opened.pop()


ALONE = RunOptions(workers=1)


def photos(opened: Counter[str], *roots: Path) -> dict[str, int]:
    """How often each photo below the `roots` was opened."""
    return {
        name: count
        for name, count in opened.items()
        if Path(name).suffix in {".jpg", ".png", ".webp"} and any(map(Path(name).is_relative_to, roots))
    }


def convert(source: Path, dest: Path, recipe: Recipe) -> dict[str, int]:
    """How often each photo of `source` is opened by a conversion."""
    with opens() as opened:
        outcome = convert_source(open_source(source, labels_in="displayed"), dest, "yolo", recipe, run_options=ALONE)
    assert sum(outcome.account.images_out.values()) > 0
    return photos(opened, source)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("name", ["phone-photos-coco", "phone-photos-voc", "phone-photos-yolo"])
def test_a_photo_is_opened_for_its_header_and_for_its_bytes(tmp_path: Path, name: str, recipe: Recipe) -> None:
    opened = convert(FIXTURES / name, tmp_path / "out", recipe)
    assert opened
    assert set(opened.values()) <= {1, 2}, opened


def test_the_law_catches_a_header_that_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = header.read_any_header
    monkeypatch.setattr(header, "read_any_header", lambda path, most, _: read(path, most))
    assert max(convert(FIXTURES / "phone-photos-coco", tmp_path / "out", Recipe()).values()) > 2


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_verify_opens_each_photo_of_both_sides_so_too(tmp_path: Path, recipe: Recipe) -> None:
    source, out = FIXTURES / "phone-photos-coco", tmp_path / "out"
    convert(source, out, recipe)
    with opens() as opened:
        assert verify(out, source).holds
    found = photos(opened, source, out)
    assert len(found) == 2 * len(photos(opened, out))
    assert set(found.values()) <= {1, 2}, found
