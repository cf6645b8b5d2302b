"""Gaussian noise that is the same on every machine, for ever.

numpy promises the raw bits of its generators, but not the normal numbers that it makes of them. So 16 raw bits at a
time choose one of the 65,536 quantiles of the normal distribution: it ends at 4.3 sigma, which is well beyond what a
level of 255 tells.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB

_CHOICES = 1 << 16
_FINE = 1 << 20  # parts of a sigma that quantiles are kept in; what is finer may differ from one C library to the next


def add_noise(pixels: Pixels, sigma: float, seed: int) -> Pixels:
    """`pixels` plus noise of `sigma` levels, cut at 0 and 255; each channel of each pixel has its own."""
    if sigma == 0.0:
        return pixels
    levels = np.rint(_quantiles() * (sigma / _FINE)).astype(np.int16)
    raw = np.random.PCG64(seed).random_raw(-(-pixels.size // 4))
    choices = np.asarray(raw).astype("<u8").view("<u2")[: pixels.size].reshape(pixels.shape)
    return np.asarray(np.clip(pixels + levels[choices], 0, 255).astype(np.uint8))


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.int64]:
    """The middles (65536,) of equal shares of the normal distribution, in `_FINE` parts of a sigma."""
    normal = NormalDist()
    lower = [round(normal.inv_cdf((place + 0.5) / _CHOICES) * _FINE) for place in range(_CHOICES // 2)]
    return np.array([*lower, *(-each for each in reversed(lower))], dtype=np.int64)
