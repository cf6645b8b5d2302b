"""Parses the rows of KITTI: ``type truncated occluded alpha left top right bottom h w l x y z rotation_y [score]``.

The box is in px from 0 at the left and upper edge of the image. The columns after it describe the object in the world,
as the camera sees it; they become attributes (`fields.ATTRIBUTES`) where they are known. Labels of boxes alone, as TAO
has them, state 0 or -1 for all of them.

The type is one word in KITTI's own files. One of several words is read, since its numbers are found from the right.
``DontCare`` is a region whose objects are not labelled: a crowd region of that class. In files of `writer` its alpha
may be -11 less the number of another class. A row that cannot be parsed is a finding; the other rows are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf, isfinite, nan
from typing import Any

import msgspec

from bboxprep.formats import stem_pairs
from bboxprep.formats.kitti import fields
from bboxprep.model.short_text import shortened
from bboxprep.model.validation import FARTHEST

FIRST_CLASS = -11.0
"""The alpha of a `DontCare` region of the first class of the table."""

_MOST_SHOWN = 40  # characters of a row in a message
_NO_ALPHA = (0.0, -1.0, fields.NO_ANGLE)  # what tools write where they know no angle


class KittiRow(msgspec.Struct, frozen=True):
    """One object: its class, its box x0 y0 x1 y1 in px, whether it is a region to ignore, its score (NaN for none), and
    its attributes.
    """

    name: str
    box: tuple[float, float, float, float]
    crowd: bool = False
    score: float = nan
    attributes: Mapping[str, Any] = {}


def one_word(name: str) -> str:
    """The class `name` as a row states it: blanks in it are ``_``."""
    return "_".join(name.split())


def parse(text: str, table: Sequence[str] = ()) -> stem_pairs.LabelRows[KittiRow]:
    """The rows of `text`, whose classes are those of `table` where that has them, with blanks or without."""
    spelled = {one_word(name): name for name in reversed(table)} | dict(zip(table, table, strict=True))
    row = partial(_row, table=table, spelled=spelled)
    return stem_pairs.LabelRows(*stem_pairs.parse_lines(text.splitlines(), row))


def _row(words: Sequence[str], table: Sequence[str], spelled: Mapping[str, str]) -> KittiRow:
    """The object that the `words` of a line state. Raises `UnusableRow`."""
    has_score = len(words) > fields.NUMBERS + 1 and all(
        _number(word) is not None for word in words[-fields.NUMBERS - 1 :]
    )
    count = fields.NUMBERS + has_score
    numbers = [_number(word) for word in words[-count:]]
    stated = [number for number in numbers if number is not None]
    if len(words) <= fields.NUMBERS or len(stated) < count:
        shown = shortened(" ".join(words), _MOST_SHOWN)
        raise stem_pairs.UnusableRow("record-unreadable", f"have {shown!r}, want a class and 14 or 15 numbers")
    name = " ".join(words[:-count])
    name = spelled.get(name, name)
    box = stated[3], stated[4], stated[5], stated[6]
    if not all(isfinite(edge) and abs(edge) < FARTHEST for edge in box):
        raise stem_pairs.UnusableRow("box-not-finite", f"want finite numbers below {FARTHEST:g}", name)
    score = stated[fields.NUMBERS] if has_score else nan
    if name == fields.DONT_CARE:
        return KittiRow(_class_of_region(stated[2], table), box, crowd=True, score=score)
    return KittiRow(name, box, score=score, attributes=_attributes(stated))


def _number(word: str) -> float | None:
    """`word` as a number; None where it is none."""
    try:
        return float(word) if "_" not in word else None  # Python parses 1_000 as a number
    except ValueError:
        return None


def _class_of_region(alpha: float, table: Sequence[str]) -> str:
    """The class of a `DontCare` region, by its `alpha`."""
    number = FIRST_CLASS - alpha
    return table[int(number)] if number.is_integer() and 0 <= number < len(table) else fields.DONT_CARE


def _attributes(numbers: Sequence[float]) -> dict[str, Any]:
    """The attributes that the `numbers` of a row state; none for what is unknown."""
    truncated, occluded, alpha = (number if isfinite(number) else 0.0 for number in numbers[:3])
    sides, place, turn = numbers[7:10], numbers[10:13], numbers[13]
    found: dict[str, Any] = {}
    if truncated > 0:
        found[fields.TRUNCATED] = truncated
    if occluded > 0:
        found[fields.OCCLUDED] = int(occluded) if occluded.is_integer() else occluded
    is_known = all(0 < side < inf for side in sides) and all(map(isfinite, (*place, turn)))
    if is_known or alpha not in _NO_ALPHA:
        found[fields.ALPHA] = alpha
    if is_known:
        found |= {fields.DIMENSIONS: list(sides), fields.LOCATION: list(place), fields.ROTATION: turn}
    return found
