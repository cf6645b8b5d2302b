"""Parses and writes the corners of boxes as text: numbers of pixels that may count from 0 or 1 (`formats.origin`)."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from functools import lru_cache
from typing import NamedTuple

from bboxprep.model.validation import FARTHEST

_LONGEST_NUMBER = 400  # characters; the longest coordinate, 2.2250738585072014e-308, takes 326
_EXACT = Context(prec=_LONGEST_NUMBER, traps=[])  # plus and minus 1 are exact for every coordinate; nothing raises
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?|nan|inf(?:inity)?)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,(?![0-9]{3}$)[0-9]+")  # 1,234 may be a thousand, so it is refused


class Corner(NamedTuple):
    """A number of a box, infinite from `FARTHEST` on; that number - 1, rounded once; and how it is written: with
    `decimals`, and whether it had to be `repaired` (a decimal comma).
    """

    value: float
    less_one: float
    decimals: bool
    repaired: bool


@lru_cache(maxsize=1 << 14)  # a dataset has few different numbers, most of them whole
def parse_corner(text: str) -> Corner:
    """The number in `text`. Raises ValueError."""
    number, repaired = _parse_number(text)
    return Corner(_whole(float(number)), _whole(less_one(number)), "." in text, repaired)


def _parse_number(text: str) -> tuple[Decimal, bool]:
    word = text.strip()
    repaired = _DECIMAL_COMMA.fullmatch(word) is not None
    plain = word.replace(",", ".") if repaired else word
    if len(plain) > _LONGEST_NUMBER or not _NUMBER.fullmatch(plain):
        raise ValueError(f"have {word[:40]!r}, want a number")
    number = _EXACT.create_decimal(plain)
    within = number.is_nan() or number.copy_abs() < FARTHEST
    return (number if within else Decimal("Infinity").copy_sign(number)), repaired


def _whole(value: float) -> float:
    """`value`, as an int where it is whole, which takes a third of the bytes when packed."""
    return int(value) if value.is_integer() else value


def less_one(number: Decimal) -> float:
    """`number` - 1, rounded once: the inverse of `one_more`."""
    return float(_EXACT.subtract(number, Decimal(1)))


def one_more(value: float) -> str:
    """The shortest text of `value` + 1, without an exponent."""
    return _spell(_EXACT.add(Decimal(repr(value)), Decimal(1)))


def shortest(value: float) -> str:
    """The shortest text that reads back as `value`, without an exponent."""
    return _spell(Decimal(repr(value)))


def _spell(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
