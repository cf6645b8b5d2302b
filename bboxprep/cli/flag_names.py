"""Messages in the words of the command line.

The floors below know parameters, not flags: a message names one as Python writes it, in backticks, such as
`overwrite=True` or `labels_in='stored'`. Here each becomes the flag of the command line that sets it. Of a name that an
option of a reader and one of a writer share, the writer's is `write(task='segment')`. A parameter that no command has
stays as it is.
"""

from __future__ import annotations

import re
import shlex
from ast import literal_eval
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import Literal

import click

from bboxprep import formats
from bboxprep.model.escaping import escaped

WITH_FORMAT = ("convert", "inspect", "review")  # the commands that have --from
_SOURCES = re.compile(r"`sources=(\[[^`]*\]|'[^`']*'|\"[^`\"]*\")(?:, format='(\w+)')?`")
_PARAMETER = re.compile(r"`([a-z]\w*)(?:=([^`]+))?`")
_WRITTEN = re.compile(r"`write\(([a-z]\w*)=([^`]+)\)`")


def with_flags(message: str, root: click.Command | None = None) -> str:
    """`message` with each parameter that a command has as its flag: `resume=True` is ``--resume``.

    The commands are those below `root`, by default of the command line that runs; without one, nothing changes.
    """
    if root is None and (context := click.get_current_context(silent=True)):
        root = context.find_root().command
    if root is None or "`" not in message:
        return message
    message = _WRITTEN.sub(partial(_flag, flags=_format_flags("write_options")), message)
    return _PARAMETER.sub(partial(_flag, flags=_flags(root)), message) if _PARAMETER.search(message) else message


def with_option(message: str, words: Sequence[str], root: click.Command) -> str:
    """`message` that begins with a parameter, as in ``group by: have ...``, with the flag in its place, if that stands
    among the `words` of the command.
    """
    name, colon, rest = message.partition(":")
    flag = _flags(root).get(name.replace(" ", "_"), "")
    return f"{flag}{colon}{rest}" if colon and flag in {word.partition("=")[0] for word in words} else message


def with_commands(message: str, words: Sequence[str], named: str) -> str:
    """`message` with each parameter ``sources`` as the command of these `words`, in which they stand for the source
    `named`, so that it can be pasted; ``format`` beside it is its option. Without such a word, nothing changes.
    """
    place = next((number for number, word in enumerate(words) if number and _same_path(word, named)), None)
    if place is None:
        return message
    before, after = words[:place], words[place + 1 :]
    return _SOURCES.sub(lambda found: _command(found, before, after), message)


def _command(found: re.Match[str], before: Sequence[str], after: Sequence[str]) -> str:
    sources = literal_eval(found[1])
    wanted = ["--from", found[2]] if found[2] else []
    if isinstance(sources, str):
        if wanted and before[0] not in WITH_FORMAT:
            return shlex.join(["bboxprep", "inspect", *wanted, sources])
        return shlex.join(["bboxprep", before[0], *wanted, *before[1:], sources, *after])
    if before[0] != "convert":  # the only one that takes several
        return shlex.join(["bboxprep", "convert", *sources, "DEST", "--to", "FORMAT"])
    return shlex.join(["bboxprep", *before, *sources, *after])


def _same_path(word: str, named: str) -> bool:
    return word == named or (not word.startswith("-") and Path(word).as_posix() == named)


def _flag(found: re.Match[str], flags: Mapping[str, str]) -> str:
    name, text = found[1], found[2]
    if text is None:
        return flags.get(name, found[0])
    try:
        value = literal_eval(text)
    except (SyntaxError, ValueError):
        return found[0]
    if value is False:
        return flags.get(f"no_{name}", found[0])
    if name not in flags:
        return found[0]
    if value is True:
        return flags[name]
    if isinstance(value, dict):
        pairs = (f"{escaped(str(key))}={escaped(str(other))}" for key, other in value.items())
        return " ".join(f"{flags[name]} {shlex.quote(pair)}" for pair in pairs)
    return f"{flags[name]} {shlex.quote(str(value))}"


@cache
def _flags(root: click.Command) -> dict[str, str]:
    """The flag of each parameter, by its name in Python: of all commands of `root`, and of what formats read and
    write."""
    found = {**_format_flags("write_options"), **_format_flags("read_options")}
    context = click.Context(root)
    names = root.list_commands(context) if isinstance(root, click.Group) else ()
    below = [root.get_command(context, name) for name in names] if isinstance(root, click.Group) else []
    for command in (root, *filter(None, below)):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name:
                found[parameter.name] = max(parameter.opts, key=len)
    return found


@cache
def _format_flags(side: Literal["read_options", "write_options"]) -> dict[str, str]:
    """The flag of each option of the readers or writers of all formats."""
    declared = [field for name in formats.names() for field in fields(getattr(formats.load(name), side))]
    return {field.name: field.metadata["flag"] for field in declared}
