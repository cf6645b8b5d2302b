"""Reads the header of an image file without decoding it: container, size, EXIF orientation, mode, depth.

The container is recognised by the bytes, never by the name. The size is that of the stored pixels; for TIFF it comes
from tags 256 and 257, because Pillow reports the displayed size there. AVIF and HEIC are turned by their container,
never by EXIF: an AVIF is decoded as coded, and the container's turn is its orientation; a HEIC is decoded turned.

Of a remote JPEG only the first bytes are fetched: its header ends before the first scan. Other containers may have
metadata after their pixels (eXIf of PNG) or anywhere (TIFF) and are fetched as a whole.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Size
from bboxprep.images import heif
from bboxprep.images.container import (
    MAX_METADATA_BLOCKS,
    NAMES,
    jpeg_fill,
    jpeg_head_is_whole,
    metadata_blocks,
    other_kind,
    sniff,
)
from bboxprep.images.metadata import exif
from bboxprep.images.metadata.exif import Data
from bboxprep.images.orientation import OrientationVerdict, judge, overrule
from bboxprep.images.pillow_reader import faults_named, opened
from bboxprep.images.plain_jpeg import HEAD, plain_header
from bboxprep.images.truncation import JPEG_END, ends_early
from bboxprep.io.remote import StoredPath, is_stored
from bboxprep.model.header import Header

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MOST_PIXELS = 178_956_970  # Pillow's default limit against decompression bombs, independent of its globals
_MOST_FILL = 1 << 16  # bytes between segments of a JPEG, which decoders skip one by one
_MOST_TAGS = 1 << 20  # of all directories of a TIFF; those that overlap could be read over and over
_MOST_PAGES = 1 << 16
_HEAD_OF_PPM = 4096  # bytes
_MOST_OF_A_TILE = 1 << 24  # pixels
_MOST_BESIDE, _MOST_OF_A_PIXEL = 256 << 20, 64  # bytes: a film that a phone appends, and any depth uncompressed


_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # it may be a pipe by now
_FIRST_FETCH = 1 << 16  # bytes
_MOST_FETCHED = 1 << 31  # bytes


def read_header(path: Path, most_pixels: int = MOST_PIXELS) -> Header:
    """The header of the image at `path`, which has at most `most_pixels`. Nothing is decoded.

    Raises `ImageError`, and nothing else.
    """
    remote: bool = is_stored(path)
    if remote:
        return read_any_header(path, most_pixels)
    file, length = _open(path)
    try:
        return _header_of(path, file, length, most_pixels)
    finally:
        os.close(file)


def refuse_changed(path: Path, header: Header, file: int) -> None:
    """Raises `ImageError` where the open `file`, at its start, is not the image at `path` that `header` was read of."""
    most_pixels = max(MOST_PIXELS, header.size.pixels)
    now = _header_of(path, file, os.fstat(file).st_size, most_pixels)
    os.lseek(file, 0, os.SEEK_SET)
    seen = {
        "container": header.container,
        "size": header.size,
        "orientation": 1 if header.stated else header.orientation,
    }
    for name, had in seen.items():
        if (have := getattr(now, name)) != had:
            raise ImageError(path, "", f"was changed while the run read it (its {name} is {have}, and was {had})")


def _header_of(path: Path, file: int, length: int, most_pixels: int) -> Header:
    """The header of the image at `path`, which is open as `file`, at its start, and has so many bytes."""
    with faults_named(path, "cannot be read"):
        header = plain_header(os.read(file, HEAD), most_pixels)
        whole = _ends_as_jpeg(file, length)
    if header is None or not whole:
        return read_any_header(path, most_pixels, file)
    _refuse_excess(path, length, header.size, header.frames)
    return header


def read_any_header(path: Path, most_pixels: int = MOST_PIXELS, file: int | None = None) -> Header:
    """As `read_header`, always by Pillow and all metadata, without the fast path; `file` is its descriptor, if open."""
    with mapped(path, file) as (source, data):
        container = sniff(data)
        if container is None:
            kind, want = other_kind(data), ", ".join(NAMES.values())
            have = f"is {kind}, which is not read" if kind else f"not an image: starts with {data[:16]!r}"
            raise ImageError(path, "", f"{have} (want {want})")
        verdict = _verdict(path, data, container)
        pages = _pages(path, data) if container == "tiff" else 1
        with opened(path, container, source) as image:
            size = _stored_size(path, image, data, container, most_pixels)
            frames = max(1, pages) if container in {"jpeg", "tiff"} else getattr(image, "n_frames", 1)
            _refuse_excess(path, len(data), size, frames)
            return Header(
                size=size,
                orientation=verdict.orientation,
                container=container,
                mode=image.mode,
                depth=_depth(data, container),
                frames=frames,
                tagged=verdict.tagged,
                invalid=verdict.invalid,
                disputed=verdict.disputed,
                ends_early=not is_stored(path) and ends_early(data, container, image),
            )


def _ends_as_jpeg(file: int, length: int) -> bool:
    """Whether the last bytes of the open `file`, of `length`, are a JPEG's end marker."""
    at = max(0, length - len(JPEG_END))
    if sys.platform == "win32":
        os.lseek(file, at, os.SEEK_SET)
        return os.read(file, len(JPEG_END)) == JPEG_END
    return os.pread(file, len(JPEG_END), at) == JPEG_END


def container_of(name: str) -> str:
    """The container by the suffix of the file `name`; "jpeg" for an unknown suffix."""
    return _CONTAINERS.get(os.path.splitext(name)[1].lower(), "jpeg")  # noqa: PTH122  (of 100,000 paths)


_CONTAINERS = {
    ".avif": "avif", ".bmp": "bmp", ".gif": "gif", ".heic": "heic", ".heif": "heic", ".hif": "heic", ".png": "png",
    ".tif": "tiff", ".tiff": "tiff", ".webp": "webp", ".tga": "tga",
    **dict.fromkeys((".pbm", ".pgm", ".pnm", ".ppm"), "ppm"),
    **dict.fromkeys((".j2c", ".j2k", ".jp2", ".jpf", ".jpx"), "jp2"),
}  # fmt: skip


@contextmanager
def mapped(path: Path, file: int | None = None) -> Iterator[tuple[IO[bytes], Data]]:
    """The open file at `path` and its bytes, mapped into memory; `file` is its descriptor, if it is open already.

    Raises `ImageError`, also for an empty file.
    """
    if is_stored(path):
        with faults_named(path, "cannot be read"):
            found = _fetched(path)
        yield found
        return
    owned = file is None
    number = _open(path)[0] if file is None else file
    with faults_named(path, "cannot be read"), os.fdopen(number, "rb", closefd=owned) as source:
        source.seek(0)
        with mmap.mmap(number, 0, access=mmap.ACCESS_READ) as data:
            yield source, data


def _open(path: Path) -> tuple[int, int]:
    """The descriptor and the length of the file at `path`. Raises `ImageError`, also for an empty file."""
    with faults_named(path, "cannot be read"):
        found = os.stat(path)  # noqa: PTH116  (a third of the time of Path.stat)
        if stat.S_ISREG(found.st_mode) and found.st_size:  # opening a pipe would block
            return os.open(path, _FLAGS), found.st_size
    if stat.S_ISREG(found.st_mode):
        raise ImageError(path, "", "the file is empty (0 bytes)")
    kind = "folder" if stat.S_ISDIR(found.st_mode) else "device or a pipe"
    raise ImageError(path, "", f"is a {kind} (want an image)")


def _verdict(path: Path, data: Data, container: str) -> OrientationVerdict:
    if container == "jpeg" and (fill := jpeg_fill(data)) > _MOST_FILL:
        raise ImageError(path, "", f"has {fill:,} bytes between two segments (want at most {_MOST_FILL:,})")
    found = metadata_blocks(data, container)
    if len(found) > MAX_METADATA_BLOCKS:
        raise ImageError(path, "", f"has more than {MAX_METADATA_BLOCKS} pieces of EXIF and XMP")
    if container not in {"avif", "heic"}:
        return judge(found)
    own = heif.turn(data).exif
    return OrientationVerdict(own if container == "avif" else 1, disputed=overrule(found, own))


def _pages(path: Path, data: Data) -> int:
    """The number of images in the chain of directories of a TIFF."""
    tags = number = 0
    for number, directory in enumerate(exif.directories(data), 1):
        tags += directory.count
        if tags > _MOST_TAGS or number > _MOST_PAGES:
            raise ImageError(path, "", f"has more than {_MOST_TAGS:,} tags or {_MOST_PAGES:,} pages")
    return number


def _stored_size(path: Path, image: ImageFile, data: Data, container: str, most_pixels: int) -> Size:
    width, height = _tiff_size(data) if container == "tiff" else image.size
    if width < 1 or height < 1:
        raise ImageError(path, "", f"the image has no pixels ({width}x{height})")
    if container == "tiff":
        _refuse_tiles(path, data, width * height)
        _refuse_strips(path, data, height)
    refuse_large(path, Size(width, height), most_pixels)
    return Size(width, height)


def refuse_large(path: Path, size: Size, most_pixels: int) -> None:
    """Raises `ImageError` where the image at `path`, of `size`, has more than `most_pixels`."""
    if size.pixels > most_pixels:
        have = f"have {size} = {size.pixels:,} pixels"
        raise ImageError(path, "", f"too large ({have}, want at most {most_pixels:,}; `max_pixels` allows more)")


def _refuse_excess(path: Path, length: int, size: Size, frames: int) -> None:
    """Raises `ImageError` for a file far larger than its images can be; whoever reads it whole would need as much."""
    most = _MOST_BESIDE + _MOST_OF_A_PIXEL * size.pixels * frames
    if length > most:
        raise ImageError(path, "", f"have {length:,} bytes for an image of {size} (want at most {most:,})")


def _refuse_tiles(path: Path, data: Data, pixels: int) -> None:
    """Raises `ImageError` for a TIFF in tiles far larger than its image: a tile is decoded whole."""
    across, down = (_tiff_number(data, tag, 0) for tag in (exif.TILE_WIDTH, exif.TILE_HEIGHT))
    if across * down > max(pixels, _MOST_OF_A_TILE):
        raise ImageError(path, "", f"have tiles of {across}x{down}, larger than its image")


def _refuse_strips(path: Path, data: Data, height: int) -> None:
    """Raises `ImageError` for a TIFF with more strips than bytes: a decoder keeps numbers of each."""
    rows = _tiff_number(data, exif.ROWS_PER_STRIP, height)
    if (strips := height // max(1, rows)) > len(data):
        raise ImageError(path, "", f"have {strips:,} strips in {len(data):,} bytes")


def _tiff_size(data: Data) -> tuple[int, int]:
    width, height = (_tiff_number(data, tag, 0) for tag in (exif.WIDTH, exif.HEIGHT))
    return width, height


def _tiff_number(data: Data, tag: int, default: int) -> int:
    """The largest value of `tag` in IFD0."""
    ifd0 = next(exif.directories(data), None)
    entry = ifd0.find(tag) if ifd0 else None
    return max(exif.whole_numbers(data, ifd0.layout, entry), default=default) if ifd0 and entry else default


def _depth(data: Data, container: str) -> int:
    """Bits a channel as stored; Pillow reads JPEG, WebP, BMP, GIF and TGA with 8 bits only."""
    match container:
        case "png":
            return data[24]
        case "tiff":
            return _tiff_number(data, exif.BITS, 1)
        case "avif" | "heic":
            return heif.depth(data)
        case "ppm":
            return _ppm_depth(data)
        case "jp2":
            return _jp2_depth(data)
        case _:
            return 8


def _ppm_depth(data: Data) -> int:
    """16 where the largest level of a PPM or PGM, its fourth word, takes two bytes; comments stand between words."""
    words = re.sub(rb"#[^\r\n]*", b"", data[:_HEAD_OF_PPM]).split(maxsplit=4)
    bitmap = words[0] in {b"P1", b"P4"}
    return 16 if not bitmap and len(words) > 3 and words[3].isdigit() and int(words[3][:9]) > 255 else 8


def _jp2_depth(data: Data) -> int:
    """The bits of the first channel, by the SIZ segment of the codestream (ITU T.800, A.5.1)."""
    at = data.find(b"\xff\x4f\xff\x51")
    bits = data[at + 42 : at + 43] if at >= 0 else b""
    return (bits[0] & 0x7F) + 1 if bits else 8


def _fetched(path: StoredPath) -> tuple[IO[bytes], Data]:
    """The file at `path` and its bytes; bytes that were not fetched are zeros.

    Raises `ImageError` where it is not a file, is empty or too large, and the errors of the storage.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(path, "", "is a folder (want an image)")
    size = status.st_size
    if not size:
        raise ImageError(path, "", "the file is empty (0 bytes)")
    if size > _MOST_FETCHED:
        raise ImageError(path, "", f"have {size:,} bytes, want at most {_MOST_FETCHED:,}")
    data, wanted = path.read_range(0, min(_FIRST_FETCH, size)), _FIRST_FETCH
    while len(data) < size and sniff(data) == "jpeg" and not jpeg_head_is_whole(data):
        wanted *= 4
        data = path.read_range(0, min(wanted, size))
    if sniff(data) not in ("jpeg", None):
        data = path.read_bytes() if len(data) < size else data
    return BytesIO(data), data if len(data) >= size else _padded(data, size)


def _padded(data: bytes, size: int) -> mmap.mmap:
    """`data` padded with zeros to `size` bytes, which take no memory."""
    whole = mmap.mmap(-1, size)
    whole[: len(data)] = data
    return whole
