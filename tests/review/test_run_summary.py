from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.pipeline.output.run_record import read_record
from bboxprep.review.run_summary import run_summary_of
from tests.review.sites import FIXTURES, prepared

ANYTHING: st.SearchStrategy[Any] = st.none() | st.integers() | st.text() | st.lists(st.integers())


def test_the_books_are_what_the_run_wrote(tmp_path: Path) -> None:
    out = prepared(FIXTURES / "phone-photos-coco", tmp_path / "out", to="yolo")
    record = read_record(out)
    assert record is not None
    books = run_summary_of(out, record)
    assert (books.source_format, books.format) == ("coco", "yolo")
    assert [(row.split, row.images_in, row.objects_in) for row in books.splits] == [("train", 8, 19), ("val", 4, 8)]
    assert [row.name for row in books.classes] == ["person", "car", "traffic sign"]
    assert {note.code for note in books.findings} == {"column-dropped", "crowd-dropped"}


@given(st.dictionaries(st.sampled_from(["source", "from", "recipe", "splits", "classes", "findings"]), ANYTHING))
def test_a_strange_record_is_read_or_refused_by_name(record: dict[str, Any]) -> None:
    fault = ""
    try:
        run_summary_of(Path("out"), record)
    except AnnotationError as error:
        fault = str(error)
    assert fault == "" or fault.startswith(f"{Path('out', 'bboxprep.json')}: is not the record of a run")


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert run_summary_of(Path("out"), {"source": "photos", "sources": ["photos"], "changes": 3}).source == "photos"


def test_a_row_without_its_counts_is_refused() -> None:
    with pytest.raises(AnnotationError, match="images_in"):
        run_summary_of(Path("out"), {"splits": [{"split": "train"}]})
