"""The effects of a recipe on a finished picture: what changes colours and moves nothing.

Each takes uint8 pixels, (H, W) gray or (H, W, 3) RGB, and gives such pixels of the same size; gray stays gray (only
`grayscale` makes three equal channels of it). What is done level by level goes through one table of 256 values, made in
float64, rounded, cut and only then cast, so nothing overflows; a gain or factor of 1 changes no pixel.

**Why little of it calls albumentations.** Its blur is OpenCV's, which is called here without the second that loading
albumentations takes. Its other steps of these names work on levels that are rounded on the way (hues to 2 degrees),
draw their noise from a generator that may change, or drop what rounding should keep.

**Which light a gain multiplies.** "linear": what the stored sRGB levels stand for (IEC 61966-2-1), as a longer exposure
does, by one stop for a gain of 2. "srgb": the stored levels themselves, as torchvision, albumentations and what
services call brightness do; the same gain is then much stronger in bright parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import InternalError
from bboxprep.geometry.affine import Size
from bboxprep.images.effects.colour import grayscale, rounded, saturate, thousandths, turn_hue
from bboxprep.images.effects.noise import add_noise
from bboxprep.model.rendering import DEFAULT_RENDERING, Effect, Rendering

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Colour = int | tuple[int, int, int]

_LEAST_BLUR = 0.1  # px of sigma; the kernel of less is a single 1
CUTOUT = "cutout"


def effects_applied(pixels: Pixels, rendering: Rendering) -> Pixels:
    """`pixels` after all effects of `rendering`, whose pad is also what fills holes; perhaps the same array.

    Pure: the same for the same arguments, on every machine. Raises `InternalError` for an effect that is none of these.
    """
    for effect in rendering.effects:
        if effect.name not in _EFFECTS:
            raise InternalError(f"effect {effect.name!r}: have none of that name")
        pixels = _EFFECTS[effect.name](pixels, dict(effect.options), rendering)
    return pixels


def holes_in(size: Size, effect: Effect) -> NDArray[np.int64]:
    """The holes (K, 4) that `effect` makes in a picture of `size`, x0 y0 x1 y1 in whole pixels; none if no cutout."""
    holes = dict(effect.options).get("holes") if effect.name == CUTOUT else ()
    shares = np.array(holes or (), dtype=np.float64).reshape(-1, 4)
    edges = np.concatenate((shares[:, :2], shares[:, :2] + shares[:, 2:]), axis=1)
    limit = np.tile(size, 2)
    return np.asarray(np.clip(np.rint(edges * limit), 0, limit).astype(np.int64))


@lru_cache(maxsize=256)
def exposure_table(gain: float, space: Literal["linear", "srgb"]) -> Pixels:
    """The level (256,) that each level becomes when its light is multiplied by `gain`."""
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
    import cv2  # takes a while to load, and few runs need it

    return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(pixels), (0, 0), options["sigma"]))


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
    """The pad, as its luma in a gray picture; the usual pad where margins continue the picture."""
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
