"""The orientation in an XMP packet: ``tiff:Orientation``, as an attribute or as an element.

Found by its text, not by an XML parser: that is how Pillow finds it, a packet need not be well-formed, and a value
found as text can be changed where it stands.
"""

from __future__ import annotations

import re

_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([+-]?\d{1,9})""")


def orientations(packet: bytes) -> tuple[int, ...]:
    """Every orientation that `packet` states, in its order."""
    return tuple(int(match[1]) for match in _ORIENTATION.finditer(packet))


def upright(packet: bytes) -> bytes:
    """`packet` with every orientation set to 1, of the same length (blanks fill the place of further digits)."""
    return _ORIENTATION.sub(lambda match: match[0][: -len(match[1])] + b"1".ljust(len(match[1])), packet)
