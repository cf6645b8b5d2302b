"""What of a source's metadata an encoded picture keeps: its colour profile where that still fits, and its EXIF.

EXIF is copied as it is, not written anew, with every orientation set to 1 and the thumbnail unlinked; EXIF that
cannot be read in full is left out. XMP, comments and text are never kept: they may speak of the orientation too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, JpegImagePlugin
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from bboxprep.images import exif
from bboxprep.images.container import EXIF_HEADER, blobs, is_lossless_webp
from bboxprep.images.exif import Data
from bboxprep.images.header import mapped
from bboxprep.images.modes import icc_space
from bboxprep.images.opening import opened

_SPACES = {"L": "GRAY", "RGB": "RGB"}
_DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)  # of a TIFF: description, maker, model, software, date, people
_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_UNREADABLE = "EXIF that cannot be read in full was left out"
_SAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}


@dataclass(frozen=True, slots=True)
class Kept:
    """What is handed on from a source. `exif` begins with the EXIF header; `sampling` is that of a JPEG's chroma,
    4:4:4 where it has none or a rare one; `lost` says what could not be kept, or ""."""

    profile: bytes | None = None
    exif: bytes | None = None
    sampling: str = "4:4:4"
    lossless: bool = False
    lost: str = ""


def kept_from(source: Path, container: str, mode: str, *, strip: bool) -> Kept:
    """What a picture of Pillow's `mode` ("L" or "RGB") made from the file `source` keeps of it. `strip` leaves EXIF
    out, but never the profile, without which the colours would change. Raises `ImageError`."""
    with mapped(source) as (file, data), opened(source, container, file) as image:
        profile, profile_lost = _profile(image, mode)
        block, block_lost = (None, "") if strip else _exif(image, data, container)
        return Kept(
            profile,
            block,
            sampling=_sampling(image),
            lossless=container == "webp" and is_lossless_webp(data),
            lost="; ".join(words for words in (profile_lost, block_lost) if words),
        )


def _profile(image: ImageFile, mode: str) -> tuple[bytes | None, str]:
    profile = image.info.get("icc_profile")
    if not profile:
        return None, ""
    space = icc_space(profile)
    if space == _SPACES[mode]:
        return profile, ""
    return None, f"the colour profile was left out: it is for {space or 'nothing known'}, the output is {_SPACES[mode]}"


def _exif(image: ImageFile, data: Data, container: str) -> tuple[bytes | None, str]:
    if isinstance(image, TiffImageFile):
        return _tiff_exif(image)
    blob = next((blob for blob in blobs(data, container) if blob.kind == "exif"), None)
    if blob is None:
        return None, ""
    if not exif.is_sound(blob.content):
        return None, _UNREADABLE
    return EXIF_HEADER + exif.upright(blob.content, depth=2, unlink=True), ""


def _tiff_exif(image: TiffImageFile) -> tuple[bytes | None, str]:
    """The descriptive tags of a TIFF as a block of EXIF: its own directory also says where its pixels lie."""
    try:
        read, kept = image.getexif(), Image.Exif()
        kept.update({tag: read[tag] for tag in _DESCRIPTIVE if tag in read})
        directories = {pointer: read.get_ifd(pointer) for pointer in _DIRECTORIES if pointer in read}
        for pointer, tags in directories.items():
            kept.get_ifd(pointer).update(tags)
            kept[pointer] = 0
        lost = "" if all(directories.values()) else _UNREADABLE
        return (kept.tobytes() if len(kept) else None), lost
    except (LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError, struct.error):
        return None, _UNREADABLE


def _sampling(image: ImageFile) -> str:
    known = JpegImagePlugin.get_sampling(image) if isinstance(image, JpegImageFile) else 0
    return _SAMPLINGS.get(known, "4:4:4")
