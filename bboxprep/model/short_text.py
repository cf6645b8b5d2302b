"""Short texts of datasets and samples, for notebooks and terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from bboxprep.findings import escape_surrogates

_MOST, _MOST_OF_A_LINE = 300, 90  # characters


class ShownAsTable:
    """Shows itself as a table: as at most 300 characters of text, and in HTML for notebooks."""

    def _rows(self) -> Mapping[str, str]:
        """The rows of the table, which take no time."""
        raise NotImplementedError

    def __repr__(self) -> str:
        lines = (f"{name}: {shortened(text)}" for name, text in self._rows().items())
        return shortened("\n  ".join((type(self).__name__, *lines)), _MOST)

    def _repr_html_(self) -> str:
        rows = self._rows().items()
        lines = (f"<tr><th>{escape(name)}</th><td>{escape(shortened(text))}</td></tr>" for name, text in rows)
        return f"<table>{''.join(lines)}</table>"


def count_rows(images: int, splits: Sequence[str], classes: Sequence[str], findings: int) -> dict[str, str]:
    """The rows about the contents of a dataset; findings are left out where there are none."""
    rows = {"images": f"{images:,} in {', '.join(splits)}", "classes": f"{len(classes):,}: {', '.join(classes)}"}
    return rows | ({"findings": f"{findings:,}"} if findings else {})


def shortened(text: str, most: int = _MOST_OF_A_LINE) -> str:
    """The beginning of `text`, at most `most` characters, that can be printed as UTF-8."""
    text = escape_surrogates(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
