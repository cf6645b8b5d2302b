"""One tree for 1 or more workers and on every run; the source untouched; bytes kept where no pixel changes."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from bboxprep.pipeline.job import Terms, convert
from bboxprep.pipeline.reading import open_source
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.steps import Flip, Letterbox

FIXTURES = Path(__file__).parents[2] / "fixtures"
SOURCES = ["phone-photos-coco", "phone-photos-yolo", "phone-photos-voc", "stored-frame-yolo"]


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def times(root: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("target", ["coco", "yolo", "voc"])
@pytest.mark.parametrize("source", SOURCES)
def test_one_or_three_workers_write_the_same_tree(tmp_path: Path, source: str, target: str) -> None:
    before = times(FIXTURES / source)
    for workers in (1, 3):
        recipe = Recipe(Letterbox(96), Flip("horizontal"))
        convert(open_source(FIXTURES / source), tmp_path / str(workers), target, recipe, terms=Terms(workers=workers))
    assert tree(tmp_path / "1") == tree(tmp_path / "3")
    assert times(FIXTURES / source) == before


@pytest.mark.parametrize("source", SOURCES)
def test_a_run_without_a_pixel_step_keeps_the_bytes_of_every_untagged_image(tmp_path: Path, source: str) -> None:
    outcome = convert(open_source(FIXTURES / source), tmp_path / "out", "coco", Recipe(), terms=Terms())
    rows = (tmp_path / "out" / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [row for row in map(json.loads, rows) if row["orientation"] == 1]
    assert len(rows) == len(outcome.dataset)
    for row in kept:
        assert (tmp_path / "out" / row["output"]).read_bytes() == (FIXTURES / source / row["source"]).read_bytes()
