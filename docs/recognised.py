"""The page ``what-is-recognised.md``, made of the tables that the program reads sources by (`docs.generated`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from bboxprep import formats
from bboxprep.formats.api import Format, ReadOptions
from bboxprep.formats.image_lookup import SPELLINGS
from bboxprep.images.container import NAMES
from bboxprep.io.archive_names import ARCHIVES
from bboxprep.io.paths import IMAGE_SUFFIXES
from bboxprep.model.splits import USUAL, WORDS

_INTRODUCTION = """\
# What is recognised

Made by `python -m docs.generated` from the tables that the program itself reads sources by.

Name a folder, an archive or a single label file. The folder may be too high: if one dataset lies below it, that one is
read and a note says which; if several do, each is named with the command that reads it. If there is none, the error
says what was looked for and what lies there. A folder that links lead to again is read once. If no
image of a dataset has labels, files below it that look like labels are named, with the place that they want."""

_FOLDERS = """\
A folder names a split if its name has one of these words, or if it stands where a folder of training images stands
(beside `images/train`). Case, numbers and punctuation do not count: `test-dev2017` is `test`. A document or a list of
another name is a split of that name; the only one of a source is `train`."""

_NAMES = """\
A name in the labels is first taken as it is. If no image has it, these differences are tried in this order, and the
one image that fits is taken with a note (`name-differs`). Where several fit, none is taken and all are named."""

_TEXT = """\
Text is UTF-8, UTF-16 or UTF-32, with or without a byte order mark; XML may declare any encoding that Python knows. For
text in another encoding, `--encoding` names it."""


def page() -> str:
    """The page, in Markdown."""
    sections = [
        _INTRODUCTION,
        "## Formats",
        *[_format(name, formats.load(name)) for name in formats.names()],
        "## Options of every format",
        options_table(ReadOptions),
        f"## Splits\n\n{_FOLDERS}",
        markdown_table(("split", "words"), ((split, ", ".join(_words(split))) for split in _splits())),
        f"## Names of images\n\n{_NAMES}",
        "\n".join(f"{number}. {words}" for number, words in enumerate(SPELLINGS, 1)),
        "## Images and archives",
        f"Images are recognised by their first bytes: {', '.join(NAMES.values())}.",
        f"Files are taken for images by their extension, in any case: {_codes(sorted(IMAGE_SUFFIXES))}.",
        f"Archives are read in place, and so is an archive with one top folder: {_codes(ARCHIVES)}.",
        f"## Text\n\n{_TEXT}",
    ]
    return "\n\n".join(sections) + "\n"


def _format(name: str, declared: Format) -> str:
    """The section of one format."""
    lines = [f"### {declared.title} (`{name}`)", f"Layouts: {declared.layout}."]
    if declared.label_place:
        lines.append(f"Labels are looked for {declared.label_place}.")
    own = options_table(declared.read_options, without=ReadOptions)
    return "\n\n".join([*lines, own] if own else lines)


def options_table(options: type[Any], without: type[Any] | None = None) -> str:
    """A table of the options of a reader or a writer, but for those of the class `without`; "" where there is none."""
    known = {field.name for field in fields(without)} if without else set()
    rows = [
        (f"`{field.metadata['flag']}`", field.metadata["help"]) for field in fields(options) if field.name not in known
    ]
    return markdown_table(("option", "meaning"), rows) if rows else ""


def markdown_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _splits() -> list[str]:
    return [*USUAL, *sorted(set(WORDS.values()) - set(USUAL))]


def _words(split: str) -> Iterator[str]:
    return (f"`{word}`" for word, meant in WORDS.items() if meant == split)


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
