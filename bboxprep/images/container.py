"""Recognises image containers by their first bytes and finds the EXIF and XMP in them.

Nothing is decoded and nothing raises: a truncated structure has fewer pieces. Sources: JPEG, ITU T.81
annex B; PNG, W3C third edition, section 11; WebP, RFC 9649; TIFF 6.0; where XMP is embedded, XMP specification part 3.
For AVIF and HEIC see `bboxprep.images.heif`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Literal

import msgspec

from bboxprep.images import heif
from bboxprep.images.metadata import exif
from bboxprep.images.metadata.exif import Data

NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WebP",
    "tiff": "TIFF",
    "bmp": "BMP",
    "gif": "GIF",
    "avif": "AVIF",
    "heic": "HEIC",
    "ppm": "PPM",
    "jp2": "JPEG2000",
    "tga": "TGA",
}

EXIF_HEADER = b"Exif\0\0"
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_XMP = b"XML:com.adobe.xmp"
_PNG_PROFILE = b"Raw profile type exif"
_SIGNATURES = (
    (re.compile(rb"\xff\xd8\xff"), "jpeg"),
    (re.compile(_PNG_SIGNATURE), "png"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "tiff"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"BM"), "bmp"),
    (re.compile(rb"P[1-6]\s"), "ppm"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "jp2"),
)
_TGA = re.compile(  # which has no signature: id, palette, kind, palette's 5 bytes, origin, size, bits a pixel
    rb".(?:\0[\x02\x03\x0a\x0b]\0{5}|\x01[\x01\x09]....[\x0f\x10\x18\x20]).{4}(?!\0\0)..(?!\0\0)..[\x08\x10\x18\x20]",
    re.DOTALL,
)
_OTHER_KINDS = (
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "JPEG XL"),
    (re.compile(rb"v/1\x01"), "OpenEXR"),
    (re.compile(rb"8BPS"), "Photoshop"),
)
MAX_METADATA_BLOCKS = 16  # ordinary files have three at most
MOST_SCANS = 500  # of a JPEG: encoders write ten; each pass covers the whole image, and may be three bytes long
_MOST_TEXT = 1 << 20  # bytes of an inflated text chunk: longer than any XMP packet, shorter than a zip bomb


class MetadataBlock(msgspec.Struct, frozen=True):
    """A piece of metadata: `content` begins at the byte order mark of EXIF, or is an XMP packet.

    `start` is its offset in the file. `verbatim` is False if the file holds it compressed or as hexadecimal text.
    `quirk` is the reason why some decoders do not read it, or "". `chunk` is (start, end) of the PNG chunk around it,
    from its type to the end of its data.
    """

    kind: Literal["exif", "xmp"]
    content: Data
    start: int
    verbatim: bool = True
    quirk: str = ""
    chunk: tuple[int, int] = (0, 0)


def sniff(data: Data) -> str | None:
    """The container by the first bytes, a key of `NAMES`, or None."""
    head = data[:64]
    found = next((name for pattern, name in _SIGNATURES if pattern.match(head)), None) or heif.sniff(head)
    return found or ("tga" if _TGA.match(head) else None)


def other_kind(data: Data) -> str:
    """The common name of an unsupported kind of image file, by its first bytes; "" for others."""
    head = data[:64]
    return next((name for pattern, name in _OTHER_KINDS if pattern.match(head)), "")


def metadata_blocks(data: Data, container: str) -> tuple[MetadataBlock, ...]:
    """The EXIF and XMP of the (first) image in the order in which decoders prefer them. Those of BMP, GIF,
    PPM, JPEG 2000 and TGA are not read.

    At most `MAX_METADATA_BLOCKS` + 1; one more than `MAX_METADATA_BLOCKS` means too many, since each may be inflated
    from few bytes.
    """
    found = tuple(islice(_blocks_of(data, container), MAX_METADATA_BLOCKS + 1))
    return tuple(sorted(found, key=lambda block: block.kind == "exif" and not block.verbatim))


def _blocks_of(data: Data, container: str) -> Iterator[MetadataBlock]:
    match container:
        case "jpeg":
            yield from _jpeg_blocks(data)
        case "png":
            yield from _png_blocks(data)
        case "webp":
            yield from _webp_blocks(data)
        case "tiff":
            yield from _tiff_blocks(data)
        case "avif" | "heic":
            yield from (MetadataBlock(item.kind, item.content, item.start) for item in heif.items(data))


def is_lossless_webp(data: Data) -> bool:
    """Whether the (first) image of a WebP file is lossless."""
    for kind, start, _ in webp_chunks(data):
        if kind == b"ANMF":
            return data[start + 16 : start + 20] == b"VP8L"
        if kind in {b"VP8 ", b"VP8L"}:
            return kind == b"VP8L"
    return False


def jpeg_segments(data: Data) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end of payload) of each segment before the first scan."""
    end = 2
    while True:
        at = _next_marker(data, end)
        marker = data[at + 1 : at + 2]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in {b"", b"\xda", b"\xd9"} or end < at + 4 or end > len(data):
            return
        yield marker[0], at + 4, end


def jpeg_head_is_whole(data: Data) -> bool:
    """Whether `data`, the first bytes of a JPEG, contain all segments before its first scan."""
    at = _next_marker(data, max((end for _, _, end in jpeg_segments(data)), default=2))
    return data[at + 1 : at + 2] in {b"\xda", b"\xd9"}


def jpeg_fill(data: Data) -> int:
    """The most bytes that stand between two segments of a JPEG before its first scan, and mean nothing."""
    ends = [2, *(end for _, _, end in jpeg_segments(data))]
    return max(_next_marker(data, end) - end for end in ends)


def _next_marker(data: Data, start: int) -> int:
    """The offset of the first marker of a segment from `start` on; the end of the data, or its last byte, without."""
    found = _BETWEEN.match(data, start)
    return found.end() if found else start


_BETWEEN = re.compile(rb"(?:[^\xff]++|\xff[\x00\x01\xd0-\xd8]|\xff+(?=\xff))*+")  # junk, markers alone and fill bytes


FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF markers; the three are DHT, JPG and DAC
_SEQUENTIAL = {0xC0, 0xC1}


def scans(data: bytes) -> int:
    """An upper bound of the scans that a decoder reads of a JPEG; scans of a thumbnail may be counted too."""
    return 1 if _is_read_at_once(data) else data.count(b"\xff\xda")


def _is_read_at_once(data: bytes) -> bool:
    """Whether a JPEG is sequential and its first scan has all channels: then decoders read no other scan."""
    segments = list(jpeg_segments(data))
    frames = [(marker, start) for marker, start, _ in segments if marker in FRAMES]
    if len(frames) != 1 or frames[0][0] not in _SEQUENTIAL:
        return False
    first, channels = segments[-1][2], data[frames[0][1] + 5 : frames[0][1] + 6]
    return data[first : first + 2] == b"\xff\xda" and data[first + 4 : first + 5] == channels


def png_chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end of data) of each complete chunk."""
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        start = at + 8
        end = start + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            return
        yield data[at + 4 : at + 8], start, end
        at = end + 4


def webp_chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end of data) of each complete chunk."""
    at = 12
    while at + 8 <= len(data):
        start = at + 8
        end = start + int.from_bytes(data[at + 4 : at + 8], "little")
        if end > len(data):
            return
        yield data[at : at + 4], start, end
        at = end + end % 2


def _jpeg_blocks(data: Data) -> Iterator[MetadataBlock]:
    for marker, start, end in jpeg_segments(data):
        if marker != 0xE1:
            continue
        payload = data[start:end]
        if payload.startswith(EXIF_HEADER):
            yield _exif_blocks(payload, start, usual=1)
        elif payload.startswith(_XMP_HEADER):
            yield MetadataBlock("xmp", payload[len(_XMP_HEADER) :], start + len(_XMP_HEADER))


def _webp_blocks(data: Data) -> Iterator[MetadataBlock]:
    for kind, start, end in webp_chunks(data):
        if kind == b"EXIF":
            yield _exif_blocks(data[start:end], start, usual=0)
        elif kind == b"XMP ":
            yield MetadataBlock("xmp", data[start:end], start)


def _png_blocks(data: Data) -> Iterator[MetadataBlock]:
    for kind, start, end in png_chunks(data):
        if kind == b"eXIf":
            yield _exif_blocks(data[start:end], start, usual=0, chunk=(start - 4, end))
        elif kind in {b"tEXt", b"zTXt", b"iTXt"}:
            yield from _png_text_blocks(kind, data[start:end], start)


def _png_text_blocks(kind: bytes, payload: bytes, start: int) -> Iterator[MetadataBlock]:
    chunk = (start - 4, start + len(payload))
    keyword, _, rest = payload.partition(b"\0")
    if keyword == _PNG_XMP and kind == b"iTXt":
        text, verbatim = _international_text(rest)
        yield MetadataBlock("xmp", text, start + len(payload) - len(text), verbatim, chunk=chunk)
    elif keyword == _PNG_PROFILE:
        text = {b"tEXt": rest, b"zTXt": _inflate(rest[1:])}.get(kind) or _international_text(rest)[0]
        content = _from_hexadecimal(text)
        content = content[_headers(content) * len(EXIF_HEADER) :]
        yield MetadataBlock("exif", content, start, verbatim=False, quirk="in ImageMagick's text profile", chunk=chunk)


def _tiff_blocks(data: Data) -> Iterator[MetadataBlock]:
    yield MetadataBlock("exif", data, 0)
    ifd0 = next(exif.directories(data), None)
    entry = ifd0.find(exif.XMP) if ifd0 else None
    found = exif.stretch(data, ifd0.layout, entry) if ifd0 and entry else None
    if found:
        yield MetadataBlock("xmp", data[found[0] : found[1]], found[0])


def _exif_blocks(payload: bytes, start: int, *, usual: int, chunk: tuple[int, int] = (0, 0)) -> MetadataBlock:
    """The block after the EXIF headers of `payload`; this container usually has `usual` of them."""
    headers = _headers(payload)
    skip = headers * len(EXIF_HEADER)
    quirk = "" if headers == usual else "behind a doubled EXIF header" if usual else "behind a stray EXIF header"
    return MetadataBlock("exif", payload[skip:], start + skip, quirk=quirk, chunk=chunk)


def _headers(payload: bytes) -> int:
    """The number of EXIF headers at the start of `payload`; some decoders accept two."""
    return 2 if payload.startswith(EXIF_HEADER * 2) else int(payload.startswith(EXIF_HEADER))


def _international_text(rest: bytes) -> tuple[bytes, bool]:
    """The text of an iTXt chunk after its keyword, and whether it is uncompressed."""
    compressed, _, text = rest[:1] == b"\1", *rest[2:].partition(b"\0")[1:]
    text = text.partition(b"\0")[2]
    return (_inflate(text), False) if compressed else (text, True)


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_TEXT)
    except zlib.error:
        return b""


def _from_hexadecimal(text: bytes) -> bytes:
    """The bytes of an ImageMagick raw profile: a blank line, the name, the length, then hexadecimal digits."""
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", b"".join(text.split(b"\n")[3:]))
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))
