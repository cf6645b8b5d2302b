"""Options that several commands have, and those that come from the formats: each field of a format's options becomes
a flag."""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import Field, fields
from functools import reduce
from itertools import chain, starmap
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click
from click.shell_completion import CompletionItem

from bboxprep import formats
from bboxprep.errors import UsageError
from bboxprep.formats.api import Format
from bboxprep.formats.layouts import layouts_of
from bboxprep.io.remote import open_path

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _Place(click.ParamType["Path | str"]):
    """A path of this machine, an object of a storage, or an archive."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002
        return open_path(value)


class _FormatName(click.ParamType["str"]):
    """The name of a format, in any case, or the part of it after an underscore. It is one that `load` gives, and in
    `names`.
    """

    name = "format"

    def __init__(self, names: Callable[[], tuple[str, ...]], load: Callable[[str], Format]) -> None:
        self._names, self._load = names, load

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        ends = {name.partition("_")[2]: name for name in formats.names() if "_" in name}
        name = (ends | {name.casefold(): name for name in formats.names()}).get(value.casefold(), value)
        try:
            self._load(name)
        except UsageError as error:
            self.fail(str(error).removeprefix("format: "), param, ctx)
        return str(name)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """The names that begin with `incomplete`."""
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]


def stacked(*options: Decorator) -> Decorator:
    """A decorator that adds `options`, which then stand in this order in the help."""
    return lambda command: reduce(lambda changed, option: option(changed), reversed(options), command)


Section = Literal[
    "Formats", "Steps", "Filters", "Images", "Objects", "Classes and splits", "Reading", "Writing", "Options"
]
_SECTION_OF: dict[click.Parameter, Section] = {}


def in_section(title: Section, *options: Decorator) -> Decorator:
    """A decorator that adds `options`, which the help of a `SectionedCommand` lists under `title`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        known = list(getattr(command, "__click_params__", ()))
        changed: Callable[..., Any] = stacked(*options)(command)
        added = (one for one in getattr(changed, "__click_params__", ()) if one not in known)
        _SECTION_OF.update(dict.fromkeys(added, title))
        return changed

    return decorate


class SectionedCommand(click.Command):
    """A command whose help lists its options in sections; those of no section are under "Options"."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section each."""
        records: dict[Section, list[tuple[str, str]]] = {title: [] for title in get_args(Section)}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                records[_SECTION_OF.get(parameter, "Options")].append(record)
        for title, rows in records.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


PLACE = _Place()
FORMAT = _FormatName(formats.names, formats.load)
WRITTEN_FORMAT = _FormatName(formats.written, formats.load_written)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1),
    default=lambda: os.cpu_count() or 1,
    metavar="N",
    help="Processes.  [default: one a processor]",
)
labels_in_option = in_section(
    "Reading",
    click.option(
        "--labels-in",
        type=click.Choice(["auto", "stored", "displayed"]),
        default="auto",
        show_default=True,
        help="The plane that labels of photos with an EXIF orientation were drawn in.",
    ),
)

Side = Literal["read_options", "write_options"]


def format_options(side: Side) -> Decorator:
    """A decorator that adds the flags of all formats' readers or writers to a command."""
    shared: dict[str, list[tuple[str, Field[Any], Any]]] = {}  # formats may share a flag
    for each in _fields(side):
        shared.setdefault(_parameter(each[1]), []).append(each)
    options = [
        click.option(
            owners[0][1].metadata["flag"],
            parameter,
            **_type(*(hint for _, _, hint in owners)),
            default=None,
            help=_help({name: own for name, own, _ in owners}, side),
        )
        for parameter, owners in shared.items()
    ]
    return in_section("Reading" if side == "read_options" else "Writing", *options)


def chosen_options(side: Side, chosen: str, given: Mapping[str, Any], others: Collection[str] = ()) -> dict[str, Any]:
    """The options of the format `chosen` among all that were `given`.

    Raises `UsageError` for an option of a format that is neither this one nor among the `others` of the run.
    """
    options: dict[str, Any] = {}
    for name, field, _ in _fields(side):
        value = given.get(_parameter(field))
        if value is None:
            continue
        if name != chosen and any(_has(one, side, field) for one in (chosen, *others)):
            continue
        if name != chosen:
            verb = "reading" if side == "read_options" else "writing"
            owners = " or ".join(one for one in formats.names() if _has(one, side, field))
            raise UsageError(f"{field.metadata['flag']}: is for {verb} {owners}, but the format is {chosen}")
        options[field.name] = value
    return options


def _fields(side: Side) -> Iterator[tuple[str, Field[Any], Any]]:
    for name in formats.names():
        options = getattr(formats.load(name), side)
        hints = get_type_hints(options)
        for field in fields(options):
            yield name, field, hints[field.name]


def _has(format: str, side: Side, field: Field[Any]) -> bool:
    return any(_parameter(own) == _parameter(field) for own in fields(getattr(formats.load(format), side)))


def _parameter(field: Field[Any]) -> str:
    flag: str = field.metadata["flag"]
    return flag.removeprefix("--").replace("-", "_")


def _help(owners: Mapping[str, Field[Any]], side: Side) -> str:
    """The help of the option of the fields `owners` by format, with the layouts of each format that declares some."""
    (first, *_), text = owners, next(iter(owners.values())).metadata["help"]
    if "layouts" not in owners[first].metadata:
        return str(text)
    known = {name: layouts_of(getattr(formats.load(name), side)) for name in owners}
    lists = [f"{name}: {'; '.join(starmap('{} ({})'.format, known[name].items()))}." for name in owners]
    return " ".join([text, *lists])


def _type(hint: Any, *others: Any) -> dict[str, Any]:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not types.NoneType)
    if hint is bool:
        return {"is_flag": True}
    if get_origin(hint) is Literal:
        return {"type": click.Choice(list(dict.fromkeys(chain(get_args(hint), *map(get_args, others)))))}
    return {"type": hint}
