"""Attribute values as text, for formats whose attributes have no types.

A value is JSON wherever that is canonical and plain text otherwise, so ``0`` comes back as a number, ``Frontal`` as
text, ``1.50`` as the text it was, and every JSON value survives being written and read, but for one that is nested so
deep that nobody can have meant it: it stays text.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from bboxprep.io.xml_encoding import holds

_DEEPEST = 64  # levels of an attribute value


def encode_value(value: Any) -> str:
    """The text of an attribute value, from which `decode_value` returns `value`."""
    if isinstance(value, str) and value == value.strip() and holds(value) and _parsed(value) is _TEXT:
        return value
    return json.dumps(value, default=str)


def decode_value(text: str) -> Any:
    """The attribute value of `text`: parsed as JSON where `encode_value` returns the same text, else `text`."""
    return _decoded(text) if text[:1] in "[{" else _known(text)


def _decoded(text: str) -> Any:
    value = _parsed(text)
    return text if value is _TEXT or encode_value(value) != text else value


_known = lru_cache(maxsize=1024)(_decoded)  # of immutable values only


_TEXT = object()


def _parsed(text: str) -> Any:
    """`text` parsed as JSON, or `_TEXT` where it is not JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _TEXT
    return _TEXT if _is_deep(value, _DEEPEST) else value


def _is_deep(value: Any, levels: int) -> bool:
    """Whether lists and mappings in `value` are nested more than `levels` deep."""
    if not isinstance(value, list | dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not levels or any(_is_deep(one, levels - 1) for one in inner)
