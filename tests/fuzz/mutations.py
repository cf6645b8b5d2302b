"""Changes that leave a file nearly what it was, so that what is wrong with it is found deep inside a reader.

JSON and XML are changed as the trees they are: what a fuzzer of bytes makes of them is hardly ever either.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree

_VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 2, 0.5, 1e9, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, 10**30, "", "7", "x" * 300, "\0"),
    *([], {}, [[]], [0, 0], [1.5] * 6, [float("nan")] * 4, float("nan"), float("inf"), "../a", "/a", "C:a", "é\ud800"),
)
_TEXTS = (
    "",
    "NaN",
    "-inf",
    "1e308",
    "1,5",
    "1,234",
    "-0",
    "0",
    "9" * 70,
    " 7 ",
    "x",
    "1e-999",
    "[1]",
    '{"a":NaN}',
    "null",
)
_TOKEN = re.compile(rb"<[^<>]*>|[\w.+-]+|\s+|.", re.DOTALL)

Place = tuple[Any, Any]  # a list or a map, and an index or key of it


def mutated(data: bytes, words: Sequence[bytes], chance: random.Random) -> bytes:
    """`data` with one to four changes, the same for the same state of `chance`."""
    for _ in range(chance.randint(1, 4)):
        first = data.lstrip()[:1] if chance.random() < 0.7 else b""
        if first in (b"{", b"["):
            data = _tree(data, chance)
        elif first == b"<":
            data = _elements(data, chance)
        else:
            data = _tokens(data, words, chance) if chance.random() < 0.8 else _bytes(data, chance)
    return data


def _tree(data: bytes, chance: random.Random) -> bytes:
    """Some line of `data` changed as JSON; its bytes, where it is none."""
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    try:
        root = json.loads(lines[at])
    except (ValueError, RecursionError):
        return _bytes(data, chance)
    places = list(_places(root))
    if not places:
        return _bytes(data, chance)
    _change(*chance.choice(places), chance, places)
    lines[at] = json.dumps(root).encode("ascii")
    return b"\n".join(lines)


def _places(value: Any) -> Iterator[Place]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(inner):
        yield value, key
        yield from _places(child)


def _change(holder: Any, key: Any, chance: random.Random, places: Sequence[Place]) -> None:
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(holder[key])))
        case 2:
            other, place = chance.choice(places)
            holder[key] = json.loads(json.dumps(other[place]))
        case 3 if isinstance(holder[key], int | float):
            holder[key] = holder[key] * chance.choice((-1, 0.1, 2, 1000)) + chance.choice((0, 0, 1, 0.5))
        case 4 if isinstance(holder, dict):
            name = chance.choice(sorted(holder))
            holder[name] = holder.pop(key)
        case _:
            holder[key] = chance.choice(_VALUES)


def _elements(data: bytes, chance: random.Random) -> bytes:
    """An element of the XML `data` changed, doubled, moved or taken out."""
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError):
        return _bytes(data, chance)
    places = [(parent, number) for parent in root.iter() for number in range(len(parent))]
    if not places:
        return _bytes(data, chance)
    parent, number = chance.choice(places)
    other, at = chance.choice(places)
    match chance.randrange(6):
        case 0:
            del parent[number]
        case 1:
            parent.insert(number, deepcopy(parent[number]))
        case 2:
            parent.insert(number, deepcopy(other[at]))
        case 3:
            parent[number].tag = other[at].tag
        case _:
            parent[number].text = chance.choice((*_TEXTS, other[at].text))
    return ElementTree.tostring(root)


def _tokens(data: bytes, words: Sequence[bytes], chance: random.Random) -> bytes:
    """A word put in, taken out, doubled or put in the place of another."""
    tokens = _TOKEN.findall(data)
    if not tokens:
        return chance.choice([*words, b"0"])
    at, other = chance.randrange(len(tokens)), chance.choice(tokens)
    tokens[at : at + chance.randint(0, 2)] = chance.choice(([], [chance.choice([*words, b"0"])], [other], [other] * 3))
    return b"".join(tokens)


def _bytes(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return bytes([chance.randrange(256)])
    at = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + data[at + chance.randint(1, 8) :]
        case 2:
            return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        case _:
            return data[:at] + chance.choice((b"\0", b"\xff" * 4, b"\x7f\xff", data[at : at + 40])) + data[at:]
