"""Applies the effects of a recipe to the pixels of an image after its plan. Effects change values and move nothing.

Each effect takes and returns uint8 pixels, (H, W) gray or (H, W, 3) RGB, of the same size; gray stays gray (only
`grayscale` makes three equal channels). An effect on single levels uses a table of 256 values, computed in float64,
rounded, clipped and then cast, so nothing overflows; a gain or factor of 1 changes no pixel.

**Why little of it calls albumentations.** Its blur is OpenCV's, which is called here without the second that loading
albumentations takes. Its other steps of these names work on levels that are rounded on the way (hues to 2 degrees),
draw their noise from a generator that may change, or drop what rounding should keep.

**Same bytes on every machine.** Gray, saturation and hue are arithmetic on single pixels without another library;
`pixel_noise`, `motion` and `histograms` say how theirs are.

**Inside boxes.** An effect with `boxes` is applied to the whole image, of which what is in the boxes is kept. So a blur
blends its box with what is around it, and boxes that overlap are changed once. What moves the pixels of boxes is in
`box_moves`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import InternalError
from bboxprep.geometry.affine import Points, Size
from bboxprep.images.effects import histograms, pixel_noise
from bboxprep.images.effects.box_moves import moved_in_boxes
from bboxprep.images.effects.light import exposure_table, rounded
from bboxprep.images.effects.motion import motion_blurred
from bboxprep.images.opencv import opencv
from bboxprep.model.rendering import BACKGROUND, DEFAULT_RENDERING, PLUGIN, Effect, Rendering

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Colour = int | tuple[int, int, int]
Shares = Sequence[Sequence[float]]  # x, y, width and height of rectangles, as shares of an image

_LEAST_BLUR = 0.1  # px of sigma; the kernel of less is a single 1
CUTOUT = "cutout"


Floats = NDArray[np.float32]

_RED, _GREEN, _BLUE = 299, 587, 114  # thousandths: ITU-R BT.601
_STRIP = 1 << 14  # pixels; what is worked out of so many fits into a cache, and costs a third


def effects_applied(
    pixels: Pixels, rendering: Rendering, outline: Points | None = None, objects: NDArray[np.bool_] | None = None
) -> Pixels:
    """`pixels` after all effects of `rendering`, whose pad also fills the holes of a cutout and the background; may be
    the same array. `outline` (Q, 2) px is the convex ring around what is no margin; None: there is none. `objects`
    (H, W) are the pixels that are no background.

    Pure: the same for the same arguments, on every machine. Raises `InternalError` for an unknown effect.
    """
    for effect in rendering.effects:
        options = dict(effect.options)
        if effect.name == "exposure":
            changed = _exposure(pixels, options, None if options.get("margins") else seen_of(_size(pixels), outline))
        elif effect.name in _HISTOGRAMS:
            changed = _HISTOGRAMS[effect.name](pixels, options, seen_of(_size(pixels), outline))
        elif effect.name in _EFFECTS:
            changed = _EFFECTS[effect.name](pixels, options, rendering)
        elif effect.name == BACKGROUND and objects is not None:
            changed = pixels.copy()
            changed[~objects] = _fill(rendering, gray=pixels.ndim == 2)
        else:
            raise InternalError(f"effect {effect.name!r}: unknown")
        pixels = changed if options.get("boxes") is None else _inside(options["boxes"], changed, pixels)
    return pixels


def _inside(boxes: Shares, changed: Pixels, pixels: Pixels) -> Pixels:
    """`changed` inside the `boxes`, `pixels` outside."""
    mixed = pixels.copy()
    for x0, y0, x1, y1 in whole_pixels(_size(pixels), boxes).tolist():
        mixed[y0:y1, x0:x1] = changed[y0:y1, x0:x1]
    return mixed


def _size(pixels: Pixels) -> Size:
    return Size(pixels.shape[1], pixels.shape[0])


def seen_of(size: Size, outline: Points | None) -> NDArray[np.bool_] | None:
    """The pixels (H, W) of an image of `size` whose middles are inside the convex ring `outline`; None for all."""
    if outline is None:
        return None
    columns, rows = np.arange(size.width) + 0.5, np.arange(size.height)[:, None] + 0.5
    after = np.roll(outline, -1, axis=0)
    around = float(np.sum(outline[:, 0] * after[:, 1] - after[:, 0] * outline[:, 1]))
    seen = np.full((size.height, size.width), len(outline) > 2)
    for (x0, y0), (x1, y1) in zip(outline.tolist(), after.tolist(), strict=True):
        seen &= ((x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0)) * around >= 0.0
    return None if seen.all() else seen


def whole_pixels(size: Size, rectangles: Shares) -> NDArray[np.int64]:
    """The `rectangles`, x y width height as shares of an image of `size`, as (K, 4) x0 y0 x1 y1 in whole px."""
    shares = np.array(rectangles, dtype=np.float64).reshape(-1, 4)
    edges = np.concatenate((shares[:, :2], shares[:, :2] + shares[:, 2:]), axis=1)
    limit = np.tile(size, 2)
    return np.asarray(np.clip(np.rint(edges * limit), 0, limit).astype(np.int64))


def holes_in(size: Size, effect: Effect) -> NDArray[np.int64]:
    """The holes (K, 4) of a cutout `effect` in an image of `size`, x0 y0 x1 y1 in whole px; none for other effects."""
    return whole_pixels(size, (dict(effect.options).get("holes") or ()) if effect.name == CUTOUT else ())


def _moved_in_boxes(pixels: Pixels, options: Mapping[str, Any], rendering: Rendering) -> Pixels:
    boxes, still = (whole_pixels(_size(pixels), options[name]) for name in ("boxes", "still"))
    return moved_in_boxes(pixels, options["step"], boxes, still, rendering.kernel)


def _grayscale(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return grayscale(pixels, options["channels"])


def _exposure(pixels: Pixels, options: Mapping[str, Any], seen: NDArray[np.bool_] | None) -> Pixels:
    changed = np.asarray(exposure_table(options["gain"], options["space"])[pixels])
    if seen is not None:
        changed[~seen] = pixels[~seen]
    return changed


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


def _motion_blur(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return motion_blurred(pixels, options["length"], options["angle"])


def _noise(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return pixel_noise.add_noise(pixels, options["sigma"], options["seed"])


def _salt_pepper(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return pixel_noise.salt_and_pepper(pixels, options["share"], options["seed"])


def _camera_gain(pixels: Pixels, options: Mapping[str, Any], _: Rendering) -> Pixels:
    return pixel_noise.add_sensor_noise(pixels, options["variance"], options["seed"])


def _cutout(pixels: Pixels, options: Mapping[str, Any], rendering: Rendering) -> Pixels:
    fill = _fill(rendering, gray=pixels.ndim == 2)
    pixels = pixels.copy()
    for x0, y0, x1, y1 in whole_pixels(_size(pixels), options["holes"] or ()).tolist():
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
    "contrast": _contrast,
    "hue": _hue,
    "saturation": _saturation,
    "blur": _blur,
    "motion_blur": _motion_blur,
    "noise": _noise,
    "salt_pepper": _salt_pepper,
    "camera_gain": _camera_gain,
    CUTOUT: _cutout,
    **dict.fromkeys(("flip", "rotate", "shear", "crop"), _moved_in_boxes),
    PLUGIN: lambda pixels, options, _: options["change"](pixels),
}
_HISTOGRAMS: Mapping[str, Callable[[Pixels, Mapping[str, Any], NDArray[np.bool_] | None], Pixels]] = {
    "contrast_stretch": lambda pixels, options, seen: histograms.stretch(pixels, options["low"], options["high"], seen),
    "auto_contrast": lambda pixels, options, seen: histograms.auto_contrast(pixels, options["cutoff"], seen),
    "equalize": lambda pixels, _, seen: histograms.equalize(pixels, grayscale(pixels, 1), seen),
    "clahe": lambda pixels, options, seen: histograms.clahe(
        pixels, grayscale(pixels, 1), options["clip"], options["tiles"], seen
    ),
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
