"""The flags of classes and splits: which class table an output has, and how its images are split anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bboxprep.cli.options import Decorator, in_section
from bboxprep.errors import UsageError
from bboxprep.formats.yolo.class_lists import LIST_SUFFIXES, read_class_list
from bboxprep.io.text import read_text
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.escaping import split_names, split_pair
from bboxprep.pipeline.source.split import SplitPolicy

_MOST_BYTES = 1 << 24  # of a file of new names

class_options: Decorator = in_section(
    "Classes and splits",
    click.option(
        "--rename",
        multiple=True,
        metavar="OLD=NEW|FILE",
        help="Give a class another name, or those that a file lists, one OLD=NEW a line; classes that then have one "
        "name become one. Can be repeated. In names, a "
        r"comma is written \, and an equals sign \=.",
    ),
    click.option("--only", multiple=True, metavar="A,B", help="Keep the objects of these classes. Can be repeated."),
    click.option(
        "--drop-class", "drop", multiple=True, metavar="A,B", help="Leave these classes out. Can be repeated."
    ),
    click.option(
        "--classes",
        multiple=True,
        metavar="A,B|FILE",
        help="The class table in exactly this order: names, or a file of them (one a line, or a data.yaml). A class "
        "that has objects and is not listed is an error. Acts after --rename, --only and --drop-class.",
    ),
)


split_options: Decorator = in_section(
    "Classes and splits",
    click.option(
        "--split",
        metavar="NAME=SHARE,...",
        help="Split all images anew, as in train=0.8,val=0.2, by a hash of their names: adding images moves none.",
    ),
    click.option(
        "--fold",
        metavar="I/K",
        help="Make part I of K equal parts val and all others train, as for cross validation; test stays test.",
    ),
    click.option(
        "--stratify",
        is_flag=True,
        help="Let --split or --fold give every class its share of images in each split; added images can move others.",
    ),
    click.option(
        "--group-by",
        metavar="file|folder|near|regex:PATTERN|exif-time[:SECONDS]",
        help="What --split and --fold keep together: images of one name (file, the default), of one folder, that look "
        "alike (near), of one first group of a pattern in their names, or photos that one camera took within SECONDS "
        "(60) of each other. With near and exif-time an added image can join two groups, which may move one of them.",
    ),
)


def class_rules(given: Mapping[str, Any]) -> ClassPolicy:
    """The rules that were given. Raises `UsageError`, and `AnnotationError` for a file of names that cannot be read."""
    rename: dict[str, str] = {}
    for pair in (pair for text in given["rename"] for pair in _renames(text)):
        old, new = split_pair(pair)
        if rename.setdefault(old, new) != new:
            raise UsageError(f"rename: have {old!r} as {rename[old]!r} and as {new!r}, want one new name")
    return ClassPolicy(
        rename=rename,
        only=listed_names(given["only"]),
        drop=listed_names(given["drop"]),
        classes=_listed(given["classes"]) if given["classes"] else None,
    )


def _renames(text: str) -> list[str]:
    """The pairs of `text`: those of the lines of a file, without blank lines and comments (#), or `text` itself."""
    if "=" in text or not _is_file(text):
        return [text]
    lines = read_text(Path(text), _MOST_BYTES).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def listed_names(texts: Sequence[str]) -> tuple[str, ...]:
    """The names that all `texts` list, each once."""
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


def split_rule(given: Mapping[str, Any]) -> SplitPolicy | None:
    """The rule that was given, None where images stay in their splits. Raises `UsageError`."""
    group_by, how = given["group_by"] or "file", {"stratify": given["stratify"]}
    if given["split"] is not None and given["fold"] is not None:
        raise UsageError("fold: have --fold beside --split, want one of them")
    if given["split"] is not None:
        return SplitPolicy.parse(given["split"], group_by, **how)
    if given["fold"] is not None:
        return SplitPolicy.of_fold(given["fold"], group_by, **how)
    if given["group_by"] is not None:
        raise UsageError("--group-by: says what --split keeps together, but there is no --split")
    if given["stratify"]:
        raise UsageError("--stratify: says how --split divides, but there is no --split or --fold")
    return None
