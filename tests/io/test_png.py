"""PNG images of masks are read as Pillow reads them, and what is damaged is refused."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from bboxprep.io.png import read_png, write_png

MODES = ("L", "1", "P", "LA", "RGB", "RGBA")
SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(4))


def png(pixels: NDArray[np.uint8], mode: str) -> tuple[bytes, NDArray[np.uint8]]:
    """A PNG by Pillow of `pixels` (H, W, 4) in `mode`, and its pixels as Pillow gives them."""
    image, out = Image.fromarray(pixels).convert(mode), io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue(), np.asarray(image).astype(np.uint8).reshape(*pixels.shape[:2], -1)


@given(pixels=hnp.arrays(np.uint8, SHAPES), slope=st.integers(0, 3))
@settings(max_examples=60)
@pytest.mark.parametrize("mode", MODES)
def test_any_picture_of_pillow_is_read(mode: str, pixels: NDArray[np.uint8], slope: int) -> None:
    smooth = np.cumsum(pixels % (slope + 2), axis=slope % 2, dtype=np.uint8)  # for which Pillow takes other filters
    for each in (pixels, smooth):
        data, want = png(each, mode)
        assert np.array_equal(read_png(data, 200), want)


@pytest.mark.parametrize("filter", range(5))
def test_every_filter_is_undone(filter: int) -> None:
    rows = np.random.default_rng(filter).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    body = b"".join(bytes([filter]) + row.tobytes() for row in rows)
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 5, 7, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(body)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    assert np.array_equal(read_png(data, 100), np.asarray(Image.open(io.BytesIO(data))))


def test_rows_of_all_filters_are_undone_together() -> None:
    rows = np.random.default_rng(5).integers(0, 256, (40, 1 + 9 * 3)).astype(np.uint8)
    rows[:, 0] = np.random.default_rng(6).integers(0, 5, 40)
    head = struct.pack(">IIBBBBB", 9, 40, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    assert np.array_equal(read_png(data, 400), np.asarray(Image.open(io.BytesIO(data))))


@given(pixels=hnp.arrays(np.uint8, st.sampled_from([(1, 1), (3, 12), (9, 2), (5, 4, 3), (1, 7, 3)])))
@settings(max_examples=60)
def test_what_is_written_is_read_by_pillow(pixels: NDArray[np.uint8]) -> None:
    with Image.open(io.BytesIO(write_png(pixels))) as image:
        assert image.mode == ("L" if pixels.ndim == 2 else "RGB")
        assert np.array_equal(np.asarray(image), pixels)


@given(at=st.integers(0, 200), byte=st.integers(0, 255), cut=st.integers(0, 120))
@settings(max_examples=300)
def test_a_damaged_one_is_read_or_refused(at: int, byte: int, cut: int) -> None:
    data = bytearray(png(np.arange(240, dtype=np.uint8).reshape(6, 10, 4), "RGB")[0])
    data[at % len(data)] = byte
    for each in (bytes(data), bytes(data[:cut])):
        pixels: NDArray[Any] = np.ones((1, 1, 1))
        with contextlib.suppress(ValueError):  # and nothing else
            pixels = read_png(each, 10_000)
        assert 0 < pixels.size <= 40_000


def test_a_bomb_is_refused_by_its_head() -> None:
    data = write_png(np.zeros((10, 11), dtype=np.uint8))
    with pytest.raises(ValueError, match="11 x 10 pixels, want 1 to 109"):
        read_png(data, 109)
