"""Reads and writes PNG images of masks that stand in label files, for readers of labels open no image.

It reads what tools store masks as: all color types of 8 bits or fewer, not interlaced (PNG, third edition, W3C 2025).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, C)

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">IIBBBBB")  # width, height, bits, color type, compression, filter, interlacing
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a color type: gray, RGB, index, gray and alpha, RGBA
_BITS = {0: (1, 2, 4, 8), 2: (8,), 3: (1, 2, 4, 8), 4: (8,), 6: (8,)}
_SUB, _UP, _AVERAGE, _PAETH = range(1, 5)


def read_png(data: bytes, most_pixels: int) -> Pixels:
    """The pixels of the PNG `data`: uint8 (H, W, C), as stored: an index stays one, and gray of one bit is 0 or 1.

    Raises ValueError for what is no such PNG, is damaged, or has more than `most_pixels`.
    """
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != _HEAD.size:
        raise ValueError("not a PNG")
    width, height, bits, color, *others = _HEAD.unpack(chunks[0][1])
    if bits not in _BITS.get(color, ()) or others != [0, 0, 0]:
        raise ValueError(f"a PNG of color type {color}, {bits} bits and interlacing {others[2]}, which is not read")
    if not 0 < width * height <= most_pixels:
        raise ValueError(f"a PNG of {width} x {height} pixels, want 1 to {most_pixels:,} of them")
    channels = _CHANNELS[color]
    stride = (width * bits * channels + 7) // 8
    lines = _inflated(b"".join(body for kind, body in chunks if kind == b"IDAT"), height * (stride + 1))
    rows = _unfiltered(np.frombuffer(lines, dtype=np.uint8).reshape(height, stride + 1), max(1, bits * channels // 8))
    if bits < 8:
        digits = np.unpackbits(rows, axis=1).reshape(height, -1, bits)[:, :width]
        rows = (digits << np.arange(bits, dtype=np.uint8)[::-1]).sum(axis=2, dtype=np.uint8)
    return rows.reshape(height, width, channels)


def write_gray_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of 8 bits gray with the `pixels`, uint8 (H, W)."""
    height, width = pixels.shape
    lines = np.concatenate((np.zeros((height, 1), dtype=np.uint8), pixels), axis=1)
    head = _HEAD.pack(width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(map(_chunk, *zip(*parts, strict=True)))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk; none where `data` is no PNG. The check sums are not looked at."""
    at = len(_SIGNATURE) if data.startswith(_SIGNATURE) else len(data)
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _inflated(data: bytes, length: int) -> bytes:
    """The first `length` bytes of the stream `data`. Raises ValueError."""
    try:
        found = zlib.decompressobj().decompress(data, length)
    except zlib.error as error:
        raise ValueError(f"a damaged PNG ({error})") from error
    if len(found) < length:
        raise ValueError(f"a PNG that ends early: {len(found):,} of {length:,} bytes")
    return found


def _unfiltered(lines: Pixels, step: int) -> NDArray[np.uint8]:
    """The rows (H, S) of `lines` (H, 1 + S), each of which begins with its filter; `step` bytes are one pixel."""
    rows = lines[:, 1:].copy()
    above = np.zeros(rows.shape[1], dtype=np.uint8)
    for kind, row in zip(lines[:, 0].tolist(), rows, strict=True):
        if kind == _SUB:
            row[:] = np.cumsum(row.reshape(-1, step), axis=0, dtype=np.uint8).ravel()
        elif kind == _UP:
            row += above
        elif kind in (_AVERAGE, _PAETH):
            row[:] = _predicted(row.tolist(), above.tolist(), step, paeth=kind == _PAETH)
        elif kind:
            raise ValueError(f"a PNG with the unknown filter {kind}")
        above = row
    return rows


def _predicted(row: list[int], above: list[int], step: int, *, paeth: bool) -> list[int]:
    """The bytes of a `row` whose filter looks at the pixel to the left, so that it cannot be undone at once."""
    out = [0] * step + row
    above = [0] * step + above
    for at in range(step, len(out)):
        left, up = out[at - step], above[at]
        if paeth:
            corner = above[at - step]
            far = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
            guess = (left, up, corner)[far.index(min(far))]
        else:
            guess = (left + up) // 2
        out[at] = (out[at] + guess) & 255
    return out[step:]
