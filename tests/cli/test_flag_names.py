"""Messages say parameters below the command line, and flags on it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

import bboxprep
from bboxprep import formats
from bboxprep.cli import commands
from bboxprep.cli.flag_names import WITH_FORMAT, with_commands, with_flags

PACKAGE = Path(bboxprep.__file__).parent
FLAG = re.compile(r"(?<![\w-])--[a-z]")
MARK = re.compile(r"`([a-z]\w*)(=|`)")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("is there; `overwrite=True` replaces it", "is there; --overwrite replaces it"),
        ("`sidecar=False` writes none", "--no-sidecar writes none"),
        ("say which with `labels_in='stored'`", "say which with --labels-in stored"),
        ("say which it is with `origin`", "say which it is with --voc-origin"),
        ("want `workers=1`, no cluster", "want --workers 1, no cluster"),
        ("if they are one: `rename={'a b,c': 'C=c'}`", "if they are one: --rename 'a b\\,c=C\\=c'"),
        ("read it with `task='obb'`", "read it with --yolo-task obb"),
        ("`write(task='segment')` or `write(float_=True)`", "--yolo-out segment or --voc-float"),
        ("`nobody_knows=1` and `nobody_knows` stay", "`nobody_knows=1` and `nobody_knows` stay"),
        ("a class `cat` of its own, `x=[`", "a class `cat` of its own, `x=[`"),
        ("nothing to translate", "nothing to translate"),
    ],
)
def test_a_parameter_becomes_the_flag_that_sets_it(message: str, said: str) -> None:
    assert with_flags(message, commands) == said
    assert with_flags(message) == message  # without a command line


def literals(source: str) -> Iterator[str]:
    """The text of each string of `source` that is no docstring, the values of f-strings left out."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def below_the_command_line() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in ("cli", "testing", "__main__.py"):
            yield from ((path, text) for text in literals(path.read_text(encoding="utf-8")))


def declared(text: str) -> bool:
    """Whether `text` is the flag that an option of a format declares, or the prefix of one."""
    return re.fullmatch(r"--[a-z-]*", text) is not None


def test_no_message_below_the_command_line_names_a_flag() -> None:
    found = [(path.name, text) for path, text in below_the_command_line() if FLAG.search(text) and not declared(text)]
    assert not found


def test_each_parameter_that_a_message_names_has_a_flag() -> None:
    named = {mark[1] for _, text in below_the_command_line() for mark in MARK.finditer(text)}
    assert len(named) > 10
    assert with_commands("`sources='b'`", ("inspect", "a"), "a") == "bboxprep inspect b"
    assert {name for name in named if not with_flags(f"`{name}`", commands).startswith("--")} <= {
        "object",
        "sidecar",
        "recipe",
        "sources",  # of which a command is made
    }


def test_the_commands_that_take_a_format_are_known() -> None:
    context = click.Context(commands)
    listed = [(name, commands.get_command(context, name)) for name in commands.list_commands(context)]
    found = {name for name, command in listed if command and any("--from" in one.opts for one in command.params)}
    assert found == set(WITH_FORMAT)


def test_a_flag_in_a_message_is_found_and_a_docstring_is_none() -> None:
    source = 'def f() -> str:\n    """Say --help."""\n    return f"use --overwrite {1}"\n'
    assert list(literals(source)) == ["use --overwrite "]
    assert FLAG.search("use --overwrite ")


def test_each_option_that_a_fault_of_conventions_names_is_a_flag_of_its_format() -> None:
    said = {
        (name, with_flags(cure, commands)) for name in formats.names() for _, cure in formats.load(name).conventions
    }
    flags = {
        name: {one.metadata["flag"] for one in fields(formats.load(name).read_options)} for name in formats.names()
    }
    assert len(said) > 5
    assert not [(name, words) for name, words in said if words.split()[0] not in flags[name]]
