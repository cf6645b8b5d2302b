"""Applies the effects of a recipe to the pixels of an image after its plan. Effects change values and move nothing.

Each effect takes and returns uint8 pixels, (H, W) gray or (H, W, 3) RGB, of the same size; gray stays gray (only
`grayscale` makes three equal channels). An effect on single levels uses a table of 256 values, computed in float64,
rounded, clipped and then cast, so nothing overflows; a gain or factor of 1 changes no pixel.

**Why little of it calls albumentations.** Its blur is OpenCV's, which is called here without the second that loading
albumentations takes. Its other steps of these names work on levels that are rounded on the way (hues to 2 degrees),
draw their noise from a generator that may change, or drop what rounding should keep.

**Which light a gain multiplies.** "linear": what the stored sRGB levels stand for (IEC 61966-2-1), as a longer exposure
does, by one stop for a gain of 2. "srgb": the stored levels themselves, as torchvision, albumentations and what
services call brightness do; the same gain is then much stronger in bright parts.

**Same bytes on every machine.** Gray, saturation and hue are arithmetic on single pixels without another library. For
noise, numpy promises the raw bits of its generators, but not the normal numbers that it makes of them. So 16 raw bits
at a time choose one of the 65,536 quantiles of the normal distribution: it ends at 4.3 sigma, which is well beyond what
a level of 255 tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import InternalError
from bboxprep.geometry.affine import Size
from bboxprep.images.opencv import opencv
from bboxprep.model.rendering import DEFAULT_RENDERING, Effect, Rendering

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Colour = int | tuple[int, int, int]

_LEAST_BLUR = 0.1  # px of sigma; the kernel of less is a single 1
CUTOUT = "cutout"


Floats = NDArray[np.float32]

_RED, _GREEN, _BLUE = 299, 587, 114  # thousandths: ITU-R BT.601
_STRIP = 1 << 14  # pixels; what is worked out of so many fits into a cache, and costs a third


_CHOICES = 1 << 16
_FINE = 1 << 20  # parts of a sigma that quantiles are kept in; what is finer may differ from one C library to the next


def effects_applied(pixels: Pixels, rendering: Rendering) -> Pixels:
    """`pixels` after all effects of `rendering`, whose pad also fills the holes of a cutout; may be the same array.

    Pure: the same for the same arguments, on every machine. Raises `InternalError` for an unknown effect.
    """
    for effect in rendering.effects:
        if effect.name not in _EFFECTS:
            raise InternalError(f"effect {effect.name!r}: unknown")
        pixels = _EFFECTS[effect.name](pixels, dict(effect.options), rendering)
    return pixels


def holes_in(size: Size, effect: Effect) -> NDArray[np.int64]:
    """The holes (K, 4) of a cutout `effect` in an image of `size`, x0 y0 x1 y1 in whole px; none for other effects."""
    holes = dict(effect.options).get("holes") if effect.name == CUTOUT else ()
    shares = np.array(holes or (), dtype=np.float64).reshape(-1, 4)
    edges = np.concatenate((shares[:, :2], shares[:, :2] + shares[:, 2:]), axis=1)
    limit = np.tile(size, 2)
    return np.asarray(np.clip(np.rint(edges * limit), 0, limit).astype(np.int64))


@lru_cache(maxsize=256)
def exposure_table(gain: float, space: Literal["linear", "srgb"]) -> Pixels:
    """The table uint8 (256,) that multiplies the light of each level by `gain`."""
    levels = np.arange(256, dtype=np.float64)
    if space == "srgb" or gain == 1.0:
        return rounded(levels * gain)
    return rounded(255.0 * _encoded(np.minimum(_decoded(levels / 255.0) * gain, 1.0)))


def _decoded(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light that sRGB values stand for (IEC 61966-2-1), both 0 to 1."""
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _encoded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sRGB values for light (IEC 61966-2-1), both 0 to 1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1.0 / 2.4) - 0.055)


def _grayscale(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return grayscale(pixels, options["channels"])


def _exposure(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return np.asarray(exposure_table(options["gain"], options["space"])[pixels])


def _contrast(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    luma = thousandths(pixels)
    mean = int(luma.sum(dtype=np.int64)) / (1000.0 * luma.size)
    return np.asarray(rounded(mean + options["factor"] * (np.arange(256) - mean))[pixels])


def _hue(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return turn_hue(pixels, options["degrees"])


def _saturation(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return saturate(pixels, options["factor"])


def _blur(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    if options["sigma"] < _LEAST_BLUR:
        return pixels
    return np.asarray(opencv().GaussianBlur(np.ascontiguousarray(pixels), (0, 0), options["sigma"]))


def _noise(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return add_noise(pixels, options["sigma"], options["seed"])


def _cutout(pixels: Pixels, options: Mapping[str, Any], rendering: Rendering) -> Pixels:
    size = Size(pixels.shape[1], pixels.shape[0])
    fill = _fill(rendering, gray=pixels.ndim == 2)
    pixels = pixels.copy()
    for x0, y0, x1, y1 in holes_in(size, Effect(CUTOUT, tuple(options.items()))).tolist():
        pixels[y0:y1, x0:x1] = fill
    return pixels


def _fill(rendering: Rendering, *, gray: bool) -> Colour:
    """The pad, as its luma in a gray image; the usual pad where margins continue the image."""
    pad = DEFAULT_RENDERING.pad if isinstance(rendering.pad, str) else rendering.pad
    if not isinstance(pad, tuple):
        return int(pad)
    return int(grayscale(np.array([[pad]], dtype=np.uint8), 1)[0, 0]) if gray else pad


_EFFECTS: Mapping[str, Callable[[Pixels, Mapping[str, Any], Rendering], Pixels]] = {
    "grayscale": _grayscale,
    "exposure": _exposure,
    "contrast": _contrast,
    "hue": _hue,
    "saturation": _saturation,
    "blur": _blur,
    "noise": _noise,
    CUTOUT: _cutout,
}


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
    """`pixels` with the distance of each colour from its luma multiplied by `factor`; gray pixels are unchanged."""
    if pixels.ndim == 2:
        return pixels

    def strip_of(strip: Pixels) -> Pixels:
        luma = (thousandths(strip) / np.float32(1000))[..., None].astype(np.float32)
        return rounded(luma + np.float32(factor) * (strip - luma))

    return _in_strips(strip_of, pixels)


def turn_hue(pixels: Pixels, degrees: float) -> Pixels:
    """`pixels` with each HSV hue rotated by `degrees` (red to yellow to green); gray pixels are unchanged."""
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
    """`change` applied to all rows, in strips that fit into the cache."""
    rows = max(1, _STRIP // pixels.shape[1])
    return np.concatenate([change(pixels[top : top + rows]) for top in range(0, len(pixels), rows)])


def rounded(levels: NDArray[Any]) -> Pixels:
    """The nearest of the levels 0 to 255 to `levels`, of any dtype and shape: rounded (halves to even), cut, cast."""
    return np.asarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


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
