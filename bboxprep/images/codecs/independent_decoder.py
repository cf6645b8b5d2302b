"""Decodes and resamples images without this package's own decoder and resampler, to verify its outputs.

Pillow's ``exif_transpose`` decodes a source as viewers do, OpenCV reads an output as trainers do, and OpenCV's area
mean and affine warp replace the resampling. Each file is decoded once: its colours, where they are compared, are kept
at `SMALL` px from the same decode.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import ImagePolicy, keep_freed
from bboxprep.images.codecs.modes import PERCENTILES, Colour
from bboxprep.images.decoder_messages import decoder_messages
from bboxprep.images.gray_levels import Gray, Levels, shrunk
from bboxprep.images.opencv import opencv
from bboxprep.images.pillow_reader import opened, read

Colours = NDArray[np.uint8]  # (H, W, 3) red, green, blue
SMALL = 128  # px; the longer side at which colours are compared, at most
_ORIENTATION = 0x0112
_REDUCED = {  # in gray, in colours: the names of OpenCV's flags
    1: ("IMREAD_GRAYSCALE", "IMREAD_COLOR_BGR"),
    2: ("IMREAD_REDUCED_GRAYSCALE_2", "IMREAD_REDUCED_COLOR_2"),
    4: ("IMREAD_REDUCED_GRAYSCALE_4", "IMREAD_REDUCED_COLOR_4"),
    8: ("IMREAD_REDUCED_GRAYSCALE_8", "IMREAD_REDUCED_COLOR_8"),
}
_WHOLE = 1e-6  # px; a translation that near to whole pixels is one by whole pixels
_DEEP = ("I", "F")
_COLOURED = ("RGBA", "RGBa")
_CLEAR = ("RGBA", "LA", "PA", "La", "RGBa")


class PillowHeader(msgspec.Struct, frozen=True):
    """A header as Pillow reads it: the stored size, the EXIF orientation (1 where it is missing or invalid), and the
    displayed size.
    """

    stored: Size
    orientation: int
    displayed: Size


class SmallColours(msgspec.Struct, frozen=True, eq=False):
    """The `colours` (h, w, 3) of an image, each the mean of `by` x `by` px; what does not fill one is left out."""

    colours: Colours
    by: int


class DecodedImage(msgspec.Struct, frozen=True, eq=False):
    """An image as `gray` (H, W), at 1 / `by` of its size along both axes, and its colours, reduced from `gray`'s size.

    They are None where they were not asked for, or the image is not of three opaque colours of 8 bits.
    """

    gray: Gray
    by: int = 1
    small: SmallColours | None = None


def read_pillow_header(path: Path, container: str, data: bytes | None = None) -> PillowHeader:
    """The header of the file at `path`, a `container`, as Pillow reads it. `data`: its bytes, if already read.

    Raises `ImageError`.
    """
    with _opened(path, container, data) as image:
        value = image.getexif().get(_ORIENTATION, 1)
        code = int(value) if isinstance(value, int) and 1 <= value <= 8 else 1
        stored = _stored(image)
        return PillowHeader(stored, code, stored.transposed if code >= 5 else stored)


def decode_displayed(
    path: Path,
    container: str,
    data: bytes | None = None,
    shrink: float = 1.0,
    image_policy: ImagePolicy | None = None,
    *,
    coloured: bool = False,
) -> DecodedImage:
    """The displayed image at `path`, with its colours if `coloured`. `data`: its bytes, if already read.

    Transparent pixels and levels of more than 8 bits are shown as `image_policy` says. Without one, for an image whose
    bytes were kept, the colours are those that OpenCV reads, whatever their transparency.

    A JPEG is decoded no larger than a map needs that makes its pixels `shrink` px long: one of 12 megapixels in half
    the time and a tenth of the memory. Raises `ImageError`.
    """
    keep_freed()
    with decoder_messages(path), _opened(path, container, data) as image:
        coloured = coloured and image.mode == "RGB" and "transparency" not in image.info
        by = 1
        if container == "jpeg" and image.mode in {"L", "RGB"}:
            by = _reduction(Size(*image.size), shrink)
            image.draft("RGB" if coloured else "L", (image.width // by, image.height // by))
        _turn_upright(image)
        if not coloured:
            return DecodedImage(_shown_gray(image, container, image_policy), by)
        cv2, pixels = opencv(), np.asarray(image)
        return DecodedImage(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)), by, _small(pixels))


def decode_with_opencv(
    path: Path, container: str, data: bytes | None = None, by: int = 1, *, coloured: bool = False
) -> DecodedImage:
    """The image at `path` as OpenCV and most trainers read it, at 1 / `by` (1, 2, 4 or 8) of its size, rounded up; with
    its colours if `coloured` and OpenCV can read it. `data`: its bytes, if already read. Raises `ImageError`.
    """
    keep_freed()
    coded = np.frombuffer(read(path) if data is None else data, dtype=np.uint8)
    cv2, flag = opencv(), _REDUCED[by if container == "jpeg" else 1][coloured]
    with decoder_messages(path):
        pixels = cv2.imdecode(coded, getattr(cv2, flag)) if coded.size else None
    if pixels is None:
        whole, small = decode_displayed(path, container, data).gray, None
    elif coloured:
        whole, small = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)), _small(pixels, reverse=True)
    else:
        whole, small = np.asarray(pixels), None
    if by > 1 and (container != "jpeg" or pixels is None):
        whole = shrunk(whole, Size(-(-whole.shape[1] // by), -(-whole.shape[0] // by)))
        small = small and SmallColours(small.colours, max(1, small.by // by))
    return DecodedImage(whole, by, small)


def warped(pixels: NDArray[Levels], matrix: NDArray[np.float64], size: Size) -> NDArray[Levels]:
    """`pixels` (H, W) or (H, W, 3) mapped by `matrix` (3, 3) onto an image of `size`, averaged where it shrinks,
    continued at its edges.
    """
    height, width = pixels.shape[:2]
    across, down = pixel_lengths(matrix)
    small = Size(max(1, round(width * across)), max(1, round(height * down)))
    if small != (width, height):
        pixels = shrunk(pixels, small)
        matrix = matrix @ np.diag([width / small.width, height / small.height, 1.0])
    if (placed := _placed(pixels, matrix, size)) is not None:
        return placed
    cv2, moved = opencv(), matrix[:2].copy()
    moved[:, 2] += matrix[:2, :2].sum(axis=1) / 2.0 - 0.5  # OpenCV counts from pixel centres
    return np.asarray(cv2.warpAffine(pixels, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _placed(pixels: NDArray[Levels], matrix: NDArray[np.float64], size: Size) -> NDArray[Levels] | None:
    """`warped` for a translation by whole pixels that keeps all of `pixels`, five times as fast; else None."""
    (a, b, c), (d, e, f), _ = matrix.tolist()
    x, y = round(c), round(f)
    right, bottom = size.width - x - pixels.shape[1], size.height - y - pixels.shape[0]
    if min(x, y, right, bottom) < 0 or max(map(abs, (a - 1, b, c - x, d, e - 1, f - y))) > _WHOLE:
        return None
    cv2 = opencv()
    return np.asarray(cv2.copyMakeBorder(pixels, y, bottom, x, right, cv2.BORDER_REPLICATE))


def pixel_lengths(matrix: NDArray[np.float64]) -> tuple[float, float]:
    """The length of a source pixel in the output of the map `matrix` (3, 3), across and down; 1 at most."""
    (a, b), (d, e) = matrix[:2, :2].tolist()
    return min(1.0, abs(a) + abs(d)), min(1.0, abs(b) + abs(e))


def _reduction(size: Size, shrink: float) -> int:
    """8, 4, 2 or 1: by how much a JPEG of `size` may be reduced for pixels of length `shrink`; to whole pixels only."""
    return next((by for by in (8, 4, 2) if by * shrink <= 1.0 and not any(side % by for side in size)), 1)


@contextmanager
def _opened(path: Path, container: str, data: bytes | None) -> Iterator[ImageFile]:
    """Pillow's view of the file at `path`. Only the container turns an AVIF, but Pillow heeds its XMP too."""
    with opened(path, container, None if data is None else BytesIO(data)) as image:
        if container == "avif":
            image.info.pop("xmp", None)
        yield image


def _turn_upright(image: ImageFile) -> None:
    image.load()  # turns a TIFF, and takes its tag away; without it exif_transpose would turn it again
    ImageOps.exif_transpose(image, in_place=True)


def _shown_gray(image: Image.Image, container: str, image_policy: ImagePolicy | None) -> Gray:
    """The luminance of an upright `image`; its transparency and depth by `image_policy`, None for OpenCV's way."""
    if image.mode in _DEEP or image.mode.startswith("I;"):
        return _deep_levels(image, image_policy)
    if image.mode not in _CLEAR and "transparency" not in image.info:
        return np.asarray(image.convert("L"), dtype=np.uint8)
    clear = image.convert("RGBA")
    multiplied = container == "tiff" and image.mode in _COLOURED  # as libtiff does, by which OpenCV reads a TIFF
    if image_policy is None and not multiplied:
        return np.asarray(clear.convert("RGB").convert("L"))
    shown = Image.new("RGB", clear.size, image_policy.background if image_policy else (0, 0, 0))
    shown.paste(clear, mask=clear.getchannel("A"))
    return np.asarray(shown.convert("L"))


def _stored(image: ImageFile) -> Size:
    """The size that a TIFF's own tags state, since Pillow reports the displayed one; else what Pillow reports."""
    tags = getattr(image, "tag_v2", {})
    return Size.of((tags.get(256, image.width), tags.get(257, image.height)))


def _luminance(colour: Colour) -> float:
    """The luminance of a colour, 0 to 255."""
    return float(np.asarray(Image.new("RGB", (1, 1), colour).convert("L"))[0, 0])


def _deep_levels(image: Image.Image, image_policy: ImagePolicy | None) -> Gray:
    """Values of more than 8 bits in proportion to what is displayed of them; correlation does not depend on the scale.

    Only "percentile" cuts values off. A clear value has the level that shows the background, be it out of their range.
    """
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image_policy and image_policy.depth16 == "percentile":
        low, high = np.percentile(values, PERCENTILES).tolist()
    if not high > low:
        return np.zeros(values.shape, dtype=np.uint8)
    levels = np.clip((values - low) * np.float32(255.0 / (high - low)), 0.0, 255.0)
    clear = image.info.get("transparency")
    if image_policy and isinstance(clear, int):
        full = _luminance(image_policy.background) / 255.0
        shown = (full * 65535.0 - low) / (high - low) if image_policy.depth16 == "shift8" else full
        levels[values == clear] = shown * 255.0
        low, high = min(0.0, shown * 255.0), max(255.0, shown * 255.0)
        levels = (levels - np.float32(low)) * np.float32(255.0 / (high - low))
    return np.asarray(np.rint(levels), dtype=np.uint8)


def _small(pixels: NDArray[Any], *, reverse: bool = False) -> SmallColours:
    """The colours of `pixels` (H, W, 3), which are red, green and blue, or the `reverse`."""
    cv2, by = opencv(), 1
    while max(pixels.shape[:2]) > SMALL and min(pixels.shape[:2]) > 1:
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        even = pixels[: height * 2, : width * 2]
        pixels, by = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)), by * 2
    return SmallColours(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)) if reverse else pixels, by)
