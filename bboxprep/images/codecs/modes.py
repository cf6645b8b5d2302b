"""Converts every Pillow mode to 8-bit gray or RGB by stated rules, since ``Image.convert`` clips and drops silently."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import RefusedImageError
from bboxprep.images.opencv import opencv
from bboxprep.images.pillow import pillow

if TYPE_CHECKING:
    from PIL import Image

Depth16 = Literal["error", "shift8", "minmax", "percentile"]
Colour = tuple[int, int, int]

PERCENTILES = (0.5, 99.5)  # what "percentile" maps to 0 and 255
_DEEP = frozenset({"F", "I"})
_ALPHA = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})


def is_deep(mode: str, depth: int) -> bool:
    """Whether pixels of Pillow's `mode`, stored with `depth` bits a channel, hold more than 8 bits can."""
    return depth > 8 or mode in _DEEP or mode.startswith("I;")


def to_uint8(path: Path, image: Image.Image, depth: int, *, depth16: Depth16, background: Colour) -> NDArray[np.uint8]:
    """The pixels of `image`, stored with `depth` bits a channel: uint8 (H, W) if gray, else (H, W, 3) RGB.

    Transparency shows `background`, and gray stays gray where that is a gray too. `depth16` is for single channels
    ("shift8" keeps the high byte; "minmax" and "percentile" stretch what is there); of deep RGB Pillow gives the high
    byte alone. CMYK goes by its own profile to sRGB, if it has one. Raises
    `RefusedImageError` about `path` for floats that have no high byte.
    """
    if image.mode in _DEEP or image.mode.startswith("I;"):
        return _from_deep(path, image, depth, depth16=depth16, background=background)
    if image.mode in _ALPHA or "transparency" in image.info:
        return _composited(image, background)
    match image.mode:
        case "L" | "RGB":
            return np.asarray(image)
        case "1":
            return np.asarray(image.convert("L"))
        case "CMYK":
            return np.asarray(_from_cmyk(image))
        case _:
            return np.asarray(image.convert("RGB"))


def reverse_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`pixels` RGB as BGR, or the reverse: uint8 (H, W, 3); gray (H, W) as they are."""
    if pixels.ndim == 2:
        return pixels
    return np.asarray(opencv().cvtColor(pixels, opencv().COLOR_RGB2BGR))


def icc_space(profile: bytes) -> str:
    """The colour space of an ICC profile ("RGB", "GRAY", "CMYK" …), or "" if it is not a profile."""
    is_profile = len(profile) >= 128 and profile[36:40] == b"acsp"
    return profile[16:20].decode("latin-1").strip() if is_profile else ""


def _from_deep(
    path: Path, image: Image.Image, depth: int, *, depth16: Depth16, background: Colour
) -> NDArray[np.uint8]:
    values = np.asarray(image)
    gray = _high_byte(path, values, depth) if depth16 == "shift8" else _stretched(values, depth16)
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return gray
    if len(set(background)) > 1:
        gray = np.repeat(gray[..., None], 3, axis=2)
    gray[values == clear] = background if gray.ndim == 3 else background[0]
    return gray


def _high_byte(path: Path, values: NDArray[np.generic], depth: int) -> NDArray[np.uint8]:
    if values.dtype.kind == "f":
        raise RefusedImageError(
            path,
            "",
            "its pixels are floats, which have no high byte (want `depth16='minmax'` or 'percentile')",
        )
    levels: NDArray[np.int64] = values.astype(np.int64) >> max(depth - 8, 0)
    return levels.clip(0, 255).astype(np.uint8)


def _stretched(values: NDArray[np.generic], depth16: Depth16) -> NDArray[np.uint8]:
    """`values` stretched so that their extremes (or `PERCENTILES`) become 0 and 255; what is not finite becomes 0."""
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        return np.zeros(numbers.shape, dtype=np.uint8)
    low, high = np.percentile(numbers[finite], PERCENTILES if depth16 == "percentile" else (0.0, 100.0))
    numbers[~finite] = low
    span = high - low if high > low else 1.0
    levels: NDArray[np.float64] = np.rint((numbers - low) / span * 255.0)
    return levels.clip(0.0, 255.0).astype(np.uint8)


def _composited(image: Image.Image, background: Colour) -> NDArray[np.uint8]:
    stays_gray = image.mode in {"1", "L", "LA", "La"} and len(set(background)) == 1
    with_alpha = image.convert("LA" if stays_gray else "RGBA")
    new = pillow().new
    canvas: Image.Image = new("L", image.size, background[0]) if stays_gray else new("RGB", image.size, background)
    canvas.paste(with_alpha.convert(canvas.mode), mask=with_alpha.getchannel("A"))
    return np.asarray(canvas)


def _from_cmyk(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile", b"")
    if icc_space(profile) != "CMYK":
        return image.convert("RGB")
    from PIL import ImageCms  # imported here: few images are CMYK

    try:
        given, wanted = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, given, wanted, outputMode="RGB")
    except ImageCms.PyCMSError:
        return image.convert("RGB")
    return converted or image.convert("RGB")
