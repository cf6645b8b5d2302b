"""Applies the recorded appearance steps to the expected gray image, as far as that is possible in gray.

Correlation ignores gain and offset, so only nonlinear or local changes are applied: the curve of an exposure, the
clipping of a contrast, a blur, the holes of a cutout. Other steps make the comparison weak: a similar patch proves that
the place is right, a dissimilar one proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.gray_levels import Gray, blurred

Mask = NDArray[np.bool_]
MAX_FACTORS = {"exposure": 2.0, "contrast": 2.0, "saturation": 2.0}  # up to which gray behaves like the colours
MAX_NOISE = 8.0  # gray levels; stronger noise may hide a texture
BLUR_RADIUS = 3.0  # sigmas
_LEVELLING = frozenset({"exposure", "contrast"})
_LEVELS = np.arange(256) / 255.0


@dataclass(frozen=True, eq=False)
class ExpectedEffects:
    """The expected image after its steps: `gray`, the pixels (H, W) `outside_holes` (None: no holes), the px that the
    margin may have bled into the image, and the step that makes the comparison `weak` ("" for none).
    """

    gray: Gray
    outside_holes: Mask | None = None
    bleed: float = 0.0
    weak: str = ""


def step_names(steps: object) -> set[str]:
    """The names of the recorded `steps`."""
    return {name for step in steps if isinstance(step, Mapping) for name in step} if isinstance(steps, list) else set()


def needs_margin(steps: object) -> bool:
    """Whether a recorded step looks at the whole image, its margin too: a contrast, which is about the mean."""
    return "contrast" in step_names(steps)


def level_of(pad: object) -> float | None:
    """The gray level of the recorded `pad`, by the weights of ITU-R BT.601; None where margins continue the image."""
    if isinstance(pad, int):
        return float(pad)
    numbers = pad if isinstance(pad, list) and len(pad) == 3 and all(isinstance(each, int) for each in pad) else None
    return None if numbers is None else float(np.dot(numbers, (0.299, 0.587, 0.114)))


def apply_effects(gray: Gray, steps: object) -> ExpectedEffects:
    """`gray` after the recorded appearance `steps`; other entries are ignored."""
    result = ExpectedEffects(gray)
    for step in steps if isinstance(steps, list) else ():
        for name, options in step.items() if isinstance(step, Mapping) else ():
            if isinstance(options, Mapping):
                result = _apply_step(result, name, options)
    return result


def with_levels(colours: NDArray[np.uint8], steps: object) -> NDArray[np.uint8]:
    """`colours` (H, W, 3) after those of the recorded `steps` that change levels, an exposure or a contrast. What they
    lighten to white, or darken to black, has no colour any more.
    """
    known = steps if isinstance(steps, list) else []
    return apply_effects(colours, [step for step in known if step_names([step]) <= _LEVELLING]).gray


def _apply_step(now: ExpectedEffects, name: str, options: Mapping[str, Any]) -> ExpectedEffects:
    match name, options:
        case "exposure", {"gain": int() | float() as gain}:
            gray = _exposed(now.gray, gain, linear=options.get("space", "linear") == "linear")
            return ExpectedEffects(gray, now.outside_holes, now.bleed, now.weak or _strength(name, gain))
        case "contrast", {"factor": int() | float() as factor}:
            middle = float(now.gray.mean())
            gray = _table(now.gray, middle + (_LEVELS * 255.0 - middle) * factor)
            return ExpectedEffects(gray, now.outside_holes, now.bleed, now.weak or _strength(name, factor))
        case "saturation", {"factor": int() | float() as factor}:
            return ExpectedEffects(now.gray, now.outside_holes, now.bleed, now.weak or _strength(name, factor))
        case "blur", {"sigma": int() | float() as sigma} if sigma >= 0:
            gray = blurred(now.gray, float(sigma)) if sigma > 0 else now.gray
            return ExpectedEffects(gray, now.outside_holes, now.bleed + BLUR_RADIUS * sigma, now.weak)
        case "noise", {"sigma": int() | float() as sigma} if sigma <= MAX_NOISE:
            return now
        case "cutout", {"holes": list() as holes}:
            visible = np.ones(now.gray.shape, dtype=np.bool_) if now.outside_holes is None else now.outside_holes.copy()
            _cut_out(visible, holes)
            return ExpectedEffects(now.gray, visible, now.bleed, now.weak)
        case (("exposure" | "contrast" | "saturation" | "blur" | "noise" | "cutout" | "hue" | "albumentations"), _):
            return ExpectedEffects(now.gray, now.outside_holes, now.bleed, name)
    return now


def _strength(name: str, factor: float) -> str:
    """`name` of the step where its factor is too strong to be applied in gray; else ""."""
    most = MAX_FACTORS[name]
    return "" if factor == 0 or 1.0 / most <= factor <= most else name


def _exposed(gray: Gray, gain: float, *, linear: bool) -> Gray:
    """`gray` with `gain` times the light; if `linear`, through sRGB's curve (IEC 61966-2-1)."""
    if not linear:
        return _table(gray, _LEVELS * gain * 255.0)
    light = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)
    light = np.clip(light * gain, 0.0, 1.0)
    return _table(gray, np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255.0)


def _table(gray: Gray, levels: NDArray[np.float64]) -> Gray:
    """`gray` (H, W) with each level i replaced by ``levels[i]``, held within 0 and 255."""
    rounded: Gray = np.rint(np.clip(levels, 0.0, 255.0)).astype(np.uint8)
    return rounded[gray]


def _cut_out(visible: Mask, holes: Sequence[Any]) -> None:
    """Clear the holes, each x, y, width, height in shares of the image, and a pixel around them in `visible` (H, W)."""
    height, width = visible.shape
    for hole in holes:
        if isinstance(hole, list) and len(hole) == 4 and all(isinstance(each, int | float) for each in hole):
            x, y, across, down = (float(np.clip(each, 0.0, 1.0)) for each in hole)
            top, bottom = max(0, int(y * height) - 1), int(np.ceil((y + down) * height)) + 1
            left, right = max(0, int(x * width) - 1), int(np.ceil((x + across) * width)) + 1
            visible[top:bottom, left:right] = False
