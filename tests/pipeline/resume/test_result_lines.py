from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.pipeline.output.image_rows import IMAGES
from bboxprep.pipeline.resume.journal import FOLDER, NAME, open_journal
from bboxprep.pipeline.resume.result_lines import LinesPlace, LineStore, ResultLines
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.sidecar.schema import SIDECAR
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe
from tests.conformance.examples import LOOSE
from tests.tiny import label, tiny, tree

LINES = st.builds(ResultLines, st.binary(max_size=30), st.binary(max_size=30))


@given(batches=st.lists(LINES, max_size=6), reopened=st.sets(st.integers(0, 5)))
def test_lines_are_read_where_they_were_added(
    tmp_path_factory: pytest.TempPathFactory, batches: list[ResultLines], reopened: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    file = LineStore(folder / "lines", folder)
    places = []
    for number, lines in enumerate(batches):
        if number in reopened:
            file.close()
        places.append(file.add(lines))
    assert list(map(file.read, places)) == batches
    for before, after in pairwise(places):
        assert after.rows == before.sidecar + before.sidecar_bytes
    file.remove()
    assert [file.read(place) for place in places if place.row_bytes + place.sidecar_bytes] == [
        None for lines in batches if any(lines)
    ]


@given(lines=LINES.filter(any), data=st.data())
def test_lines_that_were_changed_are_not_those(
    tmp_path_factory: pytest.TempPathFactory, lines: ResultLines, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    file = LineStore(folder / "lines", folder)
    place = file.add(lines)
    written = bytearray((folder / "lines").read_bytes())
    written[data.draw(st.integers(0, len(written) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "lines").write_bytes(written)
    assert file.read(place) is None
    (folder / "lines").write_bytes(written[:-1])
    assert file.read(place) is None
    file.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_link_in_their_place_is_not_read(tmp_path: Path) -> None:
    file, place = LineStore(tmp_path / "lines", tmp_path), LinesPlace(True, 0, 1, 0, 0, 0)
    os.mkfifo(tmp_path / IMAGES)
    assert file.read(place) is None
    (tmp_path / IMAGES).unlink()
    (tmp_path / "other").write_bytes(b"x")
    assert file.read(LinesPlace(True, 0, 1, 0, 0, ResultLines(b"x", b"").checksum)) is None
    (tmp_path / IMAGES).symlink_to(tmp_path / "other")
    assert file.read(LinesPlace(True, 0, 1, 0, 0, ResultLines(b"x", b"").checksum)) is None


def run(source: Path, dest: Path, to: str) -> Outcome:
    return convert_source(open_source(source), dest, to, Recipe(), run_options=RunOptions())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tiny(tmp_path / "source", range(20))


@pytest.fixture(autouse=True)
def _several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bboxprep.pipeline.work.conversion.LABEL_BLOCK", 4)
    monkeypatch.setattr("bboxprep.pipeline.work.conversion.PIXEL_BLOCK", 4)


@pytest.mark.parametrize("to", LOOSE)
def test_the_lines_of_a_finished_output_lie_in_its_files_alone(source: Path, tmp_path: Path, to: str) -> None:
    run(source, tmp_path / "out", to)
    rows, sidecar = tmp_path / "out" / IMAGES, tmp_path / "out" / SIDECAR
    with open_journal(tmp_path / "out") as journal:
        found = [journal.lines(number) for number in journal.batches]
    assert b"".join([lines.rows for lines in found if lines]) == rows.read_bytes()
    if sidecar.exists():
        _, *kept = sidecar.read_bytes().splitlines(keepends=True)
        assert b"".join([lines.sidecar for lines in found if lines]) == b"".join(kept)
    stored = (tmp_path / "out" / FOLDER / NAME).read_bytes()
    assert all(line not in stored for line in rows.read_bytes().splitlines())
    assert [path.name for path in (tmp_path / "out" / FOLDER).iterdir()] == [NAME]


def edit_rows(dest: Path) -> None:
    path = dest / IMAGES
    path.write_bytes(path.read_bytes().replace(b"00001.jpg", b"00009.jpg", 1))


def cut_rows(dest: Path) -> None:
    path = dest / IMAGES
    path.write_bytes(path.read_bytes()[:-40])


def remove_rows(dest: Path) -> None:
    (dest / IMAGES).unlink()


def edit_sidecar(dest: Path) -> None:
    path = dest / SIDECAR
    head, _, *kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, *kept]))


@pytest.mark.parametrize("spoil", [edit_rows, cut_rows, remove_rows, edit_sidecar])
def test_a_batch_whose_lines_were_changed_is_done_again(
    source: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    run(source, tmp_path / "out", "voc")
    undisturbed = tree(tmp_path / "out")
    spoil(tmp_path / "out")
    assert tree(tmp_path / "out") != undisturbed
    label(source, 19, 0, 0.4)
    run(source, tmp_path / "out", "voc")
    run(source, tmp_path / "fresh", "voc")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
