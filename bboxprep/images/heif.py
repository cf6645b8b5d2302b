"""AVIF and HEIC from outside: both are ISO boxes around a coded picture, its properties and its metadata.

The boxes say how the picture is turned (``irot``, ``imir``), and that goes before any orientation in EXIF or XMP, which
many cameras write as well. Nothing is decoded here and nothing raises: what ends early just says less. Sources: ISO/IEC
14496-12 (boxes, ``meta``, ``iloc``, ``iinf``), ISO/IEC 23008-12 (``iprp``, ``irot``, ``imir``, the item ``Exif``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, FLIP_VERTICAL, IDENTITY, Dihedral
from bboxprep.images.metadata.exif import Data

_BRANDS = (  # an AVIF may call itself a mif1 first, and say avif among its compatible brands
    (frozenset({b"avif", b"avis"}), "avif"),
    (frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}), "heic"),
)
_QUARTER_LEFT = Dihedral.from_exif(8)
_MOST_BRANDS = 64  # bytes of the first box that are looked at
_MOST_METADATA, _MOST_PIECES = 1 << 20, 16  # bytes, and pieces of them: no EXIF is longer, a bomb is


@dataclass(frozen=True, slots=True)
class HeifItem:
    """A piece of metadata: `content` begins at the byte order mark of EXIF, or is an XMP packet; `start` is where."""

    kind: Literal["exif", "xmp"]
    content: bytes
    start: int


@dataclass(slots=True)
class _Cursor:
    """Reads big-endian numbers from `at` on; beyond `end` all are 0."""

    data: Data
    at: int
    end: int

    def number(self, width: int) -> int:
        value = int.from_bytes(self.data[self.at : self.at + width], "big") if self.at + width <= self.end else 0
        self.at += width
        return value

    def text(self) -> bytes:
        """What stands before the next zero byte."""
        stop = self.data.find(b"\0", self.at, self.end)
        stop = self.end if stop < 0 else stop
        start, self.at = self.at, stop + 1
        return self.data[start:stop]

    @property
    def ended(self) -> bool:
        return self.at >= self.end


Stretch = tuple[int, int]  # start and end of bytes in the file


def sniff(head: Data) -> str | None:
    """Which of the two the first bytes of a file announce, as "avif" or "heic"; else None."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), _MOST_BRANDS)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    return next((name for known, name in _BRANDS if brands & known), None)


def turn(data: Data) -> Dihedral:
    """The turn from the coded to the displayed picture that the container asks for."""
    whole = IDENTITY
    for kind, start, end in _properties(data):
        value = _Cursor(data, start, end).number(1)
        if kind == b"irot":
            for _ in range(value & 3):
                whole = _QUARTER_LEFT @ whole
        elif kind == b"imir":
            whole = (FLIP_HORIZONTAL if value & 1 else FLIP_VERTICAL) @ whole
    return whole


def depth(data: Data) -> int:
    """Bits a channel of the coded picture: as its properties say, else 8."""
    found = {kind: data[start:end] for kind, start, end in reversed(list(_properties(data)))}
    if levels := found.get(b"pixi", b"")[5:]:
        return max(levels)
    if codec := found.get(b"av1C", b"")[2:3]:
        return 8 if not codec[0] & 0x40 else 12 if codec[0] & 0x20 else 10
    codec = found.get(b"hvcC", b"")[17:18]
    return 8 + (codec[0] & 7) if codec else 8


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
            # the item Exif begins with how far behind its first four bytes the byte order mark is
            skip = 4 + int.from_bytes(content[:4], "big") if kind == "exif" else 0
            yield HeifItem("exif" if kind == "exif" else "xmp", content[skip:], results[0][0] + skip)


def _boxes(data: Data, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end of content) of each box between `start` and `end` that is there in full."""
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
            return {inner: (first, last) for inner, first, last in _boxes(data, start + 4, end)}
    return {}


def _properties(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end of content) of each property of the primary picture, in the order in which they act."""
    meta = _meta(data)
    cursor = _Cursor(data, *meta.get(b"pitm", (0, 0)))
    primary = cursor.number(4 if cursor.number(4) >> 24 else 2)
    held = {kind: (start, end) for kind, start, end in _boxes(data, *meta.get(b"iprp", (0, 0)))}
    known = list(_boxes(data, *held.get(b"ipco", (0, 0))))
    for number in _associated(_Cursor(data, *held.get(b"ipma", (0, 0))), primary):
        if 1 <= number <= len(known):
            yield known[number - 1]


def _associated(cursor: _Cursor, item: int) -> list[int]:
    """The numbers, from 1, of the properties of `item`."""
    head = cursor.number(4)
    wide_item, wide_property = 4 if head >> 24 else 2, 2 if head & 1 else 1
    for _ in range(cursor.number(4)):
        number = cursor.number(wide_item)
        mask = (1 << (8 * wide_property - 1)) - 1  # the top bit says that it is essential
        properties = [cursor.number(wide_property) & mask for _ in range(cursor.number(1))]
        if number == item or cursor.ended:
            return properties if number == item else []
    return []


def _kinds(data: Data, stretch: Stretch) -> dict[int, str]:
    """Which items are EXIF or XMP, by their numbers."""
    cursor = _Cursor(data, *stretch)
    cursor.number(4 if cursor.number(4) >> 24 else 2)  # how many there are, which the boxes say themselves
    kinds = {}
    for kind, start, end in _boxes(data, cursor.at, stretch[1]):
        entry = _Cursor(data, start, end)
        version = entry.number(4) >> 24
        if kind != b"infe" or version < 2:
            continue
        number = entry.number(4 if version > 2 else 2)
        entry.at += 2
        name = data[entry.at : entry.at + 4]
        entry.at += 4
        entry.text()
        if name == b"Exif":
            kinds[number] = "exif"
        elif name == b"mime" and entry.text() == b"application/rdf+xml":
            kinds[number] = "xmp"
    return kinds


def _locations(data: Data, meta: dict[bytes, Stretch]) -> dict[int, list[Stretch]]:
    """Where the pieces of each item lie in the file."""
    cursor = _Cursor(data, *meta.get(b"iloc", (0, 0)))
    version = cursor.number(4) >> 24
    widths = cursor.number(2)
    wide_offset, wide_length, wide_base, wide_index = (widths >> shift & 15 for shift in (12, 8, 4, 0))
    if not wide_offset + wide_length:
        return {}
    found: dict[int, list[Stretch]] = {}
    for _ in range(cursor.number(4 if version > 1 else 2)):
        number = cursor.number(4 if version > 1 else 2)
        inside = version > 0 and cursor.number(2) & 15 == 1  # of the box idat, not of the file
        cursor.at += 2
        base = cursor.number(wide_base) + (meta.get(b"idat", (0, 0))[0] if inside else 0)
        results = found.setdefault(number, [])
        for _ in range(cursor.number(2)):
            cursor.at += wide_index if version > 0 else 0
            start = base + cursor.number(wide_offset)
            results.append((start, start + cursor.number(wide_length)))
        if cursor.ended:
            break
    return found
