"""``bboxprep formats``: one row a format, or all about one, from what the formats declare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import click

from bboxprep import formats
from bboxprep.cli import commands
from bboxprep.cli.flag_names import with_flags
from bboxprep.cli.options import FORMAT
from bboxprep.formats.api import Format, ReadOptions
from bboxprep.formats.layouts import layouts_of
from bboxprep.model.columns import Column
from bboxprep.model.escaping import printable

_OF_ALL = frozenset(one.name for one in fields(ReadOptions))
_HEAD = ("format", "reads", "written", "carries", "keeps", "coordinates", "step", "layouts")


@click.command("formats")
@click.argument("name", required=False, type=FORMAT)
def command(name: str | None) -> None:
    """Show the formats: what each reads, writes, can hold, and how fine its numbers are. With NAME, all about one: what
    is recognised, planes, options, known traps.

    \b
    bboxprep formats
    bboxprep formats labelme
    """  # noqa: D301  # click wants the character
    for line in lines_of(name, formats.load(name)) if name else table():
        click.echo(printable(line))


def lines_of(name: str, declared: Format) -> Iterator[str]:
    """All about the format called `name`, for a terminal."""
    yield f"{declared.title} (`{name}`)"
    width = max(len(what) for what, _ in facts(declared))
    yield from (f"  {what.ljust(width)}  {value}" for what, value in facts(declared))
    for title, options in (("reading", declared.read_options), ("writing", declared.write_options)):
        if own := [one for one in fields(options) if one.name not in _OF_ALL]:
            yield ""
            yield f"options of {title}"
            yield from (f"  {one.metadata['flag']}: {one.metadata['help']}" for one in own)
    if declared.traps:
        yield ""
        yield "known traps"
        yield from (f"  {words} ({source})" for words, source in declared.traps)


def facts(declared: Format) -> list[tuple[str, str]]:
    """What a format declares, each with its name."""
    (_, default), *_ = declared.write_variants()
    place = f"; labels are looked for {declared.label_place}" if declared.label_place else ""
    conventions = ", ".join(f"{name} ({with_flags(option, commands)})" for name, option in declared.conventions)
    points = f"numbers of pixels: {declared.keypoint_origin} less" if declared.keypoint_origin else "as boxes"
    found = [
        ("is recognised by", f"{declared.layout}{place}"),
        ("written", "" if declared.is_written else "no; this format is only read"),
        ("carries", ", ".join(sorted(declared.carries))),
        ("class table", _kept(declared.has_class_table)),
        ("splits", _kept(declared.has_splits)),
        ("images without objects", _kept(declared.keeps_empty_images)),
        ("plane of labels", f"the {declared.plane} one" if declared.plane else "either; told by evidence"),
        ("first pixel", f"at {declared.origin}"),
        ("step of written numbers", str(declared.step(default)) if declared.is_written else ""),
        ("layouts", ", ".join(layouts_of(declared.write_options))),
        ("other conventions", conventions),
    ]
    if Column.KEYPOINTS in declared.carries:
        found.append(("keypoints", points))
    return [(what, value) for what, value in found if value]


def _kept(is_kept: bool) -> str:
    return "kept" if is_kept else "not kept"


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
        "yes" if declared.is_written else "only read",
        ", ".join(sorted(declared.carries)),
        ", ".join(word for word, keeps in kept.items() if keeps),
        f"{declared.plane or 'either'} plane, first pixel at {declared.origin}",
        "; ".join(_steps(declared)),
        ", ".join(layouts_of(declared.write_options)),
    )


def _steps(declared: Format) -> Iterator[str]:
    """The step of the writer by default, and its steps with other options."""
    if not declared.is_written:
        return
    (_, default), *others = declared.write_variants()
    usual = str(declared.step(default))
    yield usual
    yield from (f"{step} with {flag}" for flag, options in others if (step := str(declared.step(options))) != usual)
