"""Reads the capture time and the camera model of a photo from its EXIF."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bboxprep.errors import ImageError
from bboxprep.images.container import EXIF_HEADER, metadata_blocks
from bboxprep.images.header import mapped
from bboxprep.images.metadata.exif import Data, is_sound
from bboxprep.images.pillow import pillow
from bboxprep.images.pillow_reader import opened

if TYPE_CHECKING:
    from PIL import Image

_EXIF, _MODEL, _TAKEN = 0x8769, 0x0110, 0x9003  # tags: of the directory, and of Model and DateTimeOriginal


class CaptureTime(NamedTuple):
    """`camera` is the model as the file names it, "" where it does not; `second` counts on the camera's own clock."""

    camera: str
    second: int


def capture_time_of(path: Path, container: str) -> CaptureTime | None:
    """The moment of the photo at `path`; None where its EXIF has no DateTimeOriginal that can be read."""
    try:
        with mapped(path) as (file, data), opened(path, container, file) as image:
            exif = image.getexif() if container == "tiff" else _loaded(data, container)
            time = exif.get_ifd(_EXIF).get(_TAKEN, "")
            return CaptureTime(_text(exif.get(_MODEL, "")), _seconds(_text(time)))
    except ImageError:
        return None


def _loaded(data: Data, container: str) -> Image.Exif:
    """The EXIF of a container that would have to be decoded for it otherwise, as PNG."""
    exif: Image.Exif = pillow().Exif()
    block = next((block for block in metadata_blocks(data, container) if block.kind == "exif"), None)
    if block is not None and is_sound(block.content):
        exif.load(EXIF_HEADER + bytes(block.content))
    return exif


def _seconds(text: str) -> int:
    """Seconds since 1970 as if the clock were that of Greenwich. Raises ValueError for what is no time."""
    return int(datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp())


def _text(value: object) -> str:
    return str(value).strip("\0 ")
