"""Image files that are broken, odd or made to harm, each with the finding it must come to ("" for an image in the
output)."""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tests.images import specimens

UNREADABLE, REFUSED = "image-unreadable", "image-refused"
Pictures = Mapping[str, tuple[bytes, str]]


def broken() -> Pictures:
    """Files that are no pictures, or only the beginning of one."""
    found = {
        "empty.jpg": (b"", UNREADABLE),
        "page.jpg": (b"<!DOCTYPE html><html><body>404</body></html>", UNREADABLE),
        "archive.png": (b"PK\3\4" + bytes(60), UNREADABLE),
        "zeros.tif": (bytes(4096), UNREADABLE),
    }
    for container in specimens.CONTAINERS:
        whole = specimens.oriented_file(container, 6)
        for tenth in range(1, 10):
            found[f"cut-{container}-{tenth}.{container}"] = (whole[: len(whole) * tenth // 10], UNREADABLE)
    return found


def odd() -> Pictures:
    """Pictures that are unusual, but sound, or want a decision."""
    small = Image.fromarray(specimens.card())
    exif = specimens.EXIF_HEADER
    return {
        "png-inside.jpg": (specimens.oriented_file("png", 1), ""),
        "no-suffix-of-an-image.webp": (specimens.oriented_file("jpeg", 1), ""),
        "zero-denominator.jpg": (specimens.jpeg((0xE1, exif + _zero_resolution())), ""),
        "doubled-header.jpg": (specimens.jpeg((0xE1, exif * 2 + specimens.tiff_block(6))), ""),
        "empty-exif.jpg": (specimens.jpeg((0xE1, exif)), ""),
        **{f"fuzzed-exif-{seed}.jpg": (specimens.jpeg((0xE1, exif + _fuzzed(seed))), "") for seed in range(8)},
        "animated.gif": (_several("GIF"), REFUSED),
        "animated.png": (_several("PNG"), REFUSED),
        "animated.webp": (_several("WEBP"), REFUSED),
        "pages.tif": (_several("TIFF"), REFUSED),
        "sixteen.png": (specimens.deep_png(np.full((40, 64), 40_000, dtype=np.uint16)), REFUSED),
        "cmyk.jpg": (specimens.saved("JPEG", small.convert("CMYK")), ""),
        "palette.png": (specimens.saved("PNG", small.convert("P")), ""),
        "one-bit.png": (specimens.saved("PNG", small.convert("1")), ""),
    }


def harmful() -> Pictures:
    """Files that ask for far more memory or time than they have bytes."""
    return {
        "bomb.png": (one_bit_png(60_000, 60_000), UNREADABLE),
        "tall.png": (one_bit_png(1, 2**31 - 1), UNREADABLE),
        "bomb.gif": (gif_of(60_000, 60_000), UNREADABLE),
        "frame-over-screen.gif": (gif_of(8, 8, frame=(60_000, 60_000)), UNREADABLE),
        "bomb.bmp": (_bmp_of(60_000, 60_000), UNREADABLE),
        "bomb.webp": (_webp_of(16_384, 16_384), UNREADABLE),
        "bomb.jpg": (_jpeg_of(65_000, 65_000), UNREADABLE),
        "bomb.tif": (
            tiff_of({256: 60_000, 257: 60_000, 258: 1, 259: 1, 262: 1, 273: 8, 278: 60_000, 279: 9}),
            UNREADABLE,
        ),
        "tile.tif": (tiff_of(_HUGE_TILE), UNREADABLE),
        "smaller-tile.tif": (tiff_of({**_HUGE_TILE, 322: 20_000, 323: 20_000}), UNREADABLE),
        "strip.tif": (tiff_of(_HUGE_STRIP), UNREADABLE),
        "inflating-text.png": (specimens.png(*_inflating(64)), UNREADABLE),
        "overlapping-directories.tif": (_overlapping(4_000), UNREADABLE),
        "chained-directories.tif": (_chained(100_000), UNREADABLE),
        "many-metadata_blocks.jpg": (specimens.jpeg(*[(0xE1, specimens.EXIF_HEADER + bytes(60_000))] * 40), UNREADABLE),
    }


def large(name: str, width: int, height: int) -> bytes:
    """A sound picture of that size and of the kind that `name` says."""
    picture = Image.fromarray(specimens.card()).resize((width, height))
    match name:
        case "rgb.png":
            return specimens.saved("PNG", picture, compress_level=1)
        case "rgba.png":
            return specimens.saved("PNG", picture.convert("RGBA"), compress_level=1)
        case "rgba.webp":
            return specimens.saved("WEBP", picture.convert("RGBA"), quality=50, method=0)
        case "cmyk.jpg":
            return specimens.saved("JPEG", picture.convert("CMYK"))
        case "turned.jpg":
            return specimens.saved("JPEG", picture, exif=specimens.EXIF_HEADER + specimens.tiff_block(6))
        case _:
            return specimens.deep_png(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


def sown(root: Path, pictures: Pictures) -> Path:
    """A COCO dataset of `pictures` in `root`, one object in each, and a sound picture that keeps it a dataset."""
    files = {"sound.png": (specimens.oriented_file("png", 1), ""), **pictures}
    (root / "images").mkdir(parents=True)
    for name, (data, _) in files.items():
        (root / "images" / name).write_bytes(data)
    write_labels(root, list(files))
    return root


def write_labels(root: Path, names: list[str]) -> None:
    """A COCO document in `root` with one object in each image."""
    images = [{"id": number, "file_name": name} for number, name in enumerate(names, 1)]
    boxes = [{"id": row["id"], "image_id": row["id"], "category_id": 1, "bbox": [2, 3, 20, 10]} for row in images]
    document = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}
    (root / "labels.json").write_text(json.dumps(document), encoding="utf-8")


def one_bit_png(width: int, height: int) -> bytes:
    """A PNG whose header claims that size, and whose pixels inflate without end."""
    rows = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
            _chunk(b"IDAT", rows),
            _chunk(b"IEND", b""),
        )
    )


def gif_of(width: int, height: int, frame: tuple[int, int] | None = None) -> bytes:
    """A GIF of that screen, with a frame of it or of another size."""
    size = struct.pack("<HHHH", 0, 0, *(frame or (width, height)))
    head = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6)
    return head + b"," + size + b"\0" + b"\2\2\x4c\1\0" + b";"


def tiff_of(tags: Mapping[int, int]) -> bytes:
    """A TIFF whose only directory has `tags`, each one LONG, and some bytes for pixels."""
    return (
        b"II*\0\x20\0\0\0" + bytes(24) + specimens.ifd([(tag, 4, 1, value) for tag, value in sorted(tags.items())], "<")
    )


_GRAY = {258: 8, 259: 8, 262: 1, 277: 1}  # deflated, eight bits
_HUGE_TILE = {**_GRAY, 256: 16, 257: 16, 322: 65_520, 323: 65_520, 324: 8, 325: 20}
_HUGE_STRIP = {**_GRAY, 256: 16, 257: 16, 273: 8, 278: 2**31 - 1, 279: 20}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _inflating(count: int) -> Iterator[tuple[bytes, bytes]]:
    text = zlib.compress(b"\n\n\n" + b"4d4d002a" * (1 << 17), 9)
    for _ in range(count):
        yield b"zTXt", b"Raw profile type exif\0\0" + text


def _zero_resolution() -> bytes:
    entries = [(282, 5, 1, 38), (283, 5, 1, 38), (296, 3, 1, 2)]
    return (
        b"II*\0\x08\0\0\0"
        + specimens.ifd([(tag, kind, count, value) for tag, kind, count, value in entries], "<")
        + bytes(16)
    )


def _fuzzed(seed: int) -> bytes:
    chance = random.Random(seed)
    block = bytearray(specimens.tiff_block(6, thumbnail=3) + bytes(20))
    for _ in range(12):
        block[chance.randrange(8, len(block))] = chance.randrange(256)
    return bytes(block)


def _several(form: str) -> bytes:
    first, *rest = [Image.fromarray(np.roll(specimens.card(), shift, axis=1)) for shift in (0, 9, 20)]
    return specimens.saved(form, first, save_all=True, append_images=rest)


def _bmp_of(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 1, 0, 0, 0, 0, 2, 2) + bytes(8)
    return b"BM" + struct.pack("<IHHI", 14 + len(info) + 64, 0, 0, 14 + len(info)) + info + bytes(64)


def _webp_of(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    body = b"WEBP" + specimens.riff(b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes(20))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(specimens.saved("JPEG", specimens.card()))
    at = next(place for place in range(len(data)) if data[place : place + 2] == b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


def _overlapping(count: int) -> bytes:
    """Directories of 60,000 tags each, every one beginning six bytes after the one before."""
    tags = 60_000
    end = 2 + 12 * tags  # of a directory, from its start
    data = bytearray(b"II*\0\x08\0\0\0" + bytes(end + 6 * count + 16))
    for number in range(count):
        at = 8 + 6 * number
        struct.pack_into("<H", data, at, tags)
        struct.pack_into("<I", data, at + end, at + 6)
    return bytes(data)


def _chained(count: int) -> bytes:
    """Directories without a tag, one after the other."""
    return b"II*\0\x08\0\0\0" + b"".join(struct.pack("<HI", 0, 8 + 6 * (number + 1)) for number in range(count))
