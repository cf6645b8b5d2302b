"""The header of a plain JPEG, read from its first bytes: 7 us with the file, where Pillow and a map of it take 50.

Plain is a gray or YCbCr image of 8 bits whose segments follow each other without a gap, are known, are whole, and
hold neither EXIF nor XMP: all that a decoder could read in another way is left to `bboxprep.images.header`, which gives
the same header for a plain file (ITU T.81 annex B; the checks are those of Pillow, measured on 11.3 and 13.0).
"""

from __future__ import annotations

from functools import lru_cache

from bboxprep.geometry.affine import Size
from bboxprep.model.header import Header

HEAD = 4096
"""Bytes that are enough: photos of COCO have 609 before their first scan, those with a colour profile 1 to 4 KB."""

_MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of components
_DQT, _SOS = 0xDB, 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # sequential and progressive, Huffman coded
_LEAST = {  # bytes of a segment's length and payload, by marker; what is not named here is not plain
    0xC4: 2, 0xDD: 2, 0xE0: 9, 0xE2: 16, 0xE3: 2, 0xE4: 2, 0xE5: 2, 0xEE: 14, 0xFE: 2,
    **dict.fromkeys(_FRAMES, 8), _DQT: 2, _SOS: 2,
}  # fmt: skip


def plain_header(head: bytes, most_pixels: int) -> Header | None:
    """The header of the plain JPEG that begins with `head`, of at most `most_pixels`; None of any other file."""
    frame = _frame(head)
    return _header(*frame) if frame and 0 < frame[0] * frame[1] <= most_pixels else None


def _frame(head: bytes) -> tuple[int, int, int] | None:
    """The width, the height and the number of components of the plain JPEG that begins with `head`."""
    if head[:3] != b"\xff\xd8\xff":
        return None
    at, most, frame = 2, len(head) - 4, None
    while at <= most:
        marker, length = head[at + 1], head[at + 2] << 8 | head[at + 3]
        end = at + 2 + length
        if head[at] != 0xFF or length < _LEAST.get(marker, 1 << 16) or end > len(head):
            return None
        if marker == _SOS:
            return frame
        if marker == _DQT and not _is_sound_dqt(head, at + 4, end):
            return None
        if marker in _FRAMES:
            components = head[at + 9]
            if frame or head[at + 4] != 8 or components not in _MODES or length != 8 + 3 * components:
                return None
            frame = head[at + 7] << 8 | head[at + 8], head[at + 5] << 8 | head[at + 6], components
        at = end
    return None


def _is_sound_dqt(head: bytes, at: int, end: int) -> bool:
    """Whether whole tables of steps fill the payload from `at` to `end`: each has its number, then 64 or 128 bytes."""
    while at < end:
        at += 65 if head[at] < 0x10 else 129
    return at == end


@lru_cache(maxsize=1024)
def _header(width: int, height: int, components: int) -> Header:
    """Photos of one size share it."""
    return Header(Size(width, height), mode=_MODES[components])
