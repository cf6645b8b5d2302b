"""One tree for 1 or more workers, however they are started and folders are listed; the source untouched; bytes kept
where no pixel changes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.pipeline.work.engines import local, processes
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from tests.conformance.examples import WRITTEN

FIXTURES = Path(__file__).parents[2] / "fixtures"
SOURCES = ["phone-photos-coco", "phone-photos-yolo", "phone-photos-voc", "stored-frame-yolo"]


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".bboxprep" not in path.parts
    }


def times(root: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize("source", SOURCES)
def test_one_or_three_workers_write_the_same_tree(tmp_path: Path, source: str, target: str) -> None:
    before = times(FIXTURES / source)
    for workers in (1, 3):
        recipe = Recipe(Letterbox(96), Flip("horizontal"))
        convert_source(
            open_source(FIXTURES / source),
            tmp_path / str(workers),
            target,
            recipe,
            run_options=RunOptions(workers=workers),
        )
    assert tree(tmp_path / "1") == tree(tmp_path / "3")
    assert times(FIXTURES / source) == before


@pytest.mark.parametrize("target", WRITTEN)
def test_processes_forked_or_spawned_write_the_same_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    for start in ("spawn", processes.START):
        monkeypatch.setattr(processes, "START", start)
        source = open_source(FIXTURES / "phone-photos-coco", engine=local.Local(2))
        convert_source(source, tmp_path / start, target, Recipe(Letterbox(96)), run_options=RunOptions(workers=2))
    assert tree(tmp_path / "spawn") == tree(tmp_path / processes.START)


@pytest.mark.parametrize("source", SOURCES)
def test_folders_listed_in_any_order_give_the_same_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    for name, order in (("rising", sorted), ("falling", _falling)):
        with _listed(monkeypatch, order) as seen:
            convert_source(
                open_source(FIXTURES / source), tmp_path / name, "yolo", Recipe(Letterbox(96)), run_options=RunOptions()
            )
        assert seen
    assert tree(tmp_path / "rising") == tree(tmp_path / "falling")


class _Listing(list[os.DirEntry[str]]):
    """What stands in for `os.scandir`, which is an iterator and closes itself."""

    def __enter__(self) -> _Listing:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def __next__(self) -> os.DirEntry[str]:
        if not self:
            raise StopIteration
        return self.pop(0)


def _falling(names: list[str]) -> list[str]:
    return sorted(names, reverse=True)


@contextmanager
def _listed(monkeypatch: pytest.MonkeyPatch, order: Callable[[list[str]], list[str]]) -> Iterator[list[str]]:
    """Every folder is listed in `order` from here on; the folders that were, in the end."""
    seen: list[str] = []

    def listdir(path: str = ".") -> list[str]:
        seen.append(str(path))
        return order(real_listdir(path))

    def scandir(path: str = ".") -> _Listing:
        seen.append(str(path))
        with real_scandir(path) as entries:
            found = {entry.name: entry for entry in entries}
        return _Listing(found[name] for name in order(list(found)))

    real_listdir, real_scandir = os.listdir, os.scandir
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", listdir)
        patched.setattr(os, "scandir", scandir)
        yield seen


@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize("source", SOURCES)
def test_no_time_and_no_path_of_the_machine_is_in_an_output(tmp_path: Path, source: str, target: str) -> None:
    for name, seconds in (("here", 10**9), ("there and further", 10**9 + 12_345)):
        home = Path(shutil.copytree(FIXTURES / source, tmp_path / name / f"source {len(name)}"))
        for path in (home, *home.rglob("*")):
            os.utime(path, (seconds, seconds))
        convert_source(
            open_source(home), tmp_path / name / "out", target, Recipe(Letterbox(96)), run_options=RunOptions()
        )
    here, there = (tree(tmp_path / name / "out") for name in ("here", "there and further"))
    assert here.pop("bboxprep.json") != there.pop("bboxprep.json")  # it says where the source lay
    assert here == there
    for path in (tmp_path / "here" / "out").rglob("*"):
        own = path.name == "bboxprep.json" or ".bboxprep" in path.parts
        assert own or not path.is_file() or os.fsencode(tmp_path) not in path.read_bytes()


@pytest.mark.parametrize("source", SOURCES)
def test_a_run_without_a_pixel_step_keeps_the_bytes_of_every_untagged_image(tmp_path: Path, source: str) -> None:
    outcome = convert_source(
        open_source(FIXTURES / source), tmp_path / "out", "coco", Recipe(), run_options=RunOptions()
    )
    rows = (tmp_path / "out" / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [row for row in map(json.loads, rows) if row["orientation"] == 1]
    assert len(rows) == len(outcome.dataset)
    for row in kept:
        assert (tmp_path / "out" / row["output"]).read_bytes() == (FIXTURES / source / row["source"]).read_bytes()
