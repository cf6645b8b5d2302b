"""Reads and writes PNG images of masks that stand in or beside label files, for readers of labels open no image.

It reads what tools store masks as: all color types of 8 bits or fewer, and gray of 16, not interlaced (PNG, third
edition, W3C 2025).

Two of the filters of a row predict a byte from the pixel to the left, which is unknown until it is predicted itself.
So such pictures are undone along diagonals: a pixel needs those to the left and above, and all pixels of a diagonal
have theirs at once. A picture of 640x480 RGB takes 0.1 s of one core, byte by byte 0.8 s.
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
_BITS = {0: (1, 2, 4, 8, 16), 2: (8,), 3: (1, 2, 4, 8), 4: (8,), 6: (8,)}
_SUB, _UP, _AVERAGE, _PAETH = range(1, 5)


def png_size(start: bytes) -> tuple[int, int] | None:
    """Width and height of the PNG whose first bytes are `start`; None for another file."""
    kind, body = next(_chunks(start), (b"", b""))
    width, height, *_ = _HEAD.unpack(body) if kind == b"IHDR" and len(body) == _HEAD.size else (0, 0)
    return (width, height) if width and height else None


def png_is_gray16(start: bytes) -> bool:
    """Whether a PNG begins with the bytes `start` whose pixels are gray of 16 bits."""
    kind, body = next(_chunks(start), (b"", b""))
    return kind == b"IHDR" and len(body) == _HEAD.size and _HEAD.unpack(body)[2:4] == (16, 0)


def read_png(data: bytes, most_pixels: int) -> Pixels | NDArray[np.uint16]:
    """The pixels of the PNG `data` (H, W, C), as stored: an index stays one, and gray of one bit is 0 or 1; uint8, or
    uint16 where they have 16 bits.

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
    if bits == 16:
        return rows.view(">u2").astype(np.uint16).reshape(height, width, channels)
    if bits < 8:
        digits = np.unpackbits(rows, axis=1).reshape(height, -1, bits)[:, :width]
        rows = (digits << np.arange(bits, dtype=np.uint8)[::-1]).sum(axis=2, dtype=np.uint8)
    return rows.reshape(height, width, channels)


def write_png(pixels: NDArray[np.uint8 | np.uint16], palette: NDArray[np.uint8] | None = None) -> bytes:
    """A PNG with the `pixels`: gray for (H, W) of uint8 or uint16, RGB for (H, W, 3) of uint8; with a `palette`, uint8
    (256, 3), (H, W) of uint8 are its indices.
    """
    height, width, *channels = pixels.shape
    size = pixels.dtype.itemsize
    rows = np.ascontiguousarray(pixels.astype(f">u{size}")).view(np.uint8).reshape(height, -1)
    lines = np.concatenate((np.zeros((height, 1), dtype=np.uint8), rows), axis=1)
    color = 3 if palette is not None else 2 if channels else 0
    colors = [] if palette is None else [(b"PLTE", palette.tobytes())]
    head = _HEAD.pack(width, height, 8 * size, color, 0, 0, 0)
    parts = ((b"IHDR", head), *colors, (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
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
    kinds, rows = lines[:, 0], lines[:, 1:].copy()
    if kinds.max(initial=0) > _PAETH:
        raise ValueError(f"a PNG with the unknown filter {kinds.max()}")
    first = int(np.argmax(kinds >= _AVERAGE)) if (kinds >= _AVERAGE).any() else len(rows)
    above = np.zeros(rows.shape[1], dtype=np.uint8)
    for kind, row in zip(kinds[:first].tolist(), rows, strict=False):
        if kind == _SUB:
            row[:] = np.cumsum(row.reshape(-1, step), axis=0, dtype=np.uint8).ravel()
        elif kind == _UP:
            row += above
        above = row
    if first < len(rows):
        pixels = rows[first:].reshape(len(rows) - first, -1, step)
        rows[first:] = _undone(kinds[first:], pixels, above.reshape(-1, step)).reshape(len(pixels), -1)
    return rows


def _undone(kinds: NDArray[np.uint8], pixels: Pixels, above: NDArray[np.uint8]) -> Pixels:
    """The `pixels` (H, W, C) below the row `above` (W, C), whose rows have the filters `kinds` (H,).

    Pixel x of row y stands in slot y + 1 of diagonal x + y + 2 of `found`: that to the left in the same slot of the
    diagonal before, those above in the slot before.
    """
    height, width, channels = pixels.shape
    found = np.zeros((height + width + 1, height + 1, channels), dtype=np.int16)
    found[1 : width + 1, 0] = above
    is_of = [(kinds == kind)[:, None] for kind in range(_PAETH + 1)]
    rows = np.arange(height)
    for diagonal in range(height + width - 1):
        own = slice(max(0, diagonal - width + 1), min(height, diagonal + 1))
        before = slice(own.start, own.stop)
        below = slice(own.start + 1, own.stop + 1)
        left, up, corner = found[diagonal + 1, below], found[diagonal + 1, before], found[diagonal, before]
        across, down = np.abs(up - corner), np.abs(left - corner)
        both = np.abs(left + up - 2 * corner)
        paeth = np.where((across <= down) & (across <= both), left, np.where(down <= both, up, corner))
        choices = [is_of[kind][own] for kind in (_PAETH, _AVERAGE, _UP, _SUB)]
        guess = np.select(choices, [paeth, (left + up) >> 1, up, left], 0)
        found[diagonal + 2, below] = (pixels[rows[own], diagonal - rows[own]] + guess) & 255
    return np.stack([found[row + 2 : row + 2 + width, row + 1] for row in range(height)]).astype(np.uint8)
