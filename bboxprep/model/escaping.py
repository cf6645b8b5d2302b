"""Names in one line of text: lists and pairs that are read (``a,b``, ``old=new``), and text for a terminal.

A backslash escapes the comma, equals sign, blank or backslash after it, so every name can be written. The command line
parses such text.
"""

from __future__ import annotations

import re

from bboxprep.errors import UsageError
from bboxprep.findings import escape_surrogates

# what moves the cursor, breaks the line, or changes the direction that text runs in (Unicode annex 9)
_CONTROLS = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ufeff]"
)
_ESCAPED = re.compile(r"\\[\\,=\s]")
_TOKENS = re.compile(r"\\.|.", re.DOTALL)


def split_names(text: str) -> tuple[str, ...]:
    r"""The names in a list: ``a,b`` is two, ``a\,b`` one. Unescaped blanks around a name are removed."""
    return tuple(_plain(part) for part in _split(text, ","))


def split_pair(text: str, option: str = "rename", wanted: str = "OLD=NEW") -> tuple[str, str]:
    r"""The two sides of ``old=new``; ``\=`` is part of a name. Raises `UsageError` that names `option`."""
    parts = _split(text, "=")
    if len(parts) != 2:
        raise UsageError(rf"{option}: have {text!r}, want {wanted} (an equals sign in a name is written \=)")
    return _plain(parts[0]), _plain(parts[1])


def escaped(name: str) -> str:
    """`name` escaped for a list or a pair."""
    return re.sub(r"[\\,=]|^\s|\s$", r"\\\g<0>", name)


def printable(text: str) -> str:
    r"""`text` as one line that a terminal shows and does not obey: controls are escaped as Python does, ``\x1b``."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), escape_surrogates(text))


def _split(text: str, mark: str) -> list[list[str]]:
    """The parts of `text` between unescaped marks, as lists of characters; an escaped character keeps its backslash."""
    parts: list[list[str]] = [[]]
    for token in _TOKENS.findall(text):
        if token == mark:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _plain(part: list[str]) -> str:
    while part and part[0].isspace():
        part = part[1:]
    while part and part[-1].isspace():
        part = part[:-1]
    return escape_surrogates("".join(token[1] if _ESCAPED.fullmatch(token) else token for token in part))
