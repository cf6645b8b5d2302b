"""Image files made to order: a card whose eight turns all differ, metadata in every place a container has for it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from bboxprep.geometry.affine import Size

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CONTAINERS = ("jpeg", "png", "webp", "tiff")
EXIF_HEADER = b"Exif\0\0"
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
CARD_SIZE = Size(64, 40)

Entry = tuple[int, int, int, int]  # tag, type, count, value


def card(size: Size = CARD_SIZE) -> NDArray[np.uint8]:
    """An RGB picture (H, W, 3) that no turn or mirror leaves as it is."""
    pixels = np.full((size.height, size.width, 3), 90, dtype=np.uint8)
    pixels[: size.height // 3, : size.width // 2] = (230, 30, 30)
    pixels[-size.height // 4 :, -size.width // 3 :] = (30, 220, 40)
    return pixels


def ifd(entries: Sequence[Entry], order: str, link: int = 0) -> bytes:
    packed = b"".join(
        struct.pack(order + "HHI", tag, kind, count) + _field(order, kind, value) for tag, kind, count, value in entries
    )
    return struct.pack(order + "H", len(entries)) + packed + struct.pack(order + "I", link)


def tiff_block(orientation: int, order: str = "<", *, kind: int = 3, count: int = 1, thumbnail: int = 0) -> bytes:
    """An EXIF structure with an orientation in IFD0 and, if `thumbnail` is not 0, that orientation in an IFD1."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    ifd0 = [(274, kind, count, orientation), (305, 2, 2, 0x41)]
    link = len(head) + len(ifd(ifd0, order)) if thumbnail else 0
    return head + ifd(ifd0, order, link) + (ifd([(274, 3, 1, thumbnail)], order) if thumbnail else b"")


def xmp_packet(orientation: int | str, *, element: bool = False) -> bytes:
    said = f"<tiff:Orientation>{orientation}</tiff:Orientation>" if element else ""
    attribute = "" if element else f' tiff:Orientation="{orientation}"'
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{attribute}>{said}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def image_file(
    container: str, *, exif: bytes = b"", xmp: bytes = b"", pixels: NDArray[np.uint8] | None = None
) -> bytes:
    """A file of `container` with the given raw EXIF payload (headers included, if any are wanted) and XMP packet."""
    picture = card() if pixels is None else pixels
    match container:
        case "jpeg":
            segments = [(0xE1, exif)] if exif else []
            return jpeg(*segments, *([(0xE1, XMP_HEADER + xmp)] if xmp else []), pixels=picture)
        case "png":
            chunks = [(b"eXIf", exif)] if exif else []
            return png(*chunks, *([(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)] if xmp else []), pixels=picture)
        case "webp":
            return webp(exif=exif, xmp=xmp, pixels=picture)
        case _:
            raise ValueError(container)


def oriented_file(container: str, orientation: int, *, order: str = "<") -> bytes:
    """The card, stored as it is, in a file that asks for `orientation` in the usual place."""
    block = tiff_block(orientation, order)
    if container == "tiff":
        return saved("TIFF", card(), tiffinfo={274: orientation})
    return image_file(container, exif=EXIF_HEADER + block if container == "jpeg" else block)


def jpeg(*segments: tuple[int, bytes], pixels: NDArray[np.uint8] | None = None) -> bytes:
    data = saved("JPEG", card() if pixels is None else pixels, quality=95, subsampling=0)
    packed = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload for marker, payload in segments
    )
    return data[:2] + packed + data[2:]


def png(*chunks: tuple[bytes, bytes], late: bool = False, pixels: NDArray[np.uint8] | None = None) -> bytes:
    """A PNG with `chunks` behind its header, or (`late`) behind its pixels."""
    data = saved("PNG", card() if pixels is None else pixels)
    packed = b"".join(
        struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
        for kind, payload in chunks
    )
    at = len(data) - 12 if late else 33
    return data[:at] + packed + data[at:]


def raw_profile(block: bytes) -> bytes:
    """EXIF as ImageMagick writes it into the text of a PNG."""
    text = (EXIF_HEADER + block).hex()
    return f"\nexif\n{len(text) // 2:8}\n{text}\n".encode()


def webp(
    *, exif: bytes = b"", xmp: bytes = b"", lossless: bool = True, pixels: NDArray[np.uint8] | None = None
) -> bytes:
    """A WebP put together by hand, because Pillow takes an EXIF header off."""
    picture = card() if pixels is None else pixels
    plain = saved("WEBP", picture, lossless=lossless, quality=95)[12:]
    height, width = picture.shape[:2]
    flags = (8 if exif else 0) | (4 if xmp else 0)
    extended = struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = (
        riff(b"VP8X", extended) + plain + (riff(b"EXIF", exif) if exif else b"") + (riff(b"XMP ", xmp) if xmp else b"")
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def riff(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def saved(form: str, pixels: NDArray[np.generic] | Image.Image, **options: object) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _field(order: str, kind: int, value: int) -> bytes:
    match kind:
        case 1 | 2 | 7:
            return struct.pack("4B", value, 0, 0, 0)
        case 4 | 9:
            return struct.pack(order + "I", value)
        case _:
            return struct.pack(order + "HH", value, 0)


def deep_png(values: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits a channel, (H, W) gray or (H, W, 3) RGB, which Pillow cannot write."""
    done, data = cv2.imencode(".png", values if values.ndim == 2 else values[..., ::-1])
    assert done
    return bytes(data)


def damaged(data: bytes, draw: st.DataObject) -> bytes:
    """`data` cut off somewhere, or with some bytes changed, or both."""
    broken = bytearray(data[: draw.draw(st.integers(1, len(data)), "length")])
    for _ in range(draw.draw(st.integers(0, 6), "changes")):
        early = min(len(broken) - 1, draw.draw(st.sampled_from([64, 400, len(data)]), "reach"))
        broken[draw.draw(st.integers(0, early), "at")] = draw.draw(st.integers(0, 255), "byte")
    return bytes(broken)


@cache
def srgb_profile() -> bytes:
    """One for the whole session, because a profile states the second it was made in."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def cmyk_profile() -> bytes:
    """A tiny ICC profile of a press of which only the black ink leaves a trace."""
    paper_and_black = bytes([255, 128, 128, 0, 128, 128])
    curve = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if index % 4 == 0 else 0 for index in range(9)))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + curve * 4 + paper_and_black * 8 + curve * 3
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(lut))
    head = struct.pack(">I4sI4s4s4s12x4s", 144 + len(lut), b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    white = struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(68, b"\0") + white + b"\0" * 48 + tags + lut


def thumbnailed_exif(orientation: int) -> bytes:
    """EXIF as a camera writes it: a model, a place, the orientation, a thumbnail with its own orientation."""
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Maker", "Model 7", orientation
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 1.5)
    exif[0x8825] = 0
    exif.get_ifd(0x8769)[0x829A] = 0.01
    exif[0x8769] = 0
    block = bytearray(exif.tobytes()[len(EXIF_HEADER) :])
    order = "<" if block[:2] == b"II" else ">"
    link = 8 + 2 + 12 * struct.unpack_from(order + "H", block, 8)[0]
    struct.pack_into(order + "I", block, link, len(block))
    thumbnail = saved("JPEG", card(Size(16, 10)))
    at = len(block) + len(ifd([(0, 3, 1, 0)] * 3, order))
    return (
        bytes(block) + ifd([(274, 3, 1, orientation), (513, 4, 1, at), (514, 4, 1, len(thumbnail))], order) + thumbnail
    )
