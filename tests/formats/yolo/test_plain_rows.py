"""Label files of plain boxes are read at once, and as if each of their lines were looked at."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.formats.plain_numbers import plain_numbers
from bboxprep.formats.yolo_row_kinds import RowGrammar
from bboxprep.formats.yolo_row_notes import LabelFile, Rows
from bboxprep.formats.yolo_rows import parse_any, parse_files
from tests.fuzz.mutations import mutated

GRAMMARS = [RowGrammar(), RowGrammar("pose", (2, 3), 3), RowGrammar(classes=2, first=1), RowGrammar(boxes="xyxy")]
PIECES = (
    b"1 0.5 0.5 0.2 0.4\n",
    b" ",
    b"\n",
    b"\r\n",
    b"0.9999999",
    b"01",
    b".5",
    b"5.",
    b"-0",
    b"1e-3",
    b"\t",
    b"2.5",
)


@st.composite
def files(draw: st.DrawFn) -> list[bytes]:
    """Label files of boxes, of which a few bytes may be others."""
    row = st.tuples(st.integers(0, 4), *[st.floats(0, 1).map("{:.6f}".format)] * 4)
    texts = draw(st.lists(st.lists(row, max_size=5), min_size=1, max_size=4))
    chance, changes = random.Random(draw(st.integers(0, 2**32))), draw(st.integers(0, 2))
    contents = ["".join(" ".join(map(str, one)) + "\n" for one in rows).encode() for rows in texts]
    for _ in range(changes):
        place = chance.randrange(len(contents))
        contents[place] = mutated(contents[place], PIECES, chance)
    return contents


def values(rows: Rows) -> list[Any]:
    arrays = (rows.labels, rows.boxes, rows.scores, rows.keypoints, rows.visibility)
    shown = [(one.dtype, one.shape, one.tobytes()) for one in arrays]
    rings = [[ring.tolist() for ring in own] for own in rows.rings]
    return [*shown, rings, tuple(rows.counts), tuple(rows.notes), tuple(rows.listed)]


@given(files(), st.sampled_from(GRAMMARS))
def test_files_are_read_alike_at_once_and_line_by_line(contents: list[bytes], grammar: RowGrammar) -> None:
    labels = [LabelFile()] * len(contents)
    assert values(parse_files(labels, contents, grammar)) == values(parse_any(labels, contents, grammar))


@pytest.mark.parametrize(
    "text",
    [b"0 0.5 0.5 0.2\n0 1 2 3 4 5\n", b"1e3 1 1 1 1", b"0  1 1 1 1", b"0 1 1 1 1\n\n", b"00 1 1 1 1", b"0 .5 1 1 1"],
)
def test_other_spellings_are_left_to_the_careful_reader(text: bytes) -> None:
    assert plain_numbers([text], 5, 1000) is None


def test_a_line_without_its_end_is_a_line() -> None:
    found = plain_numbers([b"0 0.5 0.5 0.25 1", b"", b"1 0 0 0 0\n"], 5, 1000)
    assert found is not None
    np.testing.assert_array_equal(found, [[0, 0.5, 0.5, 0.25, 1], [1, 0, 0, 0, 0]])
