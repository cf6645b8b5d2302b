"""Each column of the table, through the whole program and every registered format: it comes back, or it is counted."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from bboxprep import formats
from bboxprep.model.batch import Batch
from bboxprep.model.column_json import PLAIN_FORMS
from bboxprep.model.columns import COLUMNS, Column
from bboxprep.pipeline.api import read
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.resume.fingerprint import content_hash
from bboxprep.pipeline.sidecar import schema
from tests.formats.coco import trees
from tests.pipeline.sidecar.trips import around, run, small
from tests.strategies import specimen

each_column = pytest.mark.parametrize("column", COLUMNS)
each_format = pytest.mark.parametrize("to", formats.written())


@each_format
@each_column
def test_it_comes_back_from_every_format(tmp_path: Path, column: Column, to: str) -> None:
    small(tmp_path / "in", specimen(column))
    straight, back = around(tmp_path, to)
    assert straight == back


@each_column
def test_the_law_catches_a_column_that_the_sidecar_leaves_out(
    tmp_path: Path, column: Column, monkeypatch: pytest.MonkeyPatch
) -> None:
    if column not in PLAIN_FORMS:
        return
    form = PLAIN_FORMS[column]
    blind = msgspec.structs.replace(form, pack=lambda objects: (form.default,) * len(objects))
    monkeypatch.setattr(schema, "PLAIN_FORMS", {**PLAIN_FORMS, column: blind})
    small(tmp_path / "in", specimen(column))
    straight, back = around(tmp_path, "yolo", task="detect")
    assert straight != back


@each_format
@each_column
def test_it_is_counted_where_the_target_does_not_hold_it(tmp_path: Path, column: Column, to: str) -> None:
    small(tmp_path / "in", specimen(column))
    outcome = run(tmp_path / "in", tmp_path / "out", to)
    count = read(tmp_path / "in")[0].instances.column_counts[column]  # COCO states some of every object
    assert outcome.account.columns[column] == count
    dropped = [finding.message for finding in outcome.account.findings if finding.code == "column-dropped"]
    writer = formats.load(to).write(tmp_path, outcome.dataset, formats.load(to).write_options())
    named = re.compile(rf"(cannot hold {column}|holds {column} only with `write\(.*\)`) \({count} objects have them\)")
    expected = column not in writer.carries and column is not Column.CROWD  # regions are counted as dropped objects
    assert any(map(named.search, dropped)) == expected


@each_column
def test_a_changed_value_is_another_fingerprint(column: Column) -> None:
    contents = {
        content_hash(Batch.of([trees.sample_of(specimen(column, number))]), [Output("a.jpg")]) for number in (1, 2)
    }
    assert len(contents) == 2
