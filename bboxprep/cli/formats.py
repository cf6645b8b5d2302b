"""``bboxprep formats``: one row a format, from what the formats declare."""

from __future__ import annotations

from collections.abc import Iterator

import click

from bboxprep import formats
from bboxprep.formats.api import Format
from bboxprep.formats.layouts import layouts_of
from bboxprep.model.escaping import printable

_HEAD = ("format", "reads", "carries", "keeps", "coordinates", "step", "layouts")


@click.command("formats")
def command() -> None:
    """Show the formats: what each reads, writes, can hold, and how fine its numbers are."""
    for line in table():
        click.echo(printable(line))


def table() -> list[str]:
    """The lines of the table, in Markdown; the README's is the same."""
    rows = [_HEAD, *(_row(name, formats.load(name)) for name in formats.names())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _row(name: str, declared: Format) -> tuple[str, ...]:
    kept = {
        "class table": declared.has_class_table,
        "splits": declared.has_splits,
        "images without objects": declared.keeps_empty_images,
    }
    return (
        f"`{name}`",
        declared.layout,
        ", ".join(sorted(declared.carries)),
        ", ".join(word for word, keeps in kept.items() if keeps),
        f"{declared.plane or 'either'} plane, first pixel at {declared.origin}",
        "; ".join(_steps(declared)),
        ", ".join(layouts_of(declared.write_options)),
    )


def _steps(declared: Format) -> Iterator[str]:
    """The step of the writer by default, and its steps with other options."""
    (_, default), *others = declared.write_variants()
    usual = str(declared.step(default))
    yield usual
    yield from (f"{step} with {flag}" for flag, options in others if (step := str(declared.step(options))) != usual)
