"""Reads the boxes of AVIF and HEIC files: orientation, bit depth, and the places of EXIF and XMP.

The properties ``irot`` and ``imir`` turn the image and override any orientation in EXIF or XMP, which many cameras
write as well. Nothing is decoded and nothing raises: a truncated file has fewer boxes. Numbers are big-endian. Sources:
ISO/IEC 14496-12 (4.2 boxes, 8.11.1 ``meta``, 8.11.3 ``iloc``, 8.11.4 ``pitm``, 8.11.6 ``iinf``), ISO/IEC 23008-12
(6.5.6 ``pixi``, 6.5.10 ``irot``, 6.5.12 ``imir``, 9.3 ``ipma``, annex A the item ``Exif``), the AV1 codec ISO media
file format binding (2.3.3 ``av1C``), ISO/IEC 14496-15 (8.3.3.1 ``hvcC``).

A full box begins with four bytes: the version in the top 8 bits, flags in the other 24.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, FLIP_VERTICAL, IDENTITY, Dihedral
from bboxprep.images.metadata.exif import Data

_BRANDS = (  # an AVIF may have mif1 as its major brand and avif among the compatible ones
    (frozenset({b"avif", b"avis"}), "avif"),
    (frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}), "heic"),
)
_QUARTER_LEFT = Dihedral.from_exif(8)
_MOST_BRANDS = 64  # bytes of the box ftyp that are read
_MOST_METADATA, _MOST_PIECES = 1 << 20, 16  # bytes, and extents of an item: more than any EXIF, fewer than a bomb


class HeifItem(msgspec.Struct, frozen=True):
    """A piece of metadata: `content` begins at the byte order mark of EXIF, or is an XMP packet; `start` is where."""

    kind: Literal["exif", "xmp"]
    content: bytes
    start: int


@dataclass(slots=True)
class _Cursor:
    """Reads big-endian numbers from `at` on; a number that reaches beyond `end` is 0."""

    data: Data
    at: int
    end: int

    def number(self, width: int) -> int:
        value = int.from_bytes(self.data[self.at : self.at + width], "big") if self.at + width <= self.end else 0
        self.at += width
        return value

    def text(self) -> bytes:
        """The bytes before the next zero byte."""
        stop = self.data.find(b"\0", self.at, self.end)
        stop = self.end if stop < 0 else stop
        start, self.at = self.at, stop + 1
        return self.data[start:stop]

    @property
    def ended(self) -> bool:
        return self.at >= self.end


Stretch = tuple[int, int]  # start and end of bytes in the file


def sniff(head: Data) -> str | None:
    """The codec, "avif" or "heic", by the brands in the first box ``ftyp``; None for any other file."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), _MOST_BRANDS)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    return next((name for known, name in _BRANDS if brands & known), None)


def turn(data: Data) -> Dihedral:
    """The turn from the coded to the displayed image, by ``irot`` and ``imir`` in the order of the properties."""
    whole = IDENTITY
    for kind, start, end in _properties(data):
        value = _Cursor(data, start, end).number(1)
        if kind == b"irot":
            for _ in range(value & 3):  # low 2 bits: quarter turns anticlockwise
                whole = _QUARTER_LEFT @ whole
        elif kind == b"imir":
            # lowest bit, the axis: 1 exchanges left and right, 0 top and bottom
            whole = (FLIP_HORIZONTAL if value & 1 else FLIP_VERTICAL) @ whole
    return whole


def depth(data: Data) -> int:
    """The bits of a channel of the coded image by ``pixi``, ``av1C`` or ``hvcC``, in that order; 8 without them."""
    found = {kind: data[start:end] for kind, start, end in reversed(list(_properties(data)))}
    if levels := found.get(b"pixi", b"")[5:]:  # after version, flags and number of channels: a byte of bits for each
        return max(levels)
    if codec := found.get(b"av1C", b"")[2:3]:
        return 8 if not codec[0] & 0x40 else 12 if codec[0] & 0x20 else 10  # bit 6: high_bitdepth, bit 5: twelve_bit
    codec = found.get(b"hvcC", b"")[17:18]
    return 8 + (codec[0] & 7) if codec else 8  # low 3 bits: bit_depth_luma_minus8


def items(data: Data) -> Iterator[HeifItem]:
    """The EXIF and XMP of the file, EXIF first."""
    meta = _meta(data)
    kinds = _kinds(data, meta.get(b"iinf", (0, 0)))
    stretches = _locations(data, meta)
    for wanted in ("exif", "xmp"):
        for number, kind in kinds.items():
            results = stretches.get(number, [])
            if kind != wanted or not results:
                continue
            parts = (data[start : min(end, start + _MOST_METADATA)] for start, end in results[:_MOST_PIECES])
            content = b"".join(parts)[:_MOST_METADATA]
            # the item Exif begins with a 4-byte offset: the number of bytes between it and the byte order mark
            skip = 4 + int.from_bytes(content[:4], "big") if kind == "exif" else 0
            yield HeifItem("exif" if kind == "exif" else "xmp", content[skip:], results[0][0] + skip)


def _boxes(data: Data, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end of content) of each complete box between `start` and `end`.

    A box is 4 bytes of length, header included, and 4 of type. Length 1: 8 bytes of length follow; 0: up to `end`.
    """
    at = start
    while at + 8 <= end:
        cursor = _Cursor(data, at, end)
        length, kind = cursor.number(4), data[at + 4 : at + 8]
        cursor.at += 4
        if length == 1:
            length = cursor.number(8)
        stop = at + length if length else end
        if stop < cursor.at or stop > end:
            return
        yield kind, cursor.at, stop
        at = stop


def _meta(data: Data) -> dict[bytes, Stretch]:
    """The boxes in the file's ``meta`` box, by type."""
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"meta":
            return {inner: (first, last) for inner, first, last in _boxes(data, start + 4, end)}  # a full box
    return {}


def _properties(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end of content) of each property of the primary image, in the order in which they act."""
    meta = _meta(data)
    cursor = _Cursor(data, *meta.get(b"pitm", (0, 0)))
    primary = cursor.number(4 if cursor.number(4) >> 24 else 2)  # version 0 has item ids of 2 bytes, others of 4
    held = {kind: (start, end) for kind, start, end in _boxes(data, *meta.get(b"iprp", (0, 0)))}
    known = list(_boxes(data, *held.get(b"ipco", (0, 0))))
    for number in _associated(_Cursor(data, *held.get(b"ipma", (0, 0))), primary):
        if 1 <= number <= len(known):
            yield known[number - 1]


def _associated(cursor: _Cursor, item: int) -> list[int]:
    """The numbers, from 1, of the properties of `item` (box ``ipma``)."""
    head = cursor.number(4)  # version > 0: item ids of 4 bytes; lowest bit of the flags: property numbers of 2 bytes
    wide_item, wide_property = 4 if head >> 24 else 2, 2 if head & 1 else 1
    for _ in range(cursor.number(4)):
        number = cursor.number(wide_item)
        mask = (1 << (8 * wide_property - 1)) - 1  # without the top bit, which is "essential"
        properties = [cursor.number(wide_property) & mask for _ in range(cursor.number(1))]
        if number == item or cursor.ended:
            return properties if number == item else []
    return []


def _kinds(data: Data, stretch: Stretch) -> dict[int, str]:
    """The items that are EXIF or XMP, by item id (box ``iinf``)."""
    cursor = _Cursor(data, *stretch)
    cursor.number(4 if cursor.number(4) >> 24 else 2)  # skips the number of entries
    kinds = {}
    for kind, start, end in _boxes(data, cursor.at, stretch[1]):
        entry = _Cursor(data, start, end)
        version = entry.number(4) >> 24
        if kind != b"infe" or version < 2:  # earlier versions have no item type
            continue
        number = entry.number(4 if version > 2 else 2)
        entry.at += 2  # item_protection_index
        name = data[entry.at : entry.at + 4]  # item_type
        entry.at += 4
        entry.text()  # item_name
        if name == b"Exif":
            kinds[number] = "exif"
        elif name == b"mime" and entry.text() == b"application/rdf+xml":
            kinds[number] = "xmp"
    return kinds


def _locations(data: Data, meta: dict[bytes, Stretch]) -> dict[int, list[Stretch]]:
    """(start, end) in the file of the extents of each item, by item id (box ``iloc``)."""
    cursor = _Cursor(data, *meta.get(b"iloc", (0, 0)))
    version = cursor.number(4) >> 24
    widths = cursor.number(2)
    # four fields of 4 bits: the bytes of an offset, a length, a base offset and an extent index
    wide_offset, wide_length, wide_base, wide_index = (widths >> shift & 15 for shift in (12, 8, 4, 0))
    if not wide_offset + wide_length:
        return {}
    found: dict[int, list[Stretch]] = {}
    for _ in range(cursor.number(4 if version > 1 else 2)):
        number = cursor.number(4 if version > 1 else 2)
        # low 4 bits, construction_method: 0 for offsets in the file, 1 for offsets in the box idat
        inside = version > 0 and cursor.number(2) & 15 == 1
        cursor.at += 2  # data_reference_index
        base = cursor.number(wide_base) + (meta.get(b"idat", (0, 0))[0] if inside else 0)
        results = found.setdefault(number, [])
        for _ in range(cursor.number(2)):
            cursor.at += wide_index if version > 0 else 0
            start = base + cursor.number(wide_offset)
            results.append((start, start + cursor.number(wide_length)))
        if cursor.ended:
            break
    return found
