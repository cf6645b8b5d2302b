"""Columns of text, laid out here where they fit: rich takes a third of a millisecond for each row, and a while to load.

What is wider than the screen, or has characters that move the cursor or blanks at its end, is left to it.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

import click
from rich.cells import cell_len

_MARGIN = 2  # blanks on each side of a cell


class Table:
    """Rows below names of columns, which are set to the right, or where a name is given as (name, "left"), to the
    left.
    """

    def __init__(self, *columns: str | tuple[str, str]) -> None:
        named = [column if isinstance(column, tuple) else (column, "right") for column in columns]
        self._names = tuple(name for name, _ in named)
        self._left = [justify == "left" for _, justify in named]
        self._rows: list[tuple[str, ...]] = []

    def add_row(self, *cells: str) -> None:
        """One more row; cells that are not given are empty."""
        self._rows.append((*cells, *[""] * (len(self._names) - len(cells))))

    def text(self, width: int) -> str:
        """The lines, on a screen of `width` columns; the names bold."""
        rows = [self._names, *self._rows]
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        plain = all(cell.isprintable() and not cell.endswith(" ") for row in rows for cell in row)
        if not plain or sum(widths) + 2 * _MARGIN * len(widths) > width:
            return self._folded(width)
        names, *lines = (self._line(row, widths) for row in rows)
        return "\n".join([click.style(names, bold=True), *lines, ""])

    def _line(self, cells: tuple[str, ...], widths: list[int]) -> str:
        margin, line = " " * _MARGIN, ""
        for cell, width, left in zip(cells, widths, self._left, strict=True):
            blanks = " " * (width - cell_len(cell))
            line += margin + (cell + blanks if left else blanks + cell) + margin
        return line

    def _folded(self, width: int) -> str:
        """The same by rich, which breaks lines within cells."""
        from rich import console, table

        folded = table.Table(box=None, pad_edge=True, padding=(0, _MARGIN), header_style="bold")
        for name, left in zip(self._names, self._left, strict=True):
            folded.add_column(name, justify="left" if left else "right")
        for row in self._rows:
            folded.add_row(*row)
        manner: dict[str, Any] = {"color_system": "standard", "force_terminal": True, "legacy_windows": False}
        out = StringIO()
        console.Console(file=out, width=width, markup=False, highlight=False, emoji=False, **manner).print(folded)
        return out.getvalue()
