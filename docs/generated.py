"""Writes the pages that are made of the program's own tables: formats, findings, options, what is recognised, the JSON
Schemas of its files, and the contents for programs.

``python -m docs.generated`` writes them anew; a test fails where a page and its table differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

import bboxprep
from bboxprep import formats
from bboxprep.cli import commands
from bboxprep.cli.formats import facts, table
from bboxprep.cli.schema import SCHEMAS, schema_text
from bboxprep.findings import CODES
from bboxprep.formats.api import Format, ReadOptions
from docs import llms, recognised
from docs.recognised import markdown_table, options_table

PAGES = Path(__file__).with_name("pages")
_MADE = "Made by `python -m docs.generated` from the tables of the program."


def pages() -> dict[str, str]:
    """Each generated page by its path below `PAGES`, in Markdown, each schema, and ``llms.txt``."""
    own = {f"formats/{name}.md": _format_page(name, formats.load(name)) for name in formats.names()}
    made = {
        "findings.md": _findings_page(),
        "options.md": _options_page(),
        "python-reference.md": _python_page(),
        "what-is-recognised.md": recognised.page(),
        "formats/index.md": _formats_page(),
        **own,
    }
    schemas = {f"schemas/{name}.json": schema_text(name) for name in SCHEMAS}
    return made | schemas | {"llms.txt": llms.text(made)}


def _findings_page() -> str:
    rows = ((f"`{code}`", str(severity), meaning) for code, (severity, meaning) in sorted(CODES.items()))
    introduction = (
        "Everything dropped, repaired or assumed is a finding with a stable code. A **fault** makes the exit code 1; a "
        "**note** says that a stated policy acted."
    )
    return "\n\n".join(["# Findings", _MADE, introduction, markdown_table(("code", "kind", "meaning"), rows)]) + "\n"


def _python_page() -> str:
    """A section for each public name, which the site fills from its docstring."""
    named = [(name, getattr(bboxprep, name)) for name in sorted(bboxprep.__all__, key=str.lower)]
    places = [f"::: {value.__module__}.{name}" for name, value in named if hasattr(value, "__module__")]
    return "\n\n".join(["# Python reference", *places]) + "\n"


def _formats_page() -> str:
    names = [f"- [{formats.load(name).title}]({name}.md)" for name in formats.names()]
    lost = (
        "What a format cannot hold is named in a finding with the number of objects that have it, and kept in the "
        "[sidecar](../outputs.md#there-and-back); `--strict` refuses instead."
    )
    return "\n\n".join(["# Formats", _MADE, "\n".join(map(_escaped, table())), lost, "\n".join(names)]) + "\n"


def _format_page(name: str, declared: Format) -> str:
    """The page of one format, from what it declares."""
    sections = [
        f"# {declared.title}",
        f"{f'`--to {name}`, `--from {name}`' if declared.is_written else f'Only read: `--from {name}`'}. {_MADE}",
        markdown_table(("property", "value"), [(what, _escaped(value)) for what, value in facts(declared)]),
    ]
    for title, kind in (("reader", declared.read_options), ("writer", declared.write_options)):
        if table := options_table(kind, without=ReadOptions):
            sections += [f"## Options of the {title}", table]
    if declared.traps:
        rows = [(_escaped(words), _escaped(source)) for words, source in declared.traps]
        sections += ["## Known traps", "All of these are minded.", markdown_table(("trap", "source"), rows)]
    return "\n\n".join([*sections, "## Conventions", *_conventions(name)]) + "\n"


def _conventions(name: str) -> list[str]:
    """The docstrings of the modules of a format that say how its files are read and written."""
    package = f"bboxprep.formats.{name}"
    modules = [package, *[f"{package}.{part}" for part in ("reader", "writer") if find_spec(f"{package}.{part}")]]
    return [(import_module(module).__doc__ or "").strip().replace("``", "`") for module in modules]


def _escaped(text: str) -> str:
    """`text` whose angle brackets are no HTML."""
    return text.replace("<", "&lt;")


def _options_page() -> str:
    """The options of every command, as `--help` prints them."""
    context = click.Context(commands, info_name="bboxprep")
    sections = ["# Options", _MADE]
    for name, command in sorted(_commands(context).items()):
        rows = [_option_row(one, click.Context(command, info_name=name, parent=context)) for one in command.params]
        sections += [f"## bboxprep {name}", markdown_table(("option", "meaning"), filter(None, rows))]
    return "\n\n".join(sections) + "\n"


def _commands(context: click.Context) -> Mapping[str, click.Command]:
    found = {name: commands.get_command(context, name) for name in commands.list_commands(context)}
    return {name: command for name, command in found.items() if command and not command.hidden}


def _option_row(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    record = parameter.get_help_record(context)
    return (f"`{record[0]}`", record[1]) if record else None


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        path = PAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
