"""COCO's JSON, read leniently: one bad record never costs the file.

The file is parsed once to find where each record lies; the records stay slices of its bytes (`msgspec.Raw`) until
they are asked for, because a million annotations as Python objects would not fit where their text does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bboxprep.errors import AnnotationError

Key = int | str  # an id as records refer to it: a whole number however it is spelt, else its text
T = TypeVar("T")

_LISTS = ("images", "annotations", "categories")
_INT64 = 2**63
_STRING_OR_BARE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\b(?:NaN|Infinity)\b', re.DOTALL)


class BadJson(Exception):
    """Bytes that are not the JSON that was wanted, and why; its catchers in this folder know the file and place."""


@dataclass(frozen=True, eq=False)
class Document:
    """One annotation file: its three lists as undecoded records, and all else it says (`extra`)."""

    path: Path
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[msgspec.Raw]
    extra: Mapping[str, Any]


def load(path: Path) -> Document:
    """The document at `path`. Raises `AnnotationError` where it cannot be read or holds something else than boxes."""
    members = _members(path)
    if "images" not in members:
        raise AnnotationError(
            path, "images", f"missing (have {', '.join(members) or 'nothing'}, want a list of images)"
        )
    images, annotations, categories = (_records(path, name, members) for name in _LISTS)
    if kind := _other_kind(annotations):
        raise AnnotationError(
            path, "annotations[0]", f"have {kind}, want boxes (COCO calls that file instances_*.json)"
        )
    extra = {name: _value(path, name, raw) for name, raw in members.items() if name not in _LISTS}
    return Document(path, images, annotations, categories, extra)


def decode(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """`data` as `kind`. Raises `BadJson`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadJson(str(error)) from error
    except RecursionError as error:
        raise BadJson("nested too deeply") from error


def number(value: object) -> float | None:
    """`value` as a float, also where it is spelt as text; None where it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
    except OverflowError:
        return float("inf")


def numbers(values: object) -> list[float] | None:
    """`values` as floats; None where they are not a list of numbers."""
    if not isinstance(values, list):
        return None
    found = [number(value) for value in values]
    return None if None in found else [value for value in found if value is not None]


def whole(value: object) -> int | None:
    """`value` as a whole number of 64 bits, however it is spelt; None where it is not one."""
    known = key(value)
    return known if isinstance(known, int) and -_INT64 <= known < _INT64 else None


def key(value: object) -> Key | None:
    """`value` as an id: 7, 7.0 and "007" are the same one; None where it cannot be an id."""
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


def brief(value: object) -> str:
    """`value` as a message shows it, cut to a short line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _members(path: Path) -> dict[str, msgspec.Raw]:
    data = _bytes(path)
    try:
        return decode(data, dict[str, msgspec.Raw])
    except BadJson as error:
        quoted = _quote_bare_tokens(data)
        if quoted == data:
            raise _fault(path, data, str(error)) from error
    try:
        return decode(quoted, dict[str, msgspec.Raw])
    except BadJson as error:
        raise _fault(path, quoted, str(error)) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise AnnotationError(path, "", f"cannot be read ({error.strerror or error})") from error


def _quote_bare_tokens(data: bytes) -> bytes:
    """`data` with NaN and Infinity as text, which `number` understands: Python writes them, JSON has no such thing."""
    if b"NaN" not in data and b"Infinity" not in data:
        return data
    return _STRING_OR_BARE.sub(lambda found: found[0] if found[0][:1] == b'"' else b'"%b"' % found[0], data)


def _fault(path: Path, data: bytes, problem: str) -> AnnotationError:
    start = data[:4096].strip()
    if not start:
        return AnnotationError(path, "", "the file is empty (want a COCO document)")
    if problem.startswith("Expected `object`"):
        results = start.startswith(b"[") and b'"image_id"' in start
        have = "a list of results, which names no images or classes" if results else "another kind of JSON"
        return AnnotationError(path, "", f"have {have}; want an object with images, annotations and categories")
    at = re.search(r" \(byte (\d+)\)$", problem)
    offset = int(at[1]) if at else len(data)
    line = data.count(b"\n", 0, offset) + 1
    column = offset - data.rfind(b"\n", 0, offset)
    words = problem[: at.start()] if at else problem
    return AnnotationError(path, f"line {line}, column {column}", f"not JSON ({words})")


def _records(path: Path, name: str, members: Mapping[str, msgspec.Raw]) -> list[msgspec.Raw]:
    if name not in members or bytes(members[name]) == b"null":
        return []
    try:
        return decode(members[name], list[msgspec.Raw])
    except BadJson as error:
        raise AnnotationError(path, name, f"want a list ({error})") from error


def _value(path: Path, name: str, raw: msgspec.Raw) -> object:
    try:
        return decode(raw, object)
    except BadJson as error:
        raise AnnotationError(path, name, f"cannot be read ({error})") from error


def _other_kind(annotations: list[msgspec.Raw]) -> str:
    """What COCO calls these records where they are no boxes; "" where they may be."""
    try:
        first = decode(annotations[0], dict[str, msgspec.Raw]) if annotations else {}
    except BadJson:
        return ""
    if "segments_info" in first:
        return "panoptic segments"
    return "captions" if "caption" in first and not first.keys() & {"bbox", "segmentation"} else ""
