"""The run-length code of brush masks in Label Studio (rle-pack of thi.ng): a stream of bits, the highest bit first.

======================  =======================================================================
32 bits                 the number N of values: 4 of each pixel (RGBA), row by row
5 bits                  the bits of a value less 1: 7
4 times 4 bits          lengths less 1, of which records choose one: 3, 4, 8, 16 bits by default
then, up to N values    1 bit x; 2 bits that choose a length; a number L of that length;
                        x = 1: one value, which stands L + 1 times; x = 0: L + 1 values
======================  =======================================================================

The mask is where alpha, the last of four values, is not 0. What follows the last value is padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bboxprep.geometry.affine import Size
from bboxprep.model.rle import Rle

_CHANNELS = 4
_VALUE_BITS = 8
_LENGTHS = (3, 4, 8, 16)
_MOST_PIXELS = 1 << 28


def decode_brush(data: bytes, size: Size) -> Rle:
    """The mask of `size` in the code `data`. Raises ValueError."""
    if size.pixels > _MOST_PIXELS:
        raise ValueError(f"a mask of {size}, which is too large")
    bits = _Bits(data)
    count, value_bits = bits.read(32), bits.read(5) + 1
    if (count, value_bits) != (size.pixels * _CHANNELS, _VALUE_BITS):
        raise ValueError(f"{count} values of {value_bits} bits, want {size.pixels * _CHANNELS} of {_VALUE_BITS}")
    lengths = [bits.read(4) + 1 for _ in range(4)]
    pixels = np.zeros(size.pixels, dtype=np.bool_)
    at = 0
    while at < count:
        is_run = bits.read(1)
        end = at + bits.read(lengths[bits.read(2)]) + 1
        if end > count:
            raise ValueError(f"more than {count} values")
        if is_run:
            if bits.read(_VALUE_BITS):
                pixels[at // _CHANNELS : end // _CHANNELS] = True  # the pixels whose alpha is in the run
        else:
            values = bits.read_bytes(end - at)
            first = (_CHANNELS - 1 - at) % _CHANNELS
            alpha = np.frombuffer(values, dtype=np.uint8)[first::_CHANNELS]
            pixels[at // _CHANNELS : at // _CHANNELS + len(alpha)] = alpha > 0
        at = end
    return Rle.from_mask(pixels.reshape(size.height, size.width))


def encode_brush(mask: Rle) -> bytes:
    """The code of `mask`, all four values of a set pixel 255."""
    pixels = mask.mask().ravel()
    ends = np.flatnonzero(np.diff(pixels)) + 1
    runs = np.diff((0, *ends.tolist(), pixels.size)).tolist()
    value = bool(pixels[0])
    text = [f"{pixels.size * _CHANNELS:032b}", f"{_VALUE_BITS - 1:05b}", *(f"{length - 1:04b}" for length in _LENGTHS)]
    for run in runs:
        left = run * _CHANNELS
        while left:
            part = min(left, 1 << _LENGTHS[-1])
            text.append(_record(part, value=value))
            left -= part
        value = not value
    whole = "".join(text)
    return int(whole.ljust(-(-len(whole) // 8) * 8, "0"), 2).to_bytes(-(-len(whole) // 8), "big")


def _record(count: int, *, value: bool) -> str:
    choice = next(row for row, length in enumerate(_LENGTHS) if count <= 1 << length)
    return f"1{choice:02b}{count - 1:0{_LENGTHS[choice]}b}{255 * value:08b}"


def brush_bytes(values: object) -> bytes:
    """The bytes that JSON states as a list of numbers. Raises ValueError where it is none."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError("no list of bytes")  # noqa: TRY004  (callers treat all that cannot be read alike)
    try:
        return bytes(values)
    except TypeError as error:
        raise ValueError("no list of bytes") from error


class _Bits:
    """Reads the bits of bytes one after the other."""

    def __init__(self, data: bytes) -> None:
        self._bits = f"{int.from_bytes(data, 'big'):0{len(data) * 8}b}" if data else ""
        self._at = 0

    def read(self, count: int) -> int:
        """The next `count` bits as a number. Raises ValueError where there are fewer."""
        end = self._at + count
        if end > len(self._bits):
            raise ValueError("the code ends early")
        number = int(self._bits[self._at : end], 2)
        self._at = end
        return number

    def read_bytes(self, count: int) -> bytes:
        """The next `count` bytes. Raises ValueError where there are fewer."""
        return self.read(count * 8).to_bytes(count, "big")
