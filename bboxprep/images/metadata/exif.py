"""Reads EXIF and TIFF directories: the orientation and a few other tags. Sets orientations to 1 in place.

Why our own parser: the structure must not be written anew (maker notes hold offsets into it); it may be truncated,
contain wrong offsets or loops, and none of that may raise. Layout: TIFF 6.0
section 2, BigTIFF (libtiff), EXIF 2.32 section 4.5. Every function takes data that begins at the byte order mark.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from itertools import islice

import msgspec

Data = bytes | mmap.mmap

WIDTH, HEIGHT, BITS, ORIENTATION, ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT, XMP = 256, 257, 258, 274, 278, 322, 323, 700
_WANTED = frozenset({ROWS_PER_STRIP, WIDTH, HEIGHT, BITS, ORIENTATION, TILE_WIDTH, TILE_HEIGHT, XMP})
_SHORT = 3
_FIELD_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 16: 8}
_WHOLE_NUMBERS = {3: "H", 4: "I", 8: "h", 9: "i", 16: "Q"}


class IfdLayout(msgspec.Struct, frozen=True):
    """The number format of a structure: `order` is "<" or ">", `big` means BigTIFF, `first` is the offset of IFD0."""

    order: str
    big: bool
    first: int

    @property
    def count(self) -> str:
        """The struct format of a directory's number of entries."""
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:
        """The struct format of an entry: tag, type, number of values; the value field is skipped."""
        return self.order + ("HHQ8x" if self.big else "HHI4x")

    @property
    def offset(self) -> str:
        """The struct format of a position in the structure."""
        return self.order + ("Q" if self.big else "I")


class ExifEntry(msgspec.Struct, frozen=True):
    """One tag of a directory: `kind` is its type as stored, `at` the offset of the entry, `field` of its value."""

    tag: int
    kind: int
    count: int
    at: int
    field: int


class Directory(msgspec.Struct, frozen=True):
    """The entries of an image file directory (IFD) that this package uses, in order; it states `count` in all.

    `complete`: all entries lie inside the data. `link` is the offset of the pointer to the next directory, and `next`
    the value of that pointer (0 where there is none).
    """

    layout: IfdLayout
    entries: tuple[ExifEntry, ...]
    count: int
    complete: bool
    link: int
    next: int

    def find(self, tag: int) -> ExifEntry | None:
        """The first entry of `tag`."""
        return next((entry for entry in self.entries if entry.tag == tag), None)


class OrientationTag(msgspec.Struct, frozen=True):
    """An orientation as stored. `value` is None if its type is not a whole number; `as_short` is the value for a
    decoder that reads the field as SHORT whatever its type."""

    value: int | None
    as_short: int
    kind: int


def directories(data: Data) -> Iterator[Directory]:
    """The chain of directories: IFD0, IFD1 … up to the first that lies outside the data or was read before."""
    layout = _layout(data)
    at, seen = (layout.first if layout else 0), set[int]()
    while layout and at and at not in seen:
        seen.add(at)
        directory = _directory(data, layout, at)
        if directory is None:
            return
        yield directory
        at = directory.next


def orientation_tags(data: Data) -> tuple[OrientationTag, ...]:
    """The orientation tags of IFD0: none, one, or (malformed) several."""
    ifd0 = next(directories(data), None)
    if ifd0 is None:
        return ()
    return tuple(_orientation(data, ifd0.layout, entry) for entry in ifd0.entries if entry.tag == ORIENTATION)


def whole_numbers(data: Data, layout: IfdLayout, entry: ExifEntry) -> tuple[int, ...]:
    """The values of `entry`, at most 16; () if they are no whole numbers or lie outside the data."""
    if entry.kind not in _WHOLE_NUMBERS or not entry.count:
        return ()
    form = f"{layout.order}{min(entry.count, 16)}{_WHOLE_NUMBERS[entry.kind]}"
    at = _place(data, layout, entry)
    return () if at is None or at + struct.calcsize(form) > len(data) else struct.unpack_from(form, data, at)


def stretch(data: Data, layout: IfdLayout, entry: ExifEntry) -> tuple[int, int] | None:
    """(start, end) of the values of `entry` in the data; None if they do not lie inside it."""
    at = _place(data, layout, entry)
    end = (at or 0) + entry.count * _FIELD_SIZES.get(entry.kind, 1)
    return None if at is None or end > len(data) else (at, end)


def is_sound(data: Data) -> bool:
    """Whether all of IFD0 lies inside the data, so that all decoders read the same."""
    ifd0 = next(directories(data), None)
    return ifd0 is not None and ifd0.complete


def upright(data: Data, *, depth: int, unlink: bool = False) -> bytes:
    """`data` with every orientation in its first `depth` directories set to 1, of the same length.

    `unlink` also sets the pointer to IFD1 to 0, which removes the thumbnail. The whole entry is rewritten as one SHORT,
    since decoders differ over wrong types.
    """
    patched = bytearray(data)
    for number, directory in enumerate(islice(directories(data), depth)):
        for entry in directory.entries:
            if entry.tag == ORIENTATION:
                _write_upright(patched, directory.layout, entry)
        if unlink and number == 0 and directory.next:
            struct.pack_into(directory.layout.offset, patched, directory.link, 0)
    return bytes(patched)


def _layout(data: Data) -> IfdLayout | None:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return None
    (magic,) = struct.unpack_from(order + "H", data, 2)
    if magic == 42:
        return IfdLayout(order, big=False, first=struct.unpack_from(order + "I", data, 4)[0])
    if magic == 43 and len(data) >= 16:
        return IfdLayout(order, big=True, first=struct.unpack_from(order + "Q", data, 8)[0])
    return None


def _directory(data: Data, layout: IfdLayout, at: int) -> Directory | None:
    """The directory at offset `at`, truncated where the data end; None if its count lies outside of them."""
    start = at + struct.calcsize(layout.count)
    if start > len(data):
        return None
    (count,) = struct.unpack_from(layout.count, data, at)
    if count > 0xFFFF:
        return None
    size = struct.calcsize(layout.entry)
    body = data[start : start + count * size]
    there = len(body) // size
    entries = tuple(
        ExifEntry(tag, kind, number, start + index * size, start + index * size + (12 if layout.big else 8))
        for index, (tag, kind, number) in enumerate(struct.iter_unpack(layout.entry, body[: there * size]))
        if tag in _WANTED
    )
    link = start + count * size
    follows = link + struct.calcsize(layout.offset) <= len(data)
    following = struct.unpack_from(layout.offset, data, link)[0] if follows else 0
    return Directory(layout, entries, count, there == count, link, following)


def _place(data: Data, layout: IfdLayout, entry: ExifEntry) -> int | None:
    """The offset of the values of `entry`: that of its field if they fit into it, else the one that the field holds."""
    room = struct.calcsize(layout.offset)
    if entry.count * _FIELD_SIZES.get(entry.kind, 1) <= room:
        return entry.field
    at: int = struct.unpack_from(layout.offset, data, entry.field)[0]
    return at if at < len(data) else None


def _orientation(data: Data, layout: IfdLayout, entry: ExifEntry) -> OrientationTag:
    values = whole_numbers(data, layout, entry)
    (as_short,) = struct.unpack_from(layout.order + "H", data, entry.field)
    return OrientationTag(values[0] if values else None, as_short, entry.kind)


def _write_upright(data: bytearray, layout: IfdLayout, entry: ExifEntry) -> None:
    form = layout.order + ("HHQH6x" if layout.big else "HHIH2x")
    struct.pack_into(form, data, entry.at, ORIENTATION, _SHORT, 1, 1)
