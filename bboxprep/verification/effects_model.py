"""Applies the recorded appearance steps to the expected gray image, as far as that is possible in gray.

Correlation ignores gain and offset, so only nonlinear or local changes are applied: the curve of an exposure, the
clipping of a contrast, what equalises a histogram (`tone_model`), a blur, a streak, the holes of a cutout, a filled
background. Other steps make the comparison weak: a similar patch proves that the place is right, a dissimilar one
proves nothing. So do all of other distributions: one that moves pixels may leave margins of which nothing is known
here. Inside boxes such a step is like a hole: the rest of the image is compared. What is moved inside boxes is moved
here too (`box_moves_model`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.gray_levels import Gray, blurred
from bboxprep.verification.arithmetic import IN_BOXES, is_foreign, spoken
from bboxprep.verification.box_moves_model import moved_in_boxes
from bboxprep.verification.tone_model import Mask, equalized, equalized_in_tiles, streaked, stretched, table_applied

MAX_FACTORS = {"exposure": 2.0, "contrast": 2.0, "saturation": 2.0}  # up to which gray behaves like the colours
MAX_NOISE = 8.0  # gray levels; stronger noise may hide a texture
MAX_VARIANCE = 0.004  # of the light; of a sensor's noise that is as strong
MAX_SPECKS = 0.02  # of the pixels that are salt or pepper
BLUR_RADIUS = 3.0  # sigmas
_LEVELLING = frozenset({"exposure", "contrast"})
_OF_ALL_LEVELS = frozenset({"contrast", "contrast_stretch", "auto_contrast", "equalize", "clahe"})
_UNKNOWN = frozenset(
    {"exposure", "contrast", "saturation", "blur", "motion_blur", "noise", "salt_pepper", "camera_gain"}
    | {"contrast_stretch", "auto_contrast", "clahe", "cutout", "hue", "albumentations", "background"}
)
_LEVELS = np.arange(256) / 255.0


@dataclass(frozen=True, eq=False)
class Scene:
    """What of an image (H, W) is no margin, `seen`, and what belongs to its `objects`; None: all, or not known. `fill`
    is the gray level of a filled background.
    """

    seen: Mask | None = None
    objects: Mask | None = None
    fill: int = 0


@dataclass(frozen=True, eq=False)
class ExpectedEffects:
    """The expected image after its steps: `gray`, the pixels (H, W) `outside_holes` (None: no holes), the px that the
    margin may have bled into the image, and the step that makes the comparison `weak` ("" for none).
    """

    gray: Gray
    outside_holes: Mask | None = None
    bleed: float = 0.0
    weak: str = ""


_BARE = Scene()


def step_names(steps: object) -> set[str]:
    """The names of the recorded `steps`."""
    return {name for step in steps if isinstance(step, Mapping) for name in step} if isinstance(steps, list) else set()


def sees_margins(steps: object) -> bool:
    """Whether a recorded step depends on what is margin: a contrast, which is about the mean of all, or one of those
    that work on the histogram of the rest.
    """
    return not step_names(steps).isdisjoint(_OF_ALL_LEVELS)


def is_in_px(steps: object) -> bool:
    """Whether a recorded step is in px of the full size: a blur, or one that moves what is in boxes of whole px."""
    names = step_names([step for step in steps if "inside" in str(step)]) if isinstance(steps, list) else set()
    return not step_names(steps).isdisjoint(("blur", "motion_blur")) or not names.isdisjoint(IN_BOXES)


def level_of(pad: object) -> float | None:
    """The gray level of the recorded `pad`, by the weights of ITU-R BT.601; None where margins continue the image."""
    if isinstance(pad, int):
        return float(pad)
    numbers = pad if isinstance(pad, list) and len(pad) == 3 and all(isinstance(each, int) for each in pad) else None
    return None if numbers is None else float(np.dot(numbers, (0.299, 0.587, 0.114)))


def apply_effects(gray: Gray, steps: object, scene: Scene = _BARE) -> ExpectedEffects:
    """`gray` (H, W) of a `scene` after the recorded appearance `steps`; other entries are ignored."""
    result = ExpectedEffects(gray)
    for step in steps if isinstance(steps, list) else ():
        for name, options in step.items() if isinstance(step, Mapping) else ():
            if isinstance(options, Mapping):
                after = _apply_step(result, name, options, scene)
                boxes = options.get("boxes")
                result = _inside(boxes, after, result) if isinstance(boxes, list) else after
    return result


def with_levels(colours: NDArray[np.uint8], steps: object) -> NDArray[np.uint8]:
    """`colours` (H, W, 3) after those of the recorded `steps` that change levels, an exposure or a contrast. What they
    lighten to white, or darken to black, has no colour any more.
    """
    known = steps if isinstance(steps, list) else []
    return apply_effects(colours, [step for step in known if step_names([step]) <= _LEVELLING]).gray


def _inside(boxes: Sequence[Any], after: ExpectedEffects, before: ExpectedEffects) -> ExpectedEffects:
    """`after` the step inside its recorded `boxes`, and `before` it outside."""
    if after.weak and not before.weak:
        return replace(before, outside_holes=_cut_out(before, boxes))
    inside = np.zeros(before.gray.shape[:2], dtype=np.bool_)
    for left, top, right, bottom in _rectangles(boxes, inside.shape):
        inside[round(top) : round(bottom), round(left) : round(right)] = True
    mixed = np.where(inside if before.gray.ndim == 2 else inside[..., None], after.gray, before.gray)
    return replace(after, gray=mixed)


def _apply_step(now: ExpectedEffects, name: str, options: Mapping[str, Any], scene: Scene) -> ExpectedEffects:
    seen = scene.seen
    match name, options:
        case "exposure", {"gain": int() | float() as gain}:
            gray = _exposed(now.gray, gain, linear=options.get("space", "linear") == "linear")
            if seen is not None and options.get("margins") is False:  # a record without it is of a run that lit them
                gray[~seen] = now.gray[~seen]
            return replace(now, gray=gray, weak=now.weak or _strength(name, gain))
        case "contrast", {"factor": int() | float() as factor}:
            middle = float(now.gray.mean())
            gray = table_applied(now.gray, middle + (_LEVELS * 255.0 - middle) * factor)
            return replace(now, gray=gray, weak=now.weak or _strength(name, factor))
        case "saturation", {"factor": int() | float() as factor}:
            return replace(now, weak=now.weak or _strength(name, factor))
        case "blur", {"sigma": int() | float() as sigma} if sigma >= 0:
            gray = blurred(now.gray, float(sigma)) if sigma > 0 else now.gray
            return replace(now, gray=gray, bleed=now.bleed + BLUR_RADIUS * sigma)
        case "motion_blur", {"length": int() | float() as length, "angle": int() | float() as angle} if length >= 1:
            return replace(now, gray=streaked(now.gray, length, angle), bleed=now.bleed + length / 2.0)
        case "contrast_stretch", {"low": int() | float() as low, "high": int() | float() as high} if low < high:
            return replace(now, gray=stretched(now.gray, low, high, seen))
        case "auto_contrast", {"cutoff": int() | float() as cutoff} if 0 <= cutoff < 50:
            return replace(now, gray=stretched(now.gray, cutoff, 100.0 - cutoff, seen))
        case "equalize", _:
            return replace(now, gray=equalized(now.gray, seen))
        case "clahe", {"clip": int() | float() as clip, "tiles": int() as tiles} if clip >= 0 and tiles > 0:
            return replace(now, gray=equalized_in_tiles(now.gray, clip, tiles, seen))
        case "cutout", {"holes": list() as holes}:
            return replace(now, outside_holes=_cut_out(now, holes))
        case _, {"inside": "boxes", "boxes": list() as boxes} if name in IN_BOXES:
            return _moved(now, name, options, boxes)
        case "background", _ if scene.objects is not None:
            return replace(now, gray=np.where(scene.objects, now.gray, np.uint8(scene.fill)))
        case _ if _is_faint(name, options):
            return now
    if is_foreign(name):
        return replace(now, weak=now.weak or f"the step {spoken(name, options)}")
    return replace(now, weak=name) if name in _UNKNOWN else now


def _moved(now: ExpectedEffects, name: str, options: Mapping[str, Any], boxes: Sequence[Any]) -> ExpectedEffects:
    """`now` after a step that moves what is in the recorded `boxes`."""
    shape, still = now.gray.shape, options.get("still", ())
    places = (_rectangles(each, shape) if isinstance(each, list) else [] for each in (boxes, still))
    gray, known = moved_in_boxes(now.gray, name, options, *([np.array(box) for box in each] for each in places))
    holes = known if now.outside_holes is None else known & now.outside_holes
    return replace(now, gray=gray, outside_holes=None if holes.all() else holes)


def _is_faint(name: str, options: Mapping[str, Any]) -> bool:
    """Whether the step is noise that hides no texture."""
    match name, options:
        case "noise", {"sigma": int() | float() as sigma}:
            return sigma <= MAX_NOISE
        case "camera_gain", {"variance": int() | float() as variance}:
            return variance <= MAX_VARIANCE
        case "salt_pepper", {"share": int() | float() as share}:
            return share <= MAX_SPECKS
    return False


def _strength(name: str, factor: float) -> str:
    """`name` of the step where its factor is too strong to be applied in gray; else ""."""
    most = MAX_FACTORS[name]
    return "" if factor == 0 or 1.0 / most <= factor <= most else name


def _exposed(gray: Gray, gain: float, *, linear: bool) -> Gray:
    """`gray` with `gain` times the light; if `linear`, through sRGB's curve (IEC 61966-2-1)."""
    if not linear:
        return table_applied(gray, _LEVELS * gain * 255.0)
    light = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)
    light = np.clip(light * gain, 0.0, 1.0)
    return table_applied(gray, np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255.0)


def _cut_out(now: ExpectedEffects, holes: Sequence[Any]) -> Mask:
    """What is outside of the holes so far, and of `holes`, each x, y, width, height in shares of the image, and of a
    pixel around them: (H, W).
    """
    shape = now.gray.shape[:2]
    visible = np.ones(shape, dtype=np.bool_) if now.outside_holes is None else now.outside_holes.copy()
    for left, top, right, bottom in _rectangles(holes, shape):
        visible[max(0, int(top) - 1) : int(np.ceil(bottom)) + 1, max(0, int(left) - 1) : int(np.ceil(right)) + 1] = (
            False
        )
    return visible


def _rectangles(shares: Sequence[Any], shape: tuple[int, ...]) -> list[tuple[float, float, float, float]]:
    """The left, top, right and bottom px of rectangles in `shares` of an image of `shape`."""
    height, width = shape
    found = []
    for share in shares:
        if isinstance(share, list) and len(share) == 4 and all(isinstance(each, int | float) for each in share):
            x, y, across, down = (float(np.clip(each, 0.0, 1.0)) for each in share)
            found.append((x * width, y * height, (x + across) * width, (y + down) * height))
    return found
