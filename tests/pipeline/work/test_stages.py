"""Stages are announced to whoever watches, with as many items done at the end as there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import bboxprep
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.pipeline.source.inspect import inspect
from bboxprep.pipeline.source.near_duplicates import with_thumbnails
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.source.survey import counted_classes
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.pipeline.work.stages import stage, staged, stages_shown
from bboxprep.predictions import unmap
from tests.tiny import tiny

READ = [("reading", 0, 0), ("looking at images", 9, 9)]


def announced(work: Callable[[], object]) -> list[tuple[str, int, int]]:
    """The name of each stage of `work`, its number of items, and how many of them were done at its end."""
    found: list[tuple[str, int, int]] = []

    @contextmanager
    def show(total: int, what: str) -> Iterator[Callable[[int], None]]:
        done = [0]
        try:
            yield lambda number: done.__setitem__(0, number)
        finally:
            found.append((what, total, done[0]))

    with stages_shown(show):
        work()
    return found


def test_reading_and_counting_are_announced(tmp_path: Path) -> None:
    root = tiny(tmp_path / "photos", range(9))
    assert announced(lambda: open_source(root)) == READ
    assert announced(lambda: open_source(root, engine=Local(2))) == READ
    source = open_source(root)
    assert announced(lambda: with_thumbnails(source)) == [("looking for near duplicates", 9, 9)]
    assert announced(lambda: inspect(source)) == [("counting", 9, 9)]
    assert announced(lambda: counted_classes(source.dataset)) == [("counting classes", 9, 9)]


def test_verify_and_unmap_announce_what_comes_before_their_images(tmp_path: Path) -> None:
    root = tiny(tmp_path / "photos", range(9))
    convert(root, tmp_path / "out", "coco")
    said: list[str] = []
    stages = announced(lambda: bboxprep.verify(tmp_path / "out", root, begin=lambda total: said.append(str(total))))
    assert stages == [*READ, *READ, ("counting", 9, 9)]
    assert said == ["9"]
    rows = [{"image_id": number, "category_id": 1, "bbox": [1, 1, 4, 4], "score": 0.5} for number in (1, 2, 999)]
    (tmp_path / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    run = open_run(tmp_path / "out")
    assert ("mapping predictions", 3, 3) in announced(
        lambda: unmap(run, tmp_path / "results.json", tmp_path / "b.json")
    )


def test_without_a_watcher_nothing_happens() -> None:
    with stage(3, "waiting") as advance:
        advance(3)
    assert list(staged("abc", 3, "waiting")) == ["a", "b", "c"]
    assert announced(lambda: None) == []


def test_a_stage_that_fails_ends() -> None:
    def fail() -> None:
        with suppress(ValueError):
            for item in staged([2, 1], 3, "failing", size=int):
                if item == 1:
                    raise ValueError

    assert announced(fail) == [("failing", 3, 2)]
