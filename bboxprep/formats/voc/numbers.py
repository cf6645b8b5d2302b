"""The values of Pascal VOC: the defaults of an object of which nothing is known, and texts in an XML tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

# The defaults of the devkit for unknown values. They are not read as attributes, and they are what is written.
DEFAULT_ATTRIBUTES: Mapping[str, Any] = {"pose": "Unspecified", "truncated": 0, "difficult": 0}


def text_below(element: Element, outer: str, inner: str) -> str:
    """The text of the first `inner` in an `outer` of `element`, "" where there is none."""
    for found in element.findall(outer):
        text = found.findtext(inner)
        if text is not None:
            return text
    return ""
