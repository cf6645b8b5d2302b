"""Selects the metadata that an encoded image keeps: the colour profile, if it still fits, and EXIF.

EXIF is copied with every orientation set to 1 and the thumbnail unlinked; damaged EXIF is left out. XMP, comments and
text are never kept, since they may state an orientation too.
"""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bboxprep.images.codecs import jpeg
from bboxprep.images.codecs.modes import icc_space
from bboxprep.images.container import EXIF_HEADER, is_lossless_webp, metadata_blocks
from bboxprep.images.metadata import exif
from bboxprep.images.pillow import pillow
from bboxprep.images.pillow_reader import opened, read

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_SPACES = {"L": "GRAY", "RGB": "RGB"}
_DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)  # of a TIFF: description, maker, model, software, date, people
_DIRECTORIES = (0x8769, 0x8825)  # of a TIFF, by the tags that point to them: EXIF and GPS
_UNREADABLE = "EXIF that cannot be read in full was left out"


class KeptMetadata(msgspec.Struct, frozen=True):
    """The metadata of a source that its output keeps. `exif` begins with the EXIF header; `sampling` is the chroma
    subsampling of a JPEG, 4:4:4 if it has none or a rare one; `lost` is the message about dropped metadata, or ""."""

    profile: bytes | None = None
    exif: bytes | None = None
    sampling: str = "4:4:4"
    lossless: bool = False
    lost: str = ""


def kept_from(source: Path, container: str, mode: str, *, strip: bool, data: bytes | None = None) -> KeptMetadata:
    """What an image of Pillow's `mode` ("L" or "RGB") made from the file `source`, whose bytes are `data` if known
    already, keeps of it. `strip` leaves EXIF out, but never the profile, without which the colours would change.
    Raises `ImageError`."""
    data = read(source) if data is None else data
    if container == "jpeg":
        profile, (block, block_lost) = jpeg.profile_of(data), _exif(data, container)
    else:
        with opened(source, container, BytesIO(data)) as image:
            profile = image.info.get("icc_profile")
            block, block_lost = _tiff_exif(image) if container == "tiff" else _exif(data, container)
    fitting, profile_lost = _fitting(profile, mode)
    return KeptMetadata(
        fitting,
        None if strip else block,
        sampling=jpeg.sampling_of(data) if container == "jpeg" else "4:4:4",
        lossless=container == "webp" and is_lossless_webp(data),
        lost="; ".join(words for words in (profile_lost, "" if strip else block_lost) if words),
    )


def _fitting(profile: bytes | None, mode: str) -> tuple[bytes | None, str]:
    if not profile:
        return None, ""
    space = icc_space(profile)
    if space == _SPACES[mode]:
        return profile, ""
    return None, f"the colour profile was left out: it is for {space or 'nothing known'}, the output is {_SPACES[mode]}"


def _exif(data: bytes, container: str) -> tuple[bytes | None, str]:
    block = next((block for block in metadata_blocks(data, container) if block.kind == "exif"), None)
    if block is None:
        return None, ""
    if not exif.is_sound(block.content):
        return None, _UNREADABLE
    return EXIF_HEADER + exif.upright(block.content, depth=2, unlink=True), ""


def _tiff_exif(image: ImageFile) -> tuple[bytes | None, str]:
    """The descriptive tags of a TIFF as a block of EXIF: its own directory also says where its pixels lie."""
    try:
        read, kept = image.getexif(), pillow().Exif()
        kept.update({tag: read[tag] for tag in _DESCRIPTIVE if tag in read})
        directories = {pointer: read.get_ifd(pointer) for pointer in _DIRECTORIES if pointer in read}
        for pointer, tags in directories.items():
            kept.get_ifd(pointer).update(tags)
            kept[pointer] = 0
        lost = "" if all(directories.values()) else _UNREADABLE
        return (kept.tobytes() if len(kept) else None), lost
    except (LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError, struct.error):
        return None, _UNREADABLE
