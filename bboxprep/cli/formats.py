"""``bboxprep formats``: one row a format, from what the formats declare."""

from __future__ import annotations

import click

from bboxprep import formats


@click.command("formats")
def command() -> None:
    """Show the formats: what each reads, writes, can hold, and how fine its numbers are."""
    for line in table():
        click.echo(line)


def table() -> list[str]:
    """The lines of the table, in Markdown; the README's is the same."""
    rows = [("format", "reads", "carries", "step")]
    for name in formats.names():
        chosen = formats.load(name)
        rows.append((f"`{name}`", chosen.layout, ", ".join(sorted(chosen.carries)), chosen.step))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
