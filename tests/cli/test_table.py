"""A table is the one that rich makes of the same columns, whoever lays it out."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import table
from rich.console import Console

from bboxprep.cli.table import Table

CELLS = st.text(st.sampled_from("ab1, \t\n\x07é猫👍\u0301[bold]") | st.characters(codec="utf-8"), max_size=9)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5)


def printed(shown: object, width: int, *, terminal: bool = False) -> str:
    out = StringIO()
    how = {"force_terminal": terminal, "color_system": "standard" if terminal else None, "legacy_windows": False}
    Console(file=out, width=width, markup=False, highlight=False, emoji=False, **how).print(shown)  # type: ignore[arg-type]
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
    assert printed(ours, width) == printed(theirs, width)


def test_the_names_of_columns_stand_out_on_a_terminal_and_cells_may_be_missing() -> None:
    ours, _ = both([("", "and 3 more"), ("1", "cat", "2")])
    assert printed(ours, 80, terminal=True).splitlines() == [
        "\x1b[1m  number    class         out  \x1b[0m",
        "            and 3 more         ",
        "       1    cat             2  ",
    ]
