"""A table is the one that rich makes of the same columns, whoever lays it out."""

from __future__ import annotations

from io import StringIO

import pytest
from click import unstyle
from hypothesis import given
from hypothesis import strategies as st
from rich import table
from rich.console import Console

from bboxprep.cli.table import Table

WORDS = ("a", "b1", ",", " ", "\t", "\n", "\a", "é", "猫", "👍", "u\u0301", "[bold]", ":smile:", "1234")
LETTERS = st.characters(codec="utf-8", exclude_characters="\x1b")
CELLS = st.lists(st.sampled_from(WORDS) | LETTERS, max_size=5).map("".join)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5)


def printed(shown: table.Table, width: int) -> str:
    out = StringIO()
    Console(file=out, width=width, markup=False, highlight=False, emoji=False).print(shown)
    return out.getvalue()


def both(rows: list[tuple[str, ...]]) -> tuple[Table, table.Table]:
    ours = Table("number", ("class", "left"), "out")
    theirs = table.Table(box=None, pad_edge=True, padding=(0, 2, 0, 2), header_style="bold")
    for name, justify in (("number", "right"), ("class", "left"), ("out", "right")):
        theirs.add_column(name, justify=justify)  # type: ignore[arg-type]
    for row in rows:
        ours.add_row(*row)
        theirs.add_row(*row)
    return ours, theirs


@pytest.mark.parametrize("width", [20, 40, 120])
@given(rows=ROWS)
def test_it_is_as_rich_makes_it(width: int, rows: list[tuple[str, ...]]) -> None:
    ours, theirs = both(rows)
    assert unstyle(ours.text(width)) == printed(theirs, width)


def test_the_names_of_columns_stand_out_on_a_terminal_and_cells_may_be_missing() -> None:
    ours, _ = both([("", "and 3 more"), ("1", "cat", "2")])
    assert ours.text(80).splitlines() == [
        "\x1b[1m  number    class         out  \x1b[0m",
        "            and 3 more         ",
        "       1    cat             2  ",
    ]
