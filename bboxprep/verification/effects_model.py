"""What the recorded steps of appearance make of an image that is expected, as far as that can be said in gray.

Correlation does not mind light and contrast, so only what bends or hides values is repeated: the curve of an exposure,
what a contrast clips, a blur, the holes of a cutout. For other steps the verdict is weak: likeness proves a place, but
unlikeness says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.codecs.independent_decoder import Gray, softened

Mask = NDArray[np.bool_]
STRONGEST = {"exposure": 2.0, "contrast": 2.0, "saturation": 2.0}  # factor up to which gray stands for the colours
LOUD = 8.0  # gray levels of noise that may drown a texture
REACHES = 3.0  # sigmas of a blur


@dataclass(frozen=True, eq=False)
class Retouched:
    """An image after its steps: the `gray` that is expected, where it is `bare` of holes (H, W), by how many px a
    margin may have come into it (`bleed`); `weak` names steps after which unlikeness says nothing, "" for none."""

    gray: Gray
    bare: Mask | None = None
    bleed: float = 0.0
    weak: str = ""


def retouch(gray: Gray, steps: object) -> Retouched:
    """`gray` after those of the recorded `steps` that change how pixels look."""
    found = Retouched(gray)
    for step in steps if isinstance(steps, list) else ():
        for name, options in step.items() if isinstance(step, Mapping) else ():
            if isinstance(options, Mapping):
                found = _after(found, name, options)
    return found


def _after(now: Retouched, name: str, options: Mapping[str, Any]) -> Retouched:
    match name, options:
        case "exposure", {"gain": int() | float() as gain}:
            gray = _exposed(now.gray, gain, linear=options.get("space", "linear") == "linear")
            return Retouched(gray, now.bare, now.bleed, now.weak or _strength(name, gain))
        case "contrast", {"factor": int() | float() as factor}:
            middle = float(now.gray.mean())
            gray = np.clip(middle + (now.gray - middle) * np.float32(factor), 0.0, 255.0)
            return Retouched(gray, now.bare, now.bleed, now.weak or _strength(name, factor))
        case "saturation", {"factor": int() | float() as factor}:
            return Retouched(now.gray, now.bare, now.bleed, now.weak or _strength(name, factor))
        case "blur", {"sigma": int() | float() as sigma} if sigma >= 0:
            gray = softened(now.gray, float(sigma)) if sigma > 0 else now.gray
            return Retouched(gray, now.bare, now.bleed + REACHES * sigma, now.weak)
        case "noise", {"sigma": int() | float() as sigma} if sigma <= LOUD:
            return now
        case "cutout", {"holes": list() as holes}:
            bare = np.ones(now.gray.shape, dtype=np.bool_) if now.bare is None else now.bare.copy()
            _cut_out(bare, holes)
            return Retouched(now.gray, bare, now.bleed, now.weak)
        case (("exposure" | "contrast" | "saturation" | "blur" | "noise" | "cutout" | "hue" | "albumentations"), _):
            return Retouched(now.gray, now.bare, now.bleed, name)
    return now


def _strength(name: str, factor: float) -> str:
    """The step's name where its factor is too strong to be repeated in gray; else ""."""
    most = STRONGEST[name]
    return "" if factor == 0 or 1.0 / most <= factor <= most else name


def _exposed(gray: Gray, gain: float, *, linear: bool) -> Gray:
    """Values after `gain` times the light; sRGB's curve (IEC 61966-2-1) stands between the two."""
    levels = np.clip(gray, 0.0, 255.0).astype(np.float64) / 255.0
    if linear:
        light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        light = np.clip(light * gain, 0.0, 1.0)
        levels = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    else:
        levels = np.clip(levels * gain, 0.0, 1.0)
    return (levels * 255.0).astype(np.float32)


def _cut_out(bare: Mask, holes: Sequence[Any]) -> None:
    """Take the holes, as x, y, width, height in shares of the image, out of what is bare, and a pixel around."""
    height, width = bare.shape
    for hole in holes:
        if isinstance(hole, list) and len(hole) == 4 and all(isinstance(each, int | float) for each in hole):
            x, y, across, down = (float(np.clip(each, 0.0, 1.0)) for each in hole)
            top, bottom = max(0, int(y * height) - 1), int(np.ceil((y + down) * height)) + 1
            left, right = max(0, int(x * width) - 1), int(np.ceil((x + across) * width)) + 1
            bare[top:bottom, left:right] = False
