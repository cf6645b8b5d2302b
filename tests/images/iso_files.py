"""AVIF and HEIC files made to order: the container's own turn and the orientation in EXIF each as wished."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Literal

import pillow_heif
from PIL import Image

from tests.images.specimens import EXIF_HEADER, card, saved, tiff_block, xmp_packet

Kind = Literal["avif", "heic"]


@cache
def iso_file(kind: Kind, own: int, exif: int | None = None, *, xmp: int | None = None) -> bytes:
    """The card as it is coded, in a container that turns it by `own`; EXIF and XMP say what they are told to."""
    packet = {} if xmp is None else {"xmp": xmp_packet(xmp)}
    return _avif(own, exif, packet) if kind == "avif" else _heic(own, exif, packet)


def gray_file(kind: Kind) -> bytes:
    """A gray card."""
    gray = Image.fromarray(card()).convert("L")
    if kind == "avif":
        return saved("AVIF", gray, quality=95)
    out = BytesIO()
    pillow_heif.encode("L", gray.size, gray.tobytes(), out, quality=95)
    return out.getvalue()


def clear_file(kind: Kind) -> bytes:
    """A card that is wholly transparent."""
    clear = Image.fromarray(card()).convert("RGBA")
    clear.putalpha(0)
    if kind == "avif":
        return saved("AVIF", clear, quality=95)
    out = BytesIO()
    pillow_heif.encode("RGBA", clear.size, clear.tobytes(), out, quality=95)
    return out.getvalue()


def heic_of(*levels: int) -> bytes:
    """A HEIC of several pictures, the second of which is the primary one, where there are several."""
    pictures = [Image.new("RGB", (64, 64 + number), (level, level, level)) for number, level in enumerate(levels)]
    file = pillow_heif.from_pillow(pictures[0])
    for picture in pictures[1:]:
        file.add_from_pillow(picture)
    out = BytesIO()
    file.save(out, quality=90, primary_index=min(1, len(levels) - 1))
    return out.getvalue()


def deep_heic() -> bytes:
    """A HEIC of 10 bits a channel."""
    out = BytesIO()
    pillow_heif.encode("RGB;16", (64, 40), bytes(64 * 40 * 6), out, quality=95)
    return out.getvalue()


def _avif(own: int, exif: int | None, packet: dict[str, bytes]) -> bytes:
    """Pillow takes the orientation out of the EXIF that it writes, so the block is exchanged for one of that length."""
    given, written = Image.Exif(), Image.Exif()
    given[305] = written[305] = "software " * 9
    given[274] = own
    block = written.tobytes()[len(EXIF_HEADER) :]
    data = saved("AVIF", card(), quality=95, subsampling="4:4:4", exif=given.tobytes(), **packet)
    assert data.count(block) == 1
    return data if exif is None else data.replace(block, tiff_block(exif).ljust(len(block), b"\0"))


def _heic(own: int, exif: int | None, packet: dict[str, bytes]) -> bytes:
    """The encoder turns by the EXIF that it is given, which is then changed where it stands."""
    pixels, out = card(), BytesIO()
    size = (pixels.shape[1], pixels.shape[0])
    pillow_heif.encode("RGB", size, pixels.tobytes(), out, quality=95, chroma=444, exif=tiff_block(own), **packet)
    data = out.getvalue()
    assert data.count(tiff_block(own)) == 1
    return data if exif is None else data.replace(tiff_block(own), tiff_block(exif))
