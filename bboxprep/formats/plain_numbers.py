"""Reads the numbers of text files whose every line has the same number of them, separated by single blanks.

Nearly all label files are so: digits, points, blanks and line ends. Those of many files are decoded at once, as one
JSON list. Of anything else nothing is said, and each line is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

_KNOWN = b"0123456789. \n"
_AS_LIST = bytes.maketrans(b" \n", b",,")
_BLANK, _END = b" \n"
_decode = msgspec.json.Decoder(list[float]).decode


def plain_numbers(texts: Sequence[bytes], columns: int, most: int) -> NDArray[np.float64] | None:
    """The numbers of all lines of `texts`, float64 (N, `columns`); None where a text is spelled otherwise, or all of
    them have more than `most` bytes.
    """
    joined = b"".join([text if text.endswith(b"\n") or not text else text + b"\n" for text in texts])
    if not joined or len(joined) > most or joined.translate(None, _KNOWN):
        return None
    signs = np.frombuffer(joined, dtype=np.uint8)
    ends = signs[(signs == _BLANK) | (signs == _END)] == _END
    if len(ends) % columns or not np.array_equal(np.flatnonzero(ends), np.arange(columns - 1, len(ends), columns)):
        return None
    try:
        numbers = _decode(b"[%b]" % joined[:-1].translate(_AS_LIST))
    except msgspec.DecodeError:  # an empty line, two blanks, a number that JSON spells otherwise
        return None
    return np.array(numbers, dtype=np.float64).reshape(-1, columns)


def count_lines(text: bytes) -> int:
    """The number of lines of a text that `plain_numbers` has read."""
    return text.count(b"\n") + bool(text and not text.endswith(b"\n"))
