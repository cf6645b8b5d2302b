"""``labelmap.txt`` of CVAT and Datumaro: a class on each line, as ``name:color:parts:actions``, with ``#`` before
comments and the class ``background`` of masks, which no box has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

LABELMAP = "labelmap.txt"
BACKGROUND = "background"


def labelmap_names(text: str) -> Iterator[str]:
    """The class names in the `text` of a labelmap, in its order."""
    yield from (name for line in _lines(text) if (name := _without_fields(line)))


def is_labelmap_name(name: str) -> bool:
    """Whether a line of a labelmap can hold the class `name`: no comment, and not the background."""
    return list(labelmap_names(f"{name}:::")) == [name] and name != BACKGROUND


def labelmap_lines(names: Sequence[str]) -> list[str]:
    """The lines of a labelmap of classes that have no colours, parts and actions."""
    return ["# label:color_rgb:parts:actions", *(f"{name}:::" for name in names)]


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in text.split("\n") if not line.strip().startswith("#"))


def _without_fields(line: str) -> str:
    """The name in a line ``name:color:parts:actions``; a name may have colons of its own."""
    return ":".join(line.split(":")[:-3]).strip() if line.count(":") >= 3 else line
