"""Where records and values end in a part of a JSON text, found without decoding it."""

from __future__ import annotations

import re
from collections.abc import Iterator

BOUNDARY = re.compile(rb"\}\s*,\s*\{")
"""What is between two records of a list, with their own brackets."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},"]', re.DOTALL)
_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}"]', re.DOTALL)


def ends_of_records(data: bytes) -> Iterator[int]:
    """Candidates for the end of the last complete record of a window: the last ``},{``, the end of the window, and the
    end found by matching brackets, which is slower.
    """
    place = data.rfind(b"{")
    for _ in range(8):  # ``},{`` inside a record is rare, so few tries are enough
        if place <= 0:
            break
        found = BOUNDARY.search(data, max(0, data.rfind(b"}", 0, place)), place + 1)
        if found:
            yield found.start() + 1
        place = data.rfind(b"{", 0, place)
    yield len(data)
    yield from _end_of_records(data)


def _end_of_records(data: bytes) -> Iterator[int]:
    """The end of the last complete record by matching brackets, if there is one."""
    depth, end = 0, 0
    for found in _BRACKET.finditer(data):
        token = found[0]
        if token == b'"':  # a string that ends beyond the window
            break
        depth += (token in b"[{") - (token in b"]}")
        if depth == 0 and token in b"]}":
            end = found.end()
    if end:
        yield end


def end_of_value(data: bytes) -> int:
    """The end of the JSON value at the start of `data`; -1 if it lies beyond `data`."""
    depth = 0
    for found in _TOKEN.finditer(data):
        token = found[0]
        if token in b"[{":
            depth += 1
        elif token in b"]},":
            if depth == 0:
                return found.start()
            depth -= token != b","
            if depth == 0 and token != b",":
                return found.end()
        elif token == b'"':  # a string that ends beyond the window
            break
    return -1
