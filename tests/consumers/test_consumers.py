"""Outputs are given, unedited, to the programs that people feed: images, classes and boxes are those of the labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import bboxprep
from bboxprep import formats
from tests.consumers import environment
from tests.consumers.bench import read_by
from tests.consumers.comparison import compare
from tests.consumers.outputs import OUTPUTS, SOURCES, as_we_read, make_output, source
from tests.consumers.programs import PROGRAMS, READ_BY_NONE, Program
from tests.consumers.readers.answer import Answer, Object
from tests.consumers.table import PAGE

MISSING = "not made: python tests/consumers/environment.py"


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("consumers")


def marks(program: Program) -> tuple[pytest.MarkDecorator, ...]:
    group, option = ("heavy", " --heavy") if program.heavy else ("light", "")
    missing = pytest.mark.skipif(not environment.has(group), reason=MISSING + option)
    return (missing, pytest.mark.consumers_heavy) if program.heavy else (missing,)


@pytest.mark.parametrize("program", [pytest.param(one, marks=marks(one), id=one.name) for one in PROGRAMS])
def test_a_program_reads_what_the_labels_say(work: Path, program: Program) -> None:
    results = list(read_by(program, work))
    assert [fault for result in results for fault in result.faults] == []
    whole = [one.difference for one in results if not one.reading.cannot]
    assert all(one.images > 0 and one.objects > 0 for one in whole)


@pytest.mark.parametrize("name", SOURCES)
def test_the_outputs_are_true_to_their_sources(work: Path, name: str) -> None:
    for kind in ("coco", "yolo-segment", "voc", "parquet"):
        assert bboxprep.verify(make_output(name, kind, work), source(name, work)).holds, kind


def test_every_format_is_read_by_a_program_or_named_as_read_by_none() -> None:
    read = {OUTPUTS[one.output].format for program in PROGRAMS for one in program.readings if not one.cannot}
    assert read | READ_BY_NONE == set(formats.written())
    assert not read & READ_BY_NONE
    words = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert all(formats.load(name).title in words for name in READ_BY_NONE)


def test_the_page_has_every_output_that_a_program_reads() -> None:
    written = PAGE.read_text(encoding="utf-8")
    for program in PROGRAMS:
        rows = [line for line in written.splitlines() if line.startswith(f"| {program.name} |")]
        for reading in program.readings:
            assert any(f"| `{OUTPUTS[reading.output].words}` |" in row for row in rows), (program.name, reading.output)


def without_an_image(said: Answer) -> Answer:
    return dict(list(said.items())[1:])


def of_another_size(said: Answer) -> Answer:
    (name, first), *others = said.items()
    return {name: replace(first, width=first.width + 1), **dict(others)}


def with_objects(change: Callable[[Object], Object], said: Answer) -> Answer:
    return {path: replace(one, objects=[change(row) for row in one.objects]) for path, one in said.items()}


def moved(values: list[float]) -> list[float]:
    return [values[0] + 0.25, *values[1:]]


def test_a_comparison_finds_what_is_planted(work: Path) -> None:
    ours = as_we_read(make_output("rectangles", "coco", work))
    same = compare(ours, ours)
    assert (same.faults, same.boxes, same.rings, same.points) == ([], 0.0, 0.0, 0.0)
    boxes = with_objects(lambda one: replace(one, box=moved(one.box)), ours)
    assert compare(ours, boxes).boxes == pytest.approx(0.25)
    assert compare(ours, boxes, (0.25, 0, 0, 0)).boxes == pytest.approx(0.0)
    rings = with_objects(lambda one: replace(one, rings=[moved(ring) for ring in one.rings]), ours)
    assert compare(ours, rings).rings == pytest.approx(0.25)
    begun_elsewhere = with_objects(lambda one: replace(one, rings=[ring[2:] + ring[:2] for ring in one.rings]), ours)
    assert compare(ours, begun_elsewhere).rings == 0.0
    points = with_objects(lambda one: replace(one, points=[moved(point) for point in one.points]), ours)
    assert compare(ours, points).points == pytest.approx(0.25)
    hidden = with_objects(lambda one: replace(one, points=[[*point[:2], 0.0] for point in one.points]), ours)
    assert compare(ours, hidden).points == float("inf")
    assert "a mask of 1 px" in compare(ours, with_objects(lambda one: replace(one, area=1.0), ours)).faults[0]
    assert "classes" in compare(ours, with_objects(lambda one: replace(one, name="rabbit"), ours)).faults[0]
    assert "not read" in compare(ours, without_an_image(ours)).faults[0]
    assert "0 images of ours" in compare(without_an_image(ours), ours).faults[0]
    assert "want " in compare(ours, of_another_size(ours)).faults[0]
