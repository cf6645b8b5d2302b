"""Decodes and resamples images without this package's own decoder and resampler, to verify its outputs.

Pillow's ``exif_transpose`` decodes a source as viewers do, OpenCV reads an output as trainers do, and OpenCV's area
mean and affine warp replace the resampling. Each file is decoded once: its colours, where they are compared, are kept
at `SMALL` px from the same decode.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from math import sqrt
from pathlib import Path
from typing import Any, TypeVar

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.images.codecs.modes import PERCENTILES, Colour
from bboxprep.images.decoder_messages import decoder_messages
from bboxprep.images.pillow_reader import opened, read

Gray = NDArray[np.uint8]  # (H, W) luminance
Levels = TypeVar("Levels", np.uint8, np.float32)
Colours = NDArray[np.float32]  # (H, W, 3) red, green, blue, 0 to 255
SMALL = 64  # px; the longer side at which colours are compared
_ORIENTATION = 0x0112
_REDUCED = {  # in gray, in colours
    1: (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR_BGR),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_COLOR_2),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_COLOR_4),
    8: (cv2.IMREAD_REDUCED_GRAYSCALE_8, cv2.IMREAD_REDUCED_COLOR_8),
}
_WHOLE = 1e-6  # px; a translation that near to whole pixels is one by whole pixels
_DEEP = ("I", "F")
_FLAT = 1e-9  # square levels; of a variance that is rounding
_COLOURED = ("RGBA", "RGBa")
_CLEAR = ("RGBA", "LA", "PA", "La", "RGBa")


class PillowHeader(msgspec.Struct, frozen=True):
    """A header as Pillow reads it: the stored size, the EXIF orientation (1 where it is missing or invalid), and the
    displayed size.
    """

    stored: Size
    orientation: int
    displayed: Size


class DecodedImage(msgspec.Struct, frozen=True, eq=False):
    """An image as `gray` (H, W), at 1 / `by` of its size along both axes, and its `colours`, at most `SMALL` px long.

    `colours` are None where they were not asked for, or the image is not of three opaque colours of 8 bits.
    """

    gray: Gray
    by: int = 1
    colours: Colours | None = None


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
    with decoder_messages(path), _opened(path, container, data) as image:
        coloured = coloured and image.mode == "RGB" and "transparency" not in image.info
        by = 1
        if container == "jpeg" and image.mode in {"L", "RGB"}:
            by = _reduction(Size(*image.size), shrink)
            image.draft("RGB" if coloured else "L", (image.width // by, image.height // by))
        _turn_upright(image)
        if not coloured:
            return DecodedImage(_shown_gray(image, container, image_policy), by)
        pixels = np.asarray(image)
        return DecodedImage(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)), by, _small(pixels))


def decode_with_opencv(
    path: Path, container: str, data: bytes | None = None, by: int = 1, *, coloured: bool = False
) -> DecodedImage:
    """The image at `path` as OpenCV and most trainers read it, at 1 / `by` (1, 2, 4 or 8) of its size, rounded up; with
    its colours if `coloured` and OpenCV can read it. `data`: its bytes, if already read. Raises `ImageError`.
    """
    coded = np.frombuffer(read(path) if data is None else data, dtype=np.uint8)
    how = _REDUCED[by if container == "jpeg" else 1][coloured]
    with decoder_messages(path):
        pixels = cv2.imdecode(coded, how) if coded.size else None
    if pixels is None:
        whole, colours = decode_displayed(path, container, data).gray, None
    elif coloured:
        whole, colours = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)), _small(pixels)[..., ::-1]
    else:
        whole, colours = np.asarray(pixels), None
    if by > 1 and (container != "jpeg" or pixels is None):
        whole = shrunk(whole, Size(-(-whole.shape[1] // by), -(-whole.shape[0] // by)))
    return DecodedImage(whole, by, colours)


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
    centre = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)], dtype=np.float64)  # OpenCV counts from pixel centres
    moved = np.linalg.inv(centre) @ matrix @ centre
    if (placed := _placed(pixels, matrix, size)) is not None:
        return placed
    return np.asarray(cv2.warpAffine(pixels, moved[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _placed(pixels: NDArray[Levels], matrix: NDArray[np.float64], size: Size) -> NDArray[Levels] | None:
    """`warped` for a translation by whole pixels that keeps all of `pixels`, five times as fast; else None."""
    x, y = np.rint(matrix[:2, 2]).astype(int).tolist()
    right, bottom = size.width - x - pixels.shape[1], size.height - y - pixels.shape[0]
    if min(x, y, right, bottom) < 0 or np.abs(matrix - [[1, 0, x], [0, 1, y], [0, 0, 1]]).max() > _WHOLE:
        return None
    return np.asarray(cv2.copyMakeBorder(pixels, y, bottom, x, right, cv2.BORDER_REPLICATE))


def pixel_lengths(matrix: NDArray[np.float64]) -> tuple[float, float]:
    """The length of a source pixel in the output of the map `matrix` (3, 3), across and down; 1 at most."""
    across, down = np.minimum(1.0, np.abs(matrix[:2, :2]).sum(axis=0)).tolist()
    return across, down


def shrunk(pixels: NDArray[Levels], size: Size) -> NDArray[Levels]:
    """`pixels` (H, W) or (H, W, 3) at the smaller `size`, each pixel the mean of what it covers.

    They are halved first where the ratio is no whole number, and they can be: in a tenth of the time.
    """
    height, width = pixels.shape[:2]
    while (width % size.width or height % size.height) and not (width % 2 or height % 2):
        if width < 2 * size.width or height < 2 * size.height:
            break
        width, height = width // 2, height // 2
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def blurred(gray: NDArray[Levels], sigma: float) -> NDArray[Levels]:
    """`gray` (H, W) after a Gaussian blur of `sigma` px."""
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma))


def softened(gray: Gray) -> Gray:
    """`gray` without its finest detail, which JPEG and other kernels change most: means of 3x3 px (sigma 0.8)."""
    return np.asarray(cv2.blur(gray, (3, 3)))


def fine_structure(gray: Gray) -> NDArray[np.float32]:
    """What differs in `gray` (H, W) between a blur of sigma 0.8 and one of sigma 2 px, in levels: the means of 3x3 less
    those of 7x7 px.
    """
    fine, coarse = (cv2.boxFilter(gray, cv2.CV_16U, (side, side), normalize=False) for side in (3, 7))
    return np.asarray(cv2.addWeighted(fine, 1 / 9, coarse, -1 / 49, 0.0, dtype=cv2.CV_32F))


def eroded(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The pixels of `mask` (H, W) around which all within `by` px, along both axes, are set."""
    square = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return np.asarray(cv2.erode(mask.astype(np.uint8), square).astype(np.bool_))


def correlations(window: Gray, patch: Gray) -> NDArray[np.float32]:
    """The normalised cross-correlation, -1 to 1, of `patch` (h, w) at each place in `window` (H, W), as
    (H - h + 1, W - w + 1); 0 or 1 where either is flat."""
    where, what = window.astype(np.float32), patch.astype(np.float32)  # OpenCV takes twice as long for uint8
    return np.asarray(cv2.matchTemplate(where, what, cv2.TM_CCOEFF_NORMED))


class Agreement(msgspec.Struct, frozen=True):
    """The `correlation`, -1 to 1, of two images, 0 where one is flat, and the standard deviations of the `first` and of
    the `second`.
    """

    correlation: float
    first: float
    second: float


def agreement(one: NDArray[Levels], other: NDArray[Levels], mask: NDArray[np.bool_] | None = None) -> Agreement:
    """How two images (H, W) agree where `mask` (H, W) is set, or everywhere."""
    count = one.size
    if mask is not None:
        count, one, other = int(np.count_nonzero(mask)), one * mask, other * mask
    if not count:
        return Agreement(0.0, 0.0, 0.0)
    mean, mean_other = (cv2.sumElems(each)[0] / count for each in (one, other))
    square, square_other = (cv2.norm(each, cv2.NORM_L2SQR) / count for each in (one, other))
    apart = cv2.norm(one, other, cv2.NORM_L2SQR) / count
    shared = (square + square_other - apart) / 2.0 - mean * mean_other  # 2 a b = a^2 + b^2 - (a - b)^2
    first, second = sqrt(max(0.0, square - mean**2)), sqrt(max(0.0, square_other - mean_other**2))
    found = min(1.0, max(-1.0, shared / (first * second))) if first * second > _FLAT else 0.0
    return Agreement(found, first, second)


def deviation(values: NDArray[Levels]) -> float:
    """The standard deviation of `values`, (H, W) or (N,), in a tenth of the time that NumPy takes."""
    return float(cv2.meanStdDev(values)[1][0, 0])


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


def phase_shift(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """The shift x, y in px of `other` (H, W) against `one` (H, W), to fractions of a pixel.

    C. D. Kuglin and D. C. Hines, "The phase correlation image alignment method" (1975).
    """
    even = np.s_[: one.shape[0] // 2 * 2, : one.shape[1] // 2 * 2]  # OpenCV is half a pixel off where a side is odd
    first, second = (np.ascontiguousarray(image[even], dtype=np.float32) for image in (one, other))
    (x, y), _ = cv2.phaseCorrelate(first, second, _window(first.shape))
    return float(x), float(y)


@lru_cache(maxsize=8)
def _window(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(cv2.createHanningWindow((shape[1], shape[0]), cv2.CV_32F), dtype=np.float32)


def _small(pixels: NDArray[Any]) -> Colours:
    height, width = pixels.shape[:2]
    by = max(1.0, max(width, height) / SMALL)
    return shrunk(pixels, Size(max(1, round(width / by)), max(1, round(height / by)))).astype(np.float32)
