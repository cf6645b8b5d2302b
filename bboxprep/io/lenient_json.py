"""Lenient decoding of the JSON of strangers: numbers as text, ids of several types, and the tokens NaN and Infinity."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

Key = int | str  # an id: an int if it is a whole number of any spelling, else its text
T = TypeVar("T")

_INT64 = 2**63
# A whole JSON string (possessive, with escapes), or a bare NaN, Infinity or -Infinity outside of strings. Strings match
# first, so that a class called "NaN" is never changed.
_STRING_OR_BARE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\b(?:NaN|Infinity)\b', re.DOTALL)


class BadJson(Exception):
    """Bytes that are not valid JSON of the wanted type. Internal: callers turn it into an error with file and place."""


def decode(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """`data` decoded as the type `kind`. Raises `BadJson`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadJson(str(error)) from error
    except RecursionError as error:
        raise BadJson("nested too deeply") from error


def decode_with_nan(data: bytes, kind: type[T], written: Callable[[bytes], bytes]) -> T:
    """`data` decoded as the type `kind`, with NaN and Infinity in the form that `written` (`as_text_tokens` or
    `as_long_tokens`) gives them; data without them, as nearly all is, is not searched. Raises `BadJson`.
    """
    try:
        return decode(data, kind)
    except BadJson:
        changed = written(data)
        if changed == data:
            raise
    return decode(changed, kind)


def number(value: object) -> float | None:
    """`value`, a number or its text, as a float; None if it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
    except OverflowError:
        return float("inf")


def numbers(values: object) -> list[float] | None:
    """`values` as floats; None if they are not a list of numbers."""
    if not isinstance(values, list):
        return None
    found = [number(value) for value in values]
    return None if None in found else [value for value in found if value is not None]


def whole(value: object) -> int | None:
    """`value` as an int of 64 bits with sign, from a number or its text; None if it is not one."""
    known = key(value)
    return known if isinstance(known, int) and -_INT64 <= known < _INT64 else None


def key(value: object) -> Key | None:
    """`value` as an id: 7, 7.0 and "007" are the same id; None if it cannot be an id."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 1000 else text


def excerpt(value: object) -> str:
    """`value` as text for a message, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def as_text_tokens(data: bytes) -> bytes:
    """`data` with bare NaN and Infinity as JSON strings, which `number` parses: Python writes them, JSON forbids it."""
    return _bare_as(data, lambda found: b'"%b"' % found)


def as_long_tokens(data: bytes) -> bytes:
    """`data` with bare NaN and Infinity as JSON strings of the same length, so that no byte moves.

    The two quotes replace the last two letters: ``NaN`` becomes ``"N"``, which is no longer a number, but well-formed.
    """
    return _bare_as(data, lambda found: b'"%b"' % found[:-2])


def _bare_as(data: bytes, written: Callable[[bytes], bytes]) -> bytes:
    if b"NaN" not in data and b"Infinity" not in data:
        return data
    return _STRING_OR_BARE.sub(lambda found: found[0] if found[0][:1] == b'"' else written(found[0]), data)


def what_follows(problem: str) -> int:
    """The byte, counted from 1, of the first text after a complete value, if that is the `problem`; 0 for others."""
    found = re.search(r"trailing characters \(byte (\d+)\)$", problem)
    return int(found[1]) if found else 0


def line_and_column(data: bytes, problem: str) -> tuple[str, str]:
    """The place of the `problem` of msgspec in `data`, "line L, column C" from 1, and its message without the byte."""
    at = re.search(r" \(byte (\d+)\)$", problem)
    offset = int(at[1]) if at else len(data)
    line = data.count(b"\n", 0, offset) + 1
    column = offset - data.rfind(b"\n", 0, offset)
    return f"line {line}, column {column}", problem[: at.start()] if at else problem
