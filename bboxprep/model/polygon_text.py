"""Polygons as JSON text that is not read: ``[[x,y,x,y,…],…]`` of each object, as COCO and the sidecar spell it.

Most runs neither move nor look at the polygons of most images; they read decimals to write the same decimals. Such text
is kept as it is where its form is checked: each number is spelled as this program would write it, and each ring has
three points or more. So what is written from the text and from its numbers is the same. The check works on the bytes of
many objects at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Points

_MOST_DIGITS = 7  # on each side of the point: decimals of 15 digits or fewer are read and written without a change
_LEAST_NUMBERS = 6  # of a ring


Bytes = NDArray[np.uint8]


class RingLengths(NamedTuple):
    """The number of points of each ring, int64 (R,), and the number of rings of each object, int64 (N,)."""

    rings: NDArray[np.int64]
    objects: NDArray[np.int64]


def ring_lengths(texts: Sequence[bytes]) -> RingLengths | None:
    """The lengths of the rings in `texts`, valid JSON of N objects, b"" for one without polygons. None where a number
    is not spelled as this program would, or a ring has no three points.
    """
    joined = np.frombuffer(b"\n".join((b"", *texts, b"")), dtype=np.uint8)
    digit, point = joined - _ZERO < 10, joined == _POINT
    marks = ~(digit | point | (joined == _MINUS))
    if not _numbers_are_plain(joined, digit, point):
        return None
    return _counted(joined[marks])


def _numbers_are_plain(joined: Bytes, digit: NDArray[np.bool_], point: NDArray[np.bool_]) -> bool:
    """Whether each number in the bytes `joined` has one point, few digits, no zero too many and no exponent."""
    runs = np.count_nonzero(digit[1:] & ~digit[:-1])  # of digits: two of them are a number with a point
    if runs != 2 * np.count_nonzero(point) or _has_run(digit, _MOST_DIGITS + 1):
        return False
    zero, end = joined == _ZERO, (joined == _COMMA) | (joined == _CLOSE)
    padded = zero[1:-1] & end[2:] & ~point[:-2]
    tiny = point[:-3] & zero[1:-2] & zero[2:-1] & zero[3:]  # may have an exponent
    return not (padded.any() or tiny.any())


def _has_run(flags: NDArray[np.bool_], length: int) -> bool:
    """Whether `length` of `flags`, a power of two, are set one after the other."""
    while length > 1:
        length //= 2
        flags = flags[:-length] & flags[length:]
    return bool(flags.any())


def _counted(kinds: Bytes) -> RingLengths | None:
    """The lengths by `kinds`, all bytes but numbers: brackets, commas, and line feeds around each object."""
    opens, closes, comma, line = kinds == _OPEN, kinds == _CLOSE, kinds == _COMMA, kinds == _LINE
    depth = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int8)  # after each byte
    outer = depth == 1
    before_ring = (outer & (opens | comma))[:-1]  # what opens an object, and what separates its rings
    if not (opens | closes | comma | line).all() or depth.max() > 2 or (before_ring & ~opens[1:]).any():
        return None
    if ((outer & comma)[1:] & ~closes[:-1]).any():
        return None
    opened, closed = np.flatnonzero(opens & (depth == 2)), np.flatnonzero(closes & outer)
    numbers = closed - opened  # commas between them, and one more
    if (numbers < _LEAST_NUMBERS).any() or (numbers % 2).any():
        return None
    return RingLengths(numbers // 2, np.diff(np.searchsorted(opened, np.flatnonzero(line))))


def points_of(texts: Sequence[bytes], count: int) -> Points:
    """The points of all rings in `texts`, whose form is checked: float64 (`count`, 2) px."""
    numbers = _decode(b"[%b]" % b",".join(filter(None, texts)))
    flat = chain.from_iterable(chain.from_iterable(numbers))
    return np.fromiter(flat, dtype=np.float64, count=2 * count).reshape(-1, 2)


_LINE, _COMMA, _MINUS, _POINT, _ZERO, _OPEN, _CLOSE = b"\n,-.0[]"
_decode = msgspec.json.Decoder(list[list[list[float]]]).decode
