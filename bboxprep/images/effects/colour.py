"""Colours of a picture moved towards gray, away from it, and around the circle of hues.

All of it is arithmetic on single pixels without a library of its own, so that every machine makes the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Floats = NDArray[np.float32]

_RED, _GREEN, _BLUE = 299, 587, 114  # thousandths: ITU-R BT.601
_STRIP = 1 << 14  # pixels; what is worked out of so many fits into a cache, and costs a third


def grayscale(pixels: Pixels, channels: int) -> Pixels:
    """The luma of ITU-R BT.601, (299 R + 587 G + 114 B) / 1000 rounded half up: (H, W, 3), or (H, W) as one channel.

    Pillow's "L" and OpenCV's gray weigh in fixed point and differ from it by one level for few colours; torchvision
    rounds down, and so is a level darker for half of them.
    """
    if pixels.ndim == 3:
        pixels = _in_strips(lambda strip: ((thousandths(strip) + 500) // 1000).astype(np.uint8), pixels)
    return pixels if channels == 1 else np.repeat(pixels[..., None], 3, axis=2)


def thousandths(pixels: Pixels) -> NDArray[np.int32]:
    """The exact luma (H, W) of `pixels`, times 1000."""
    if pixels.ndim == 2:
        return pixels.astype(np.int32) * 1000
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    return _RED * red + _GREEN * green + _BLUE * blue


def saturate(pixels: Pixels, factor: float) -> Pixels:
    """Each colour `factor` times as far from its own luma; a gray picture as it is."""
    if pixels.ndim == 2:
        return pixels

    def strip_of(strip: Pixels) -> Pixels:
        luma = (thousandths(strip) / np.float32(1000))[..., None].astype(np.float32)
        return rounded(luma + np.float32(factor) * (strip - luma))

    return _in_strips(strip_of, pixels)


def turn_hue(pixels: Pixels, degrees: float) -> Pixels:
    """Each hue `degrees` further around the circle of HSV: red to yellow to green. A gray picture as it is."""
    if pixels.ndim == 2 or degrees % 360.0 == 0.0:
        return pixels
    return _in_strips(lambda strip: _turned(strip, np.float32(degrees % 360.0 / 60.0)), pixels)


def _turned(pixels: Pixels, sixths: np.float32) -> Pixels:
    hue, chroma, value = _hue_chroma_value(pixels)
    hue += sixths
    turned = np.empty_like(pixels)
    for channel, start in enumerate((5, 3, 1)):
        place = (hue + np.float32(start)) % np.float32(6)
        turned[..., channel] = rounded(value - chroma * np.clip(np.minimum(place, 4 - place), 0, 1))
    return turned


def _hue_chroma_value(pixels: Pixels) -> tuple[Floats, Floats, Floats]:
    """Hue (sixths of the circle, 0 to 6), chroma and value (levels), each (H, W)."""
    red, green, blue = (pixels[..., channel].astype(np.float32) for channel in range(3))
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    whole = np.where(chroma > 0, chroma, np.float32(1))
    hue = np.where(
        value == red,
        (green - blue) / whole,
        np.where(value == green, (blue - red) / whole + 2, (red - green) / whole + 4),
    )
    return hue.astype(np.float32) % np.float32(6), chroma, value


def _in_strips(change: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    """`change` of all rows, some at a time."""
    rows = max(1, _STRIP // pixels.shape[1])
    return np.concatenate([change(pixels[top : top + rows]) for top in range(0, len(pixels), rows)])


def rounded(levels: NDArray[Any]) -> Pixels:
    """The nearest of the levels 0 to 255: rounded (halves to even), then cut, then cast."""
    return np.asarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
