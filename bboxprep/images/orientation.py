"""Reads the EXIF orientation of a file (`judge`), reports where decoders disagree, and sets it to 1 (`untagged`).

EXIF comes first, and of it the first tag of the first block; XMP counts only if EXIF states nothing. Those are the
rules of Pillow, measured on versions 11.3 and 13.0. OpenCV 5.0 differs: it reads neither XMP nor text profiles, fails
on an unexpected EXIF header, and reads the field as SHORT whatever its type. Where both differ, a file is disputed.

In an XMP packet it is ``tiff:Orientation``, an attribute or an element. It is found by its text, not by an XML parser:
that is how Pillow finds it, a packet need not be well-formed, and a value found as text can be changed in place.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

import msgspec

from bboxprep.images.container import MetadataBlock, metadata_blocks
from bboxprep.images.metadata import exif

_KINDS = {1: "BYTE", 2: "ASCII", 3: "an empty SHORT", 4: "LONG", 5: "RATIONAL", 7: "UNDEFINED", 8: "SSHORT", 9: "SLONG"}


_XMP_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([+-]?\d{1,9})""")


class OrientationVerdict(msgspec.Struct, frozen=True):
    """The fields of `model.header.Header` that are about orientation."""

    orientation: int = 1
    tagged: bool = False
    invalid: str = ""
    disputed: str = ""


class _Tag(msgspec.Struct, frozen=True):
    """One orientation tag of a file. `value` is None where it is no whole number; `strict` is what OpenCV reads."""

    source: str
    value: int | None
    strict: int
    quirk: str
    stored: str = ""

    @property
    def code(self) -> int:
        return _code(self.value)


def judge(found: Iterable[MetadataBlock]) -> OrientationVerdict:
    """The orientation that the metadata of an image states. Never raises."""
    groups = [(block.kind, _tags(block)) for block in found]
    tags = [tag for _, group in groups for tag in group]
    if not any(tag.value != 1 or _code(tag.strict) != 1 for tag in tags):
        return OrientationVerdict()
    first_exif = next((group for kind, group in groups if kind == "exif"), [])
    heeded = first_exif or [tag for tag in tags if tag.source == "XMP"] or [_Tag("EXIF", 1, 1, "")]
    return OrientationVerdict(heeded[0].code, True, _invalid(heeded[0]), _disputed(heeded[0], tags))


def overrule(found: Iterable[MetadataBlock], own: int) -> str:
    """Words for `orientation-disputed` where metadata asks for another turn than the container's `own`, or "".

    For AVIF and HEIC, where only the container's turn counts. Metadata with the value 1 is no contradiction: many
    writers set it so that no viewer turns twice.
    """
    tags = [tag for block in found for tag in _tags(block)]
    other = next((tag for tag in tags if tag.code not in {1, own}), None)
    return f"{other.source} says {other.code}, the container {own}, which alone counts; taken as {own}" if other else ""


def untagged(data: bytes, container: str, pages: int = 1) -> bytes:
    """The file `data` with every orientation tag of its first `pages` images set to 1; its pixels are unchanged.

    It has the same length, unless a compressed or hexadecimal PNG text chunk states another orientation: that chunk is
    removed.
    """
    patched = bytearray(data)
    for block in sorted(metadata_blocks(data, container), key=lambda block: block.start, reverse=True):
        start, end = block.start, block.start + len(block.content)
        if not block.verbatim:
            if any(tag.value != 1 for tag in _tags(block)):
                del patched[block.chunk[0] - 4 : block.chunk[1] + 4]
            continue
        old = bytes(patched[start:end])
        patched[start:end] = xmp_upright(old) if block.kind == "xmp" else exif.upright(old, depth=max(pages, 2))
        if container == "png":
            _update_checksum(patched, *block.chunk)
    return bytes(patched)


def _update_checksum(data: bytearray, start: int, end: int) -> None:
    """Update the checksum of the PNG chunk whose type and data are from `start` to `end`."""
    data[end : end + 4] = zlib.crc32(data[start:end]).to_bytes(4, "big")


def _tags(block: MetadataBlock) -> list[_Tag]:
    if block.kind == "xmp":
        return [_Tag("XMP", value, 1, "") for value in xmp_orientations(bytes(block.content))]
    return [
        _Tag(
            "EXIF", tag.value, 1 if block.quirk else tag.as_short, block.quirk, _KINDS.get(tag.kind, f"type {tag.kind}")
        )
        for tag in exif.orientation_tags(block.content)
    ]


def _code(value: int | None) -> int:
    return value if value is not None and 1 <= value <= 8 else 1


def _invalid(tag: _Tag) -> str:
    if tag.value is None:
        return f"orientation is stored as {tag.stored} (want one SHORT); taken as no turn"
    return "" if 1 <= tag.value <= 8 else f"orientation {tag.value} (want 1 to 8); taken as no turn"


def _disputed(first: _Tag, tags: list[_Tag]) -> str:
    """The message about decoders that differ on a file with the decisive tag `first`; "" where they agree."""
    taken = f"taken as {first.code}"
    if first.source == "XMP" and first.code != 1:
        return f"orientation {first.code} only in XMP, which Pillow reads and OpenCV does not; {taken}"
    if first.quirk and first.code != 1:
        return f"orientation {first.code} {first.quirk}, which Pillow reads and OpenCV does not; {taken}"
    if not first.quirk and first.source == "EXIF" and _code(first.strict) != first.code:
        return f"orientation stored as {first.stored}, which OpenCV reads as {first.strict}; {taken}"
    other = next((tag for tag in tags if tag.code != first.code), None)
    return f"{first.source} says {first.code}, {_again(first, other)} {other.code}; {taken}" if other else ""


def _again(first: _Tag, other: _Tag) -> str:
    return f"{other.source} says" if other.source != first.source else f"another {other.source} tag"


def xmp_orientations(packet: bytes) -> tuple[int, ...]:
    """Every orientation that `packet` states, in its order."""
    return tuple(int(match[1]) for match in _XMP_ORIENTATION.finditer(packet))


def xmp_upright(packet: bytes) -> bytes:
    """`packet` with every orientation set to 1, of the same length (blanks fill the place of further digits)."""
    return _XMP_ORIENTATION.sub(lambda match: match[0][: -len(match[1])] + b"1".ljust(len(match[1])), packet)
