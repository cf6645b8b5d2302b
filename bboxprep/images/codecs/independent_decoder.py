"""Decodes and resamples images without this package's own decoder and resampler, to verify its outputs.

Pillow's ``exif_transpose`` decodes a source as viewers do, OpenCV reads an output as trainers do, and OpenCV's area
mean and affine warp replace the resampling.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

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

Gray = NDArray[np.float32]  # (H, W) luminance, 0 to 255
Colours = NDArray[np.float32]  # (H, W, 3) red, green, blue, 0 to 255
SMALL = 64  # px; the longer side at which colours are compared
_LEAST = 128  # px; a JPEG is decoded no smaller for that, for a mean of some pixels each
_ORIENTATION = 0x0112
_REDUCED = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
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


class ReducedGray(msgspec.Struct, frozen=True, eq=False):
    """A displayed image as `gray` (H, W), at 1 / `by` of its size along both axes."""

    gray: Gray
    by: int


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
    path: Path, container: str, data: bytes | None = None, shrink: float = 1.0, image_policy: ImagePolicy | None = None
) -> ReducedGray:
    """The displayed image at `path`. `data`: its bytes, if already read.

    Transparent pixels and levels of more than 8 bits are shown as `image_policy` says. Without one, for an image whose
    bytes were kept, the colours are those that OpenCV reads, whatever their transparency.

    A JPEG is decoded no larger than a map needs that makes its pixels `shrink` px long: one of 12 megapixels in half
    the time and a tenth of the memory. Raises `ImageError`.
    """
    with decoder_messages(path), _opened(path, container, data) as image:
        by = _reduction(Size(*image.size), shrink) if container == "jpeg" else 1
        if container == "jpeg" and image.mode in {"L", "RGB"}:
            image.draft("L", (image.width // by, image.height // by))
        else:
            by = 1
        return ReducedGray(_shown_gray(_upright(image), container, image_policy), by)


def decode_with_opencv(path: Path, container: str, data: bytes | None = None, by: int = 1) -> Gray:
    """The image at `path` as OpenCV and most trainers read it: gray (H, W), at 1 / `by` (1, 2, 4 or 8) of its size,
    rounded up. `data`: its bytes, if already read. Raises `ImageError`.
    """
    coded = np.frombuffer(read(path) if data is None else data, dtype=np.uint8)
    how = _REDUCED[by] if container == "jpeg" else cv2.IMREAD_GRAYSCALE
    with decoder_messages(path):
        decoded = cv2.imdecode(coded, how) if coded.size else None
    if decoded is not None and container == "jpeg":
        return decoded.astype(np.float32)
    whole = decode_displayed(path, container, data).gray if decoded is None else decoded.astype(np.float32)
    return whole if by == 1 else shrunk(whole, Size(-(-whole.shape[1] // by), -(-whole.shape[0] // by)))


def warped(gray: Gray, matrix: NDArray[np.float64], size: Size) -> Gray:
    """`gray` mapped by `matrix` (3, 3) onto an image of `size`, averaged where it shrinks, continued at its edges."""
    height, width = gray.shape
    across, down = pixel_lengths(matrix)
    small = Size(max(1, round(width * across)), max(1, round(height * down)))
    if small != (width, height):
        gray = shrunk(gray, small)
        matrix = matrix @ np.diag([width / small.width, height / small.height, 1.0])
    centre = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)], dtype=np.float64)  # OpenCV counts from pixel centres
    moved = np.linalg.inv(centre) @ matrix @ centre
    if (placed := _placed(gray, matrix, size)) is not None:
        return placed
    return np.asarray(cv2.warpAffine(gray, moved[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _placed(gray: Gray, matrix: NDArray[np.float64], size: Size) -> Gray | None:
    """`warped` for a translation by whole pixels that keeps all of `gray`, five times as fast; else None."""
    x, y = np.rint(matrix[:2, 2]).astype(int).tolist()
    right, bottom = size.width - x - gray.shape[1], size.height - y - gray.shape[0]
    if min(x, y, right, bottom) < 0 or not np.allclose(matrix, [[1, 0, x], [0, 1, y], [0, 0, 1]], rtol=0, atol=1e-6):
        return None
    return np.asarray(cv2.copyMakeBorder(gray, y, bottom, x, right, cv2.BORDER_REPLICATE))


def pixel_lengths(matrix: NDArray[np.float64]) -> tuple[float, float]:
    """The length of a source pixel in the output of the map `matrix` (3, 3), across and down; 1 at most."""
    across, down = np.minimum(1.0, np.abs(matrix[:2, :2]).sum(axis=0)).tolist()
    return across, down


def shrunk(gray: Gray, size: Size) -> Gray:
    """`gray` at the smaller `size`, each pixel the mean of what it covers."""
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA))


def blurred(gray: Gray, sigma: float) -> Gray:
    """`gray` after a Gaussian blur of `sigma` px."""
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma))


def eroded(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The pixels of `mask` (H, W) around which all within `by` px, along both axes, are set."""
    square = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return np.asarray(cv2.erode(mask.astype(np.uint8), square).astype(np.bool_))


def correlations(window: Gray, patch: Gray) -> NDArray[np.float64]:
    """The normalised cross-correlation, -1 to 1, of `patch` (h, w) at each place in `window` (H, W), as
    (H - h + 1, W - w + 1); 0 where either is flat."""
    scores = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
    scores[~np.isfinite(scores)] = 0.0
    return np.clip(scores, -1.0, 1.0).astype(np.float64)


def deviation(values: NDArray[np.float32]) -> float:
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


def _upright(image: ImageFile) -> Image.Image:
    image.load()  # turns a TIFF, and takes its tag away; without it exif_transpose would turn it again
    return ImageOps.exif_transpose(image)


def _shown_gray(image: Image.Image, container: str, image_policy: ImagePolicy | None) -> Gray:
    """The luminance of an upright `image`; its transparency and depth by `image_policy`, None for OpenCV's way."""
    if image.mode in _DEEP or image.mode.startswith("I;"):
        return _deep_levels(image, image_policy)
    if image.mode not in _CLEAR and "transparency" not in image.info:
        return np.asarray(image.convert("L"), dtype=np.float32)
    clear = image.convert("RGBA")
    multiplied = container == "tiff" and image.mode in _COLOURED  # as libtiff does, by which OpenCV reads a TIFF
    if image_policy is None and not multiplied:
        return np.asarray(clear.convert("RGB").convert("L"), dtype=np.float32)
    shown = Image.new("RGB", clear.size, image_policy.background if image_policy else (0, 0, 0))
    shown.paste(clear, mask=clear.getchannel("A"))
    return np.asarray(shown.convert("L"), dtype=np.float32)


def _stored(image: ImageFile) -> Size:
    """The size that a TIFF's own tags state, since Pillow reports the displayed one; else what Pillow reports."""
    tags = getattr(image, "tag_v2", {})
    return Size.of((tags.get(256, image.width), tags.get(257, image.height)))


def _luminance(colour: Colour) -> float:
    """The luminance of a colour, 0 to 255."""
    return float(np.asarray(Image.new("RGB", (1, 1), colour).convert("L"))[0, 0])


def _deep_levels(image: Image.Image, image_policy: ImagePolicy | None) -> Gray:
    """Values of more than 8 bits in proportion to what is displayed of them; correlation does not depend on the scale.

    Only "percentile" cuts values off. A clear value has the level that shows the background.
    """
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image_policy and image_policy.depth16 == "percentile":
        low, high = np.percentile(values, PERCENTILES).tolist()
    if not high > low:
        return np.zeros_like(values)
    levels = np.clip((values - low) * np.float32(255.0 / (high - low)), 0.0, 255.0)
    clear = image.info.get("transparency")
    if image_policy and isinstance(clear, int):
        full = _luminance(image_policy.background) / 255.0
        shown = (full * 65535.0 - low) / (high - low) if image_policy.depth16 == "shift8" else full
        levels[values == clear] = shown * 255.0
    return np.asarray(levels, dtype=np.float32)


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


def displayed_colours(path: Path, container: str, data: bytes) -> Colours | None:
    """The displayed image at `path`, whose bytes are `data`, at most `SMALL` px long; None for one that is not of three
    opaque colours of 8 bits. Raises `ImageError`.
    """
    with decoder_messages(path), _opened(path, container, data) as image:
        if image.mode != "RGB" or "transparency" in image.info:
            return None
        if container == "jpeg":
            image.draft("RGB", (min(image.width, _LEAST), min(image.height, _LEAST)))
        return _small(np.asarray(_upright(image)))


def written_colours(path: Path, data: bytes) -> Colours | None:
    """The image at `path`, of the bytes `data`, as OpenCV reads it, at most `SMALL` px long; None where it cannot."""
    coded = np.frombuffer(data, dtype=np.uint8)
    with decoder_messages(path):
        decoded = cv2.imdecode(coded, cv2.IMREAD_REDUCED_COLOR_4) if coded.size else None
    return None if decoded is None else _small(decoded[..., ::-1])


def colours_moved(colours: Colours, matrix: NDArray[np.float64], size: Size) -> Colours:
    """`colours` mapped by `matrix` (3, 3) onto an image of `size`, continued at its edges."""
    return np.stack(
        [warped(np.ascontiguousarray(colours[..., channel]), matrix, size) for channel in range(3)], axis=-1
    )


def _small(pixels: NDArray[Any]) -> Colours:
    height, width = pixels.shape[:2]
    by = max(1.0, max(width, height) / SMALL)
    size = max(1, round(width / by)), max(1, round(height / by))
    return np.asarray(cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA))
