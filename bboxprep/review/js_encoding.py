"""Data on its way into a page: JSON that neither a script element nor a loader of scripts can mistake for code."""

from __future__ import annotations

import json
from typing import Any

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def encode(value: Any) -> str:
    """`value` as JSON in ASCII without ``<``, ``>`` and ``&``, so that it can stand inside a script element.

    Half a surrogate pair (a file name that is no UTF-8) stays the escape that it is. NaN is a ValueError.
    """
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def call(function: str, *arguments: Any) -> str:
    """A script that hands `arguments` to a function of the page: what a page opened from disk can load, unlike JSON."""
    return f"{function}({','.join(encode(argument) for argument in arguments)});\n"


def legible(text: str) -> str:
    """`text` without halves of surrogate pairs, which no address and no UTF-8 can hold; "?" in their place."""
    return text.encode("utf-8", "replace").decode("utf-8")
