"""The light that sRGB values stand for (IEC 61966-2-1), and exposures of it.

**Which light a gain multiplies.** "linear": what the stored sRGB levels stand for (IEC 61966-2-1), as a longer exposure
does, by one stop for a gain of 2. "srgb": the stored levels themselves, as torchvision, albumentations and what
services call brightness do; the same gain is then much stronger in bright parts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=256)
def exposure_table(gain: float, space: Literal["linear", "srgb"]) -> NDArray[np.uint8]:
    """The table uint8 (256,) that multiplies the light of each level by `gain`."""
    levels = np.arange(256, dtype=np.float64)
    if space == "srgb" or gain == 1.0:
        return rounded(levels * gain)
    return rounded(255.0 * encoded(np.minimum(decoded(levels / 255.0) * gain, 1.0)))


def decoded(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light that the sRGB values `share` stand for, both float64 of 0 to 1 and of one shape."""
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def encoded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sRGB values for `light`, both float64 of 0 to 1 and of one shape."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1.0 / 2.4) - 0.055)


def rounded(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """The nearest of the levels 0 to 255 to `levels`, of any dtype and shape: rounded (halves to even), cut, cast."""
    return np.asarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
