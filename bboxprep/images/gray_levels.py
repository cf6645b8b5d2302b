"""Filters and measures of gray levels, by OpenCV, to compare an output with its source."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.images.opencv import opencv

Gray = NDArray[np.uint8]  # (H, W) luminance
Levels = TypeVar("Levels", np.uint8, np.float32)
_FLAT = 1e-9  # square levels; of a variance that is rounding


def shrunk(pixels: NDArray[Levels], size: Size) -> NDArray[Levels]:
    """`pixels` (H, W) or (H, W, 3) at the smaller `size`, each pixel the mean of what it covers.

    They are halved first where the ratio is no whole number, and they can be: in a tenth of the time.
    """
    cv2, (height, width) = opencv(), pixels.shape[:2]
    while (width % size.width or height % size.height) and not (width % 2 or height % 2):
        if width < 2 * size.width or height < 2 * size.height:
            break
        width, height = width // 2, height // 2
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def blurred(gray: NDArray[Levels], sigma: float) -> NDArray[Levels]:
    """`gray` (H, W) after a Gaussian blur of `sigma` px."""
    return np.asarray(opencv().GaussianBlur(gray, (0, 0), sigma))


def softened(gray: Gray) -> Gray:
    """`gray` without its finest detail, which JPEG and other kernels change most: means of 3x3 px (sigma 0.8)."""
    return np.asarray(opencv().blur(gray, (3, 3)))


def fine_structure(gray: Gray) -> NDArray[np.float32]:
    """What differs in `gray` (H, W) between a blur of sigma 0.8 and one of sigma 2 px, in levels: the means of 3x3 less
    those of 7x7 px.
    """
    cv2 = opencv()
    fine, coarse = (cv2.boxFilter(gray, cv2.CV_16U, (side, side), normalize=False) for side in (3, 7))
    return np.asarray(cv2.addWeighted(fine, 1 / 9, coarse, -1 / 49, 0.0, dtype=cv2.CV_32F))


def eroded(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The pixels of `mask` (H, W) around which all within `by` px, along both axes, are set."""
    rows, columns = bounds(mask)
    if mask[rows, columns].all():  # a rectangle, of which the edges of the image cut nothing
        inner = np.zeros_like(mask)
        inner[_narrowed(rows, mask.shape[0], by), _narrowed(columns, mask.shape[1], by)] = True
        return inner
    square = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return np.asarray(opencv().erode(mask.astype(np.uint8), square).astype(np.bool_))


def bounds(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and the columns of `mask` (H, W) from the first that is set to the last."""
    x, y, width, height = opencv().boundingRect(mask.view(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def _narrowed(part: slice, length: int, by: int) -> slice:
    """`part` of an axis of `length` px, `by` px less at each end that is no end of the axis."""
    return slice(part.start + by * (part.start > 0), max(0, part.stop - by * (part.stop < length)))


def correlations(window: Gray, patch: Gray) -> NDArray[np.float32]:
    """The normalised cross-correlation, -1 to 1, of `patch` (h, w) at each place in `window` (H, W), as
    (H - h + 1, W - w + 1); 0 or 1 where either is flat."""
    cv2, where, what = opencv(), window.astype(np.float32), patch.astype(np.float32)  # uint8 takes twice as long
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
    cv2, count = opencv(), one.size
    if mask is not None:
        count, one, other = int(np.count_nonzero(mask)), one * mask, other * mask
    if not count:
        return Agreement(0.0, 0.0, 0.0)
    mean, mean_other = cv2.sumElems(one)[0] / count, cv2.sumElems(other)[0] / count
    square, square_other = cv2.norm(one, cv2.NORM_L2SQR) / count, cv2.norm(other, cv2.NORM_L2SQR) / count
    apart = cv2.norm(one, other, cv2.NORM_L2SQR) / count
    shared = (square + square_other - apart) / 2.0 - mean * mean_other  # 2 a b = a^2 + b^2 - (a - b)^2
    first, second = sqrt(max(0.0, square - mean**2)), sqrt(max(0.0, square_other - mean_other**2))
    found = min(1.0, max(-1.0, shared / (first * second))) if first * second > _FLAT else 0.0
    return Agreement(found, first, second)


def mean_square(one: Gray, other: Gray) -> float:
    """The mean square of the difference of two arrays of equal shape, square levels."""
    return float(opencv().norm(one, other, opencv().NORM_L2SQR)) / max(1, one.size)


def phase_shift(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """The shift x, y in px of `other` (H, W) against `one` (H, W), to fractions of a pixel.

    C. D. Kuglin and D. C. Hines, "The phase correlation image alignment method" (1975).
    """
    even = np.s_[: one.shape[0] // 2 * 2, : one.shape[1] // 2 * 2]  # OpenCV is half a pixel off where a side is odd
    first, second = (np.ascontiguousarray(image[even], dtype=np.float32) for image in (one, other))
    (x, y), _ = opencv().phaseCorrelate(first, second, _window(first.shape))
    return float(x), float(y)


@lru_cache(maxsize=8)
def _window(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(opencv().createHanningWindow((shape[1], shape[0]), opencv().CV_32F), dtype=np.float32)
