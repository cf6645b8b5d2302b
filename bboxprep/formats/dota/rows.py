"""Parses the rows of DOTA: ``x1 y1 x2 y2 x3 y3 x4 y4 class difficult``, in px, with blanks between.

The corners go around the object, clockwise as seen, and begin where its annotator began: at the head of a plane. They
are kept in their order, and need be no rectangle; their edges are those of our plane, and may lie outside of the image.
The box is the one around them.

The first lines may be a header (``imagesource:GoogleEarth``, ``gsd:0.14``, metres to the pixel). ``difficult`` is 0
where it is missing (DOTA 1.0 allows that), and 1 or 2 for what an evaluation leaves out: an attribute. A class name of
several words is one name. A row that cannot be parsed is a finding; the other rows are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec

from bboxprep.formats import stem_pairs
from bboxprep.formats.dota.fields import HEADER
from bboxprep.model.validation import FARTHEST

_CORNERS = 8  # numbers of a row
_MOST_SHOWN = 40  # characters of a row in a message


class DotaRow(msgspec.Struct, frozen=True):
    """One object: x, y of four corners in px, its class, and how difficult it is."""

    corners: tuple[float, ...]
    name: str
    difficult: int


class DotaFile(stem_pairs.LabelRows[DotaRow], frozen=True):
    """The objects of a file and its header."""

    header: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def extra(self) -> Mapping[str, Any]:
        """The header, as `Sample.extra`."""
        return {"dota": self.header} if self.header else {}


def parse(text: str) -> DotaFile:
    """The rows of `text`."""
    lines, header = text.splitlines(), dict[str, str]()
    for number, line in enumerate(lines):
        key, colon, value = line.strip().partition(":")
        if colon and key.strip().lower() in HEADER:
            header[key.strip().lower()], lines[number] = value.strip(), ""
        elif line.strip():
            break
    return DotaFile(*stem_pairs.parse_lines(lines, _row), header)


def name_of(words: Sequence[str]) -> tuple[str, int]:
    """The class that the `words` after the corners name, and how difficult the object is."""
    last = words[-1]
    states = len(words) > 1 and last.isascii() and last.isdecimal() and len(last) < _MOST_SHOWN
    return " ".join(words[:-1] if states else words), int(last) if states else 0


def _row(words: Sequence[str]) -> DotaRow:
    """The object that the `words` of a line state. Raises `UnusableRow`."""
    if len(words) <= _CORNERS:
        shown = " ".join(words)[:_MOST_SHOWN]
        raise stem_pairs.UnusableRow("record-unreadable", f"have {shown!r}, want eight numbers, a class and 0 or 1")
    name, difficult = name_of(words[_CORNERS:])
    try:
        corners = tuple(map(float, words[:_CORNERS]))
    except ValueError:
        raise stem_pairs.UnusableRow(
            "record-unreadable", f"have {' '.join(words)[:_MOST_SHOWN]!r}, want eight numbers first"
        ) from None
    if any("_" in word for word in words[:_CORNERS]):  # Python parses 1_000 as a number
        shown = " ".join(words)[:_MOST_SHOWN]
        raise stem_pairs.UnusableRow("record-unreadable", f"have {shown!r}, want eight numbers first")
    if not all(isfinite(value) and abs(value) < FARTHEST for value in corners):
        raise stem_pairs.UnusableRow("box-not-finite", f"want finite numbers below {FARTHEST:g}", name)
    return DotaRow(corners, name, difficult)
