"""Motion blur: each pixel becomes the mean along a line through it, as when the camera moves while the shutter is open.

The weights are whole numbers, and what they sum up to is worked out in float64, which holds such sums exactly and is
rounded where OpenCV adds them up in the frequency domain; so the bytes are the same on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, cos, floor, radians, sin

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.opencv import opencv

_WHOLE = 1 << 16  # what the weights of a line sum up to
_PER_PIXEL = 16  # points of a line a pixel


def motion_blurred(pixels: NDArray[np.uint8], length: float, angle: float) -> NDArray[np.uint8]:
    """`pixels` (H, W) or (H, W, 3) after a motion of `length` px at `angle` degrees, clockwise from the x axis. Beyond
    its edges the image is its mirror.
    """
    kernel = line_weights(length, angle)
    if kernel.size == 1:
        return pixels
    channels = [pixels] if pixels.ndim == 2 else [pixels[..., channel] for channel in range(3)]
    moved = [_mean_along(np.ascontiguousarray(channel), kernel) for channel in channels]
    return moved[0] if pixels.ndim == 2 else np.stack(moved, axis=2)


def _mean_along(channel: NDArray[np.uint8], kernel: NDArray[np.float64]) -> NDArray[np.uint8]:
    cv2 = opencv()
    sums = cv2.filter2D(channel.astype(np.float64), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(((np.rint(sums).astype(np.int64) + _WHOLE // 2) // _WHOLE).astype(np.uint8))


@lru_cache(maxsize=64)
def line_weights(length: float, angle: float) -> NDArray[np.float64]:
    """The weights, float64 (2 N + 1, 2 N + 1), of a line of `length` px at `angle` degrees through the middle: whole
    numbers.
    """
    x, y = (round(each, 9) for each in (cos(radians(angle)), sin(radians(angle))))  # as every C library has them
    points = max(1, ceil((length - 1.0) * _PER_PIXEL)) + 1
    places = np.linspace(-(length - 1.0) / 2.0, (length - 1.0) / 2.0, points)
    reach = ceil((length - 1.0) / 2.0)
    weights = np.zeros((2 * reach + 1, 2 * reach + 1))
    for place in places.tolist():
        column, row = place * x + reach, place * y + reach
        left, top = floor(column), floor(row)
        for at_x, across in ((left, 1.0 - (column - left)), (left + 1, column - left)):
            for at_y, down in ((top, 1.0 - (row - top)), (top + 1, row - top)):
                if across * down > 0.0:
                    weights[at_y, at_x] += across * down
    whole = np.floor(weights * (_WHOLE / weights.sum()))
    whole[reach, reach] += _WHOLE - whole.sum()
    whole.setflags(write=False)
    return np.asarray(whole)
