"""Noise: Gaussian, salt and pepper, and the shot noise of a sensor.

**Same bytes on every machine.** numpy promises the raw bits of its generators, but not the normal numbers that it makes
of them. So 16 raw bits at a time choose one of the 65,536 quantiles of the normal distribution: it ends at 4.3 sigma,
which is well beyond what a level of 255 tells. The noise of a sensor has a table for each level, and 4,096 quantiles.

**Camera gain.** The light that falls on a pixel arrives in photons, whose number has a Poisson distribution: its
variance grows with the light, and a high ISO multiplies both. The model is the signal-dependent part of Foi,
Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image
Raw-Data", IEEE Transactions on Image Processing 17 (10), 2008: variance = a x, with x from 0 to 1 the light that the
stored sRGB values stand for. Hosted services call a the "variance multiplier".
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.effects.light import decoded, encoded, rounded

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
_CHOICES = 1 << 16
_FINE = 1 << 20  # parts of a sigma that quantiles are kept in; what is finer may differ from one C library to the next
_SENSOR_CHOICES = 1 << 12


def add_noise(pixels: Pixels, sigma: float, seed: int) -> Pixels:
    """`pixels` plus noise of `sigma` levels, cut at 0 and 255; each channel of each pixel has its own."""
    if sigma == 0.0:
        return pixels
    levels = np.rint(_quantiles() * (sigma / _FINE)).astype(np.int16)
    return np.asarray(np.clip(pixels + levels[_choices(pixels.shape, seed)], 0, 255).astype(np.uint8))


def salt_and_pepper(pixels: Pixels, share: float, seed: int) -> Pixels:
    """`pixels` of which a `share`, 0 to 1, is black or white in all channels, as many of each."""
    count = pixels.shape[0] * pixels.shape[1]
    raw = np.asarray(np.random.PCG64(seed).random_raw(-(-count // 2))).astype("<u8").view("<u4")
    chosen = raw[:count].reshape(pixels.shape[:2])
    limit = round(share * 2**32)
    changed = pixels.copy()
    changed[chosen < limit] = 255
    changed[chosen < limit // 2] = 0
    return changed


def add_sensor_noise(pixels: Pixels, variance: float, seed: int) -> Pixels:
    """`pixels` plus the noise of a sensor, whose light x has the variance `variance` times x; each channel of each
    pixel has its own.
    """
    if variance == 0.0:
        return pixels
    choices = _choices(pixels.shape, seed) >> 4
    return np.asarray(_sensor_table(variance).reshape(-1)[pixels.astype(np.int32) * _SENSOR_CHOICES + choices])


@lru_cache(maxsize=2)
def _sensor_table(variance: float) -> Pixels:
    """The level for each level and each of the quantiles: uint8 (256, 4096)."""
    light = decoded(np.arange(256) / 255.0)[:, None]
    middles = _quantiles().reshape(_SENSOR_CHOICES, -1).mean(axis=1) / _FINE
    return rounded(255.0 * encoded(np.clip(light + np.sqrt(variance * light) * middles, 0.0, 1.0)))


def _choices(shape: tuple[int, ...], seed: int) -> NDArray[np.uint16]:
    """A number of 0 to 65,535 for each value of `shape`."""
    size = int(np.prod(shape))
    raw = np.random.PCG64(seed).random_raw(-(-size // 4))
    return np.asarray(raw).astype("<u8").view("<u2")[:size].reshape(shape)


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.int64]:
    """The middles (65536,) of equal shares of the normal distribution, in `_FINE` parts of a sigma."""
    normal = NormalDist()
    lower = [round(normal.inv_cdf((place + 0.5) / _CHOICES) * _FINE) for place in range(_CHOICES // 2)]
    return np.array([*lower, *(-each for each in reversed(lower))], dtype=np.int64)
