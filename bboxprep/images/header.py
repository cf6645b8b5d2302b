"""What an image file says before its pixels are decoded: one answer for every container.

The container is told from the bytes, never from the name. The size is that of the stored pixels; for TIFF it comes
from tags 256 and 257, because Pillow reports the displayed size there. AVIF and HEIC are turned by their container,
never by EXIF: an AVIF comes as it is coded, the container's turn being its orientation; a HEIC comes turned already.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL.ImageFile import ImageFile

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Size
from bboxprep.images import exif, heif
from bboxprep.images.container import NAMES, blobs, sniff
from bboxprep.images.exif import Data
from bboxprep.images.opening import faults_named, opened
from bboxprep.images.orientation import Verdict, judge, overrule
from bboxprep.model.header import Header

MOST_PIXELS = 178_956_970  # Pillow's own limit against decompression bombs, kept whatever its globals are set to


def read_header(path: Path) -> Header:
    """The header of the image at `path`. Nothing is decoded. Raises `ImageError`, and nothing else."""
    with mapped(path) as (file, data):
        container = sniff(data)
        if container is None:
            want = ", ".join(NAMES.values())
            raise ImageError(path, "", f"not an image: starts with {data[:16]!r} (want {want})")
        verdict = _verdict(data, container)
        with opened(path, container, file) as image:
            size = _stored_size(path, image, data, container)
            frames = 1 if container == "jpeg" else getattr(image, "n_frames", 1)
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
            )


@contextmanager
def mapped(path: Path) -> Iterator[tuple[IO[bytes], mmap.mmap]]:
    """The file at `path`, open, and its bytes, read as they are touched. Raises `ImageError`; an empty file is one."""
    if path.is_dir():
        raise ImageError(path, "", "is a folder (want an image)")
    with faults_named(path, "cannot be read"), path.open("rb") as file:
        if not file.seek(0, 2):
            raise ImageError(path, "", "the file is empty (0 bytes)")
        file.seek(0)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield file, data


def _verdict(data: Data, container: str) -> Verdict:
    found = blobs(data, container)
    if container not in {"avif", "heic"}:
        return judge(found)
    own = heif.turn(data).exif
    return Verdict(own if container == "avif" else 1, disputed=overrule(found, own))


def _stored_size(path: Path, image: ImageFile, data: Data, container: str) -> Size:
    width, height = _tiff_size(data) if container == "tiff" else image.size
    if width < 1 or height < 1:
        raise ImageError(path, "", f"the picture has no pixels ({width}x{height})")
    if width * height > MOST_PIXELS:
        raise ImageError(
            path, "", f"too large (have {width}x{height} = {width * height:,} pixels, want at most {MOST_PIXELS:,})"
        )
    return Size(width, height)


def _tiff_size(data: Data) -> tuple[int, int]:
    width, height = (_tiff_number(data, tag, 0) for tag in (exif.WIDTH, exif.HEIGHT))
    return width, height


def _tiff_number(data: Data, tag: int, default: int) -> int:
    """The largest value of `tag` in IFD0."""
    ifd0 = next(exif.directories(data), None)
    entry = ifd0.find(tag) if ifd0 else None
    return max(exif.whole_numbers(data, ifd0.layout, entry), default=default) if ifd0 and entry else default


def _depth(data: Data, container: str) -> int:
    """Bits a channel as stored; Pillow reads JPEG, WebP, BMP and GIF with 8 bits only."""
    match container:
        case "png":
            return data[24]
        case "tiff":
            return _tiff_number(data, exif.BITS, 1)
        case "avif" | "heic":
            return heif.depth(data)
        case _:
            return 8
