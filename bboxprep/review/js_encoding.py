"""Encodes data for scripts and ``<script>`` elements, as JSON that cannot end the element or run as code."""

from __future__ import annotations

import json
from typing import Any

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def encode(value: Any) -> str:
    """`value` as ASCII JSON without ``<``, ``>`` and ``&``, which is safe inside a script element.

    Lone surrogates (of a file name that is not UTF-8) stay escaped. Raises ValueError for NaN.
    """
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def call(function: str, *arguments: Any) -> str:
    """A script that calls `function` with `arguments`; unlike JSON, a page opened from disk can load it."""
    return f"{function}({','.join(encode(argument) for argument in arguments)});\n"


def without_surrogates(text: str) -> str:
    """`text` with "?" for each lone surrogate, which neither UTF-8 nor an address can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
