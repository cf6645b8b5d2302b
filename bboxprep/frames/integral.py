"""Sums of an image's channels over boxes whose edges may cut through pixels, by integral images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def channels_of(pixels: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
    """Lightness, red-green and yellow-blue (H, W), float64, of `pixels`, uint8 (H, W) or (H, W, 3).

    The first is 0 to 1, the others are -1 to 1.
    """
    levels = pixels / 255.0
    red, green, blue = (
        (levels, levels, levels) if levels.ndim == 2 else (levels[..., 0], levels[..., 1], levels[..., 2])
    )
    return (red + green + blue) / 3.0, red - green, (red + green) / 2.0 - blue


def slopes(plane: Floats) -> tuple[Floats, Floats]:
    """The differences (H, W) of the right and left, and of the lower and upper neighbours in `plane` (H, W)."""
    around = np.pad(plane, 1, mode="edge")
    return around[1:-1, 2:] - around[1:-1, :-2], around[2:, 1:-1] - around[:-2, 1:-1]


def gradient(plane: Floats) -> Floats:
    """The length (H, W), float64, of the slopes of `plane` (H, W)."""
    return np.hypot(*slopes(plane))


def integral(channels: NDArray[Any]) -> Floats:
    """The integral images (H + 1, W + 1, C), float64, of `channels` (H, W, C) of any dtype."""
    height, width, count = channels.shape
    sums = np.zeros((height + 1, width + 1, count))
    np.cumsum(channels, axis=0, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    return sums


def totals(sums: Floats, boxes: Floats) -> Floats:
    """The sums (K, C), float64, over `boxes` (K, 4), in pixels, of the channels with the integral images `sums`."""
    x0, y0, x1, y1 = boxes.T
    return _at(sums, x1, y1) - _at(sums, x0, y1) - _at(sums, x1, y0) + _at(sums, x0, y0)


def extent(sums: Floats) -> Floats:
    """Width, height, width, height (4,), float64, of the image with the integral images `sums` (H + 1, W + 1, C)."""
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    return np.array([width, height, width, height], dtype=np.float64)


def grid_of(count: int) -> Floats:
    """The cells of a grid of `count` a side on the unit square, row by row: float64 (N, 4), N the square of `count`."""
    lines = np.arange(count) / count, (np.arange(count) + 1) / count
    (y0, x0), (y1, x1) = (np.meshgrid(line, line, indexing="ij") for line in lines)
    return np.stack((x0, y0, x1, y1), axis=-1).reshape(-1, 4)


def _at(sums: Floats, x: Floats, y: Floats) -> Floats:
    column = np.clip(x.astype(np.int64), 0, sums.shape[1] - 2)
    row = np.clip(y.astype(np.int64), 0, sums.shape[0] - 2)
    right, down = (x - column)[:, None], (y - row)[:, None]
    above = sums[row, column] * (1.0 - right) + sums[row, column + 1] * right
    below = sums[row + 1, column] * (1.0 - right) + sums[row + 1, column + 1] * right
    return np.asarray(above * (1.0 - down) + below * down)
