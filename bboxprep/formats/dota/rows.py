"""Parses the rows of DOTA: ``x1 y1 x2 y2 x3 y3 x4 y4 class difficult``, in px, with blanks between.

The corners go around the object, clockwise as seen, and begin where its annotator began: at the head of a plane. They
are kept in their order, and need be no rectangle; their edges are those of our plane, and may lie outside of the image.
The box is the one around them.

The first lines may be a header (``imagesource:GoogleEarth``, ``gsd:0.14``, metres to the pixel). ``difficult`` is 0
where it is missing (DOTA 1.0 allows that), and 1 or 2 for what an evaluation leaves out: an attribute. A class name of
several words is one name. A row that cannot be parsed is a finding; the other rows are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite

import msgspec

from bboxprep.findings import Finding
from bboxprep.formats.dota.fields import HEADER
from bboxprep.model.validation import FARTHEST

_CORNERS = 8  # numbers of a row
_BLANKS = re.compile(r"[ \t]+")
_MOST_SHOWN = 40  # characters of a row in a message


class DotaRow(msgspec.Struct, frozen=True):
    """One object: x, y of four corners in px, its class, and how difficult it is."""

    corners: tuple[float, ...]
    name: str
    difficult: int


class DotaFile(msgspec.Struct, frozen=True):
    """The objects of a file, its header, and a finding without a path for each row that is left out."""

    rows: tuple[DotaRow, ...] = ()
    header: dict[str, str] = {}
    findings: tuple[Finding, ...] = ()

    @property
    def source_count(self) -> int:
        """The rows of the file."""
        return len(self.rows) + sum(finding.objects for finding in self.findings)


class _Unusable(Exception):
    """A row that is left out: the code and the message of its finding, and the name of its class."""

    def __init__(self, code: str, problem: str, name: str = "") -> None:
        super().__init__(code, problem, name)
        self.code, self.problem, self.name = code, problem, name


def parse(text: str) -> DotaFile:
    """The rows of `text`."""
    rows, findings, header = list[DotaRow](), list[Finding](), dict[str, str]()
    for number, line in enumerate(text.splitlines(), 1):
        words = _BLANKS.split(line.strip())
        if words == [""]:
            continue
        key, colon, value = line.strip().partition(":")
        if colon and not rows and not findings and key.strip().lower() in HEADER:
            header[key.strip().lower()] = value.strip()
            continue
        try:
            rows.append(_row(words))
        except _Unusable as error:
            where = f"line {number}"
            findings.append(Finding(error.code, error.problem, where=where, objects=1, category=error.name))
    return DotaFile(tuple(rows), header, tuple(findings))


def name_of(words: Sequence[str]) -> tuple[str, int]:
    """The class that the `words` after the corners name, and how difficult the object is."""
    last = words[-1]
    states = len(words) > 1 and last.isascii() and last.isdecimal() and len(last) < _MOST_SHOWN
    return " ".join(words[:-1] if states else words), int(last) if states else 0


def _row(words: Sequence[str]) -> DotaRow:
    """The object that the `words` of a line state. Raises `_Unusable`."""
    if len(words) <= _CORNERS:
        shown = " ".join(words)[:_MOST_SHOWN]
        raise _Unusable("record-unreadable", f"have {shown!r}, want eight numbers, a class and 0 or 1")
    name, difficult = name_of(words[_CORNERS:])
    try:
        corners = tuple(map(float, words[:_CORNERS]))
    except ValueError:
        raise _Unusable(
            "record-unreadable", f"have {' '.join(words)[:_MOST_SHOWN]!r}, want eight numbers first"
        ) from None
    if any("_" in word for word in words[:_CORNERS]):  # Python parses 1_000 as a number
        raise _Unusable("record-unreadable", f"have {' '.join(words)[:_MOST_SHOWN]!r}, want eight numbers first")
    if not all(isfinite(value) and abs(value) < FARTHEST for value in corners):
        raise _Unusable("box-not-finite", f"want finite numbers below {FARTHEST:g}", name)
    return DotaRow(corners, name, difficult)
