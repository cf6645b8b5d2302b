"""The light that sRGB values stand for (IEC 61966-2-1), and levels of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decoded(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light that sRGB values stand for, both 0 to 1."""
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def encoded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sRGB values for light, both 0 to 1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1.0 / 2.4) - 0.055)


def rounded(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """The nearest of the levels 0 to 255 to `levels`, of any dtype and shape: rounded (halves to even), cut, cast."""
    return np.asarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
