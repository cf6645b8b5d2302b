"""The options that change the class table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bboxprep.cli.stacking import Decorator, stacked
from bboxprep.errors import UsageError
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.words import split_names, split_pair
from bboxprep.pipeline.source.class_list import LIST_SUFFIXES, read_class_list

class_options: Decorator = stacked(
    click.option(
        "--rename",
        multiple=True,
        metavar="OLD=NEW",
        help="Give a class another name; classes that then have one name become one. Can be repeated. In names, a "
        r"comma is written \, and an equals sign \=.",
    ),
    click.option("--only", multiple=True, metavar="A,B", help="Keep the objects of these classes. Can be repeated."),
    click.option("--drop-class", multiple=True, metavar="A,B", help="Leave these classes out. Can be repeated."),
    click.option(
        "--classes",
        multiple=True,
        metavar="A,B|FILE",
        help="The class table in exactly this order: names, or a file of them (one a line, or a data.yaml). A class "
        "that has objects and is not listed is an error. Acts after --rename, --only and --drop-class.",
    ),
)


def class_rules(given: Mapping[str, Any]) -> ClassPolicy:
    """The rules that were given. Raises `UsageError`, and `AnnotationError` for a file of names that cannot be read."""
    rename: dict[str, str] = {}
    for text in given["rename"]:
        old, new = split_pair(text)
        if rename.setdefault(old, new) != new:
            raise UsageError(f"rename: have {old!r} as {rename[old]!r} and as {new!r}, want one new name")
    return ClassPolicy(
        rename=rename,
        only=_names(given["only"]),
        drop=_names(given["drop_class"]),
        classes=_listed(given["classes"]) if given["classes"] else None,
    )


def _names(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for text in texts for name in split_names(text)))


def _listed(texts: Sequence[str]) -> tuple[str, ...]:
    """The names of each text in turn, which is a file of them or states them."""
    return tuple(
        name for text in texts for name in (read_class_list(Path(text)) if _is_file(text) else split_names(text))
    )


def _is_file(text: str) -> bool:
    try:
        return Path(text).suffix.lower() in LIST_SUFFIXES or Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL
        return False
