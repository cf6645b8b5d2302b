"""Derives the map of a recipe a second time, independently of the code that executes it.

Every step is a 3x3 matrix on homogeneous points and a new size, multiplied in order; no plan, no window, no dihedral
algebra. The turns are written out as the eight maps of the EXIF table (CIPA DC-008, tag 0x0112). What is seen of the
image is a set of half-planes, to which every canvas adds four. Nothing here may import the recipe or the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, cos, floor, radians, sin, sqrt, tan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import BboxprepError
from bboxprep.geometry.affine import Size
from bboxprep.verification.region import Matrix, Region, moved, rectangle

APPEARANCE = frozenset(
    {"grayscale", "exposure", "contrast", "hue", "saturation", "blur", "motion_blur", "noise", "salt_pepper", "cutout"}
    | {"camera_gain", "contrast_stretch", "auto_contrast", "equalize", "clahe", "background"}
)
IN_BOXES = frozenset({"flip", "rotate", "shear", "crop"})  # which move pixels inside boxes where they are asked to
_GROWN = 1e-6  # px of a canvas that rounding may add
_RIGHT = {90.0: 6, 180.0: 3, 270.0: 8}  # degrees clockwise, as EXIF asks for them
_BEYOND = {  # why some steps cannot be derived
    "mosaic": "a mosaic is made of several images, of which the record names one",
    "mixup": "a mixup is made of two images, of which the record names one",
    "copy_paste": "a copy-paste is made of two images, of which the record names one",
    "albumentations": "what a pipeline of albumentations draws is not derived here",
    "random_crop": "the record does not say what was drawn for an image",
    "tile": "the record does not say which tile an image is",
    "isolate": "the record does not say which object an image is of",
}


@dataclass(frozen=True, eq=False)
class Derived:
    """The map of points of the displayed source image to points of the output, and the output's size.

    `seen` is the part of the output on which the image is seen: what a step cuts off does not come back on a margin
    that a later one adds. `warped`: a step of it turned the axes, so that boxes were drawn anew.
    """

    matrix: Matrix
    size: Size
    seen: Region
    warped: bool


def turn_matrix(code: int, size: Size) -> Matrix:
    """The map from a stored image of `size` to the one that the EXIF orientation `code` displays."""
    w, h = size
    rows = {
        2: ((-1, 0, w), (0, 1, 0)),
        3: ((-1, 0, w), (0, -1, h)),
        4: ((1, 0, 0), (0, -1, h)),
        5: ((0, 1, 0), (1, 0, 0)),
        6: ((0, -1, h), (1, 0, 0)),
        7: ((0, -1, h), (-1, 0, w)),
        8: ((0, 1, 0), (-1, 0, w)),
    }.get(code, ((1, 0, 0), (0, 1, 0)))
    return np.array([*rows, (0, 0, 1)], dtype=np.float64)


def turned_size(code: int, size: Size) -> Size:
    """The size that the EXIF orientation `code` displays a stored image of `size` at."""
    return Size(size.height, size.width) if code in (5, 6, 7, 8) else size


def derive(recipe: Mapping[str, Any], stored: Size, code: int) -> Derived | str:
    """The map of the recorded `recipe` for an image of the size `stored` with the EXIF orientation `code`.

    A word instead where the record does not say all of it.
    """
    steps, upright = recipe.get("steps"), recipe.get("upright")
    if not isinstance(steps, list) or not isinstance(upright, bool):
        return "the record does not say the steps of its recipe"
    if unknown := sorted(set(recipe) - {"steps", "upright", "pad", "kernel", "seed"}):
        return f"the recipe has parts that are not known here ({', '.join(unknown)})"
    shown = turned_size(code, stored)
    matrix = np.eye(3) if upright else np.linalg.inv(turn_matrix(code, stored))
    size, warped = (shown if upright else stored), False
    seen = rectangle(size)
    for step in steps:
        after = after_step(step, size)
        if isinstance(after, str):
            return after
        matrix, size = after[0] @ matrix, after[1]
        seen = np.concatenate((moved(seen, after[0]), rectangle(size)))
        warped = warped or not keeps_axes(after[0])
    return Derived(np.asarray(matrix, dtype=np.float64), size, seen, warped)


def turned_before_pipeline(recipe: Mapping[str, Any], stored: Size, code: int) -> Matrix | None:
    """The map to the plane in which boxes were drawn anew before a pipeline of `recipe`; None where they were not."""
    steps = recipe.get("steps")
    names = [next(iter(step), "") if isinstance(step, Mapping) else "" for step in steps or ()]
    if not isinstance(steps, list) or "albumentations" not in names:
        return None
    before = derive({**recipe, "steps": steps[: names.index("albumentations")]}, stored, code)
    return before.matrix if isinstance(before, Derived) and before.warped else None


def keeps_axes(matrix: Matrix) -> bool:
    """Whether level lines stay level, or become upright ones, and upright ones likewise."""
    across, down = np.abs(np.diag(matrix)[:2]), np.abs((matrix[0, 1], matrix[1, 0]))
    return not (across.any() and down.any())


def apply(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points (..., 2) mapped by an affine `matrix`."""
    mapped: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return mapped


def apply_to_boxes(matrix: Matrix, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The hulls (N, 4) of boxes whose two corners are mapped: exact for maps that keep the axes."""
    one, other = apply(matrix, boxes[:, :2]), apply(matrix, boxes[:, 2:])
    return np.concatenate((np.minimum(one, other), np.maximum(one, other)), axis=1)


def moves_no_object(name: object, options: object) -> bool:
    """Whether the step `name` with the recorded `options` leaves all objects where they are."""
    said = options if isinstance(options, Mapping) else {}
    in_boxes, of_values = said.get("inside") == "boxes", said.get("geometric") is False
    return name in APPEARANCE or (name in IN_BOXES and in_boxes) or (is_foreign(name) and of_values)


def after_step(step: object, size: Size) -> Moved | str:
    """The map and the size of one step on an image of `size`, or a word where it is not known."""
    if not isinstance(step, Mapping) or len(step) != 1:
        return "a step of the recipe cannot be read"
    name, options = next(iter(step.items()))
    if not isinstance(options, Mapping):
        return f"the step {name!r} cannot be read"
    if moves_no_object(name, options):
        return np.eye(3), size
    if name not in _STEPS:
        return _BEYOND.get(name, f"the step {spoken(name, options)} is not known here")
    derived, known = _STEPS[name]
    if unknown := sorted(options.keys() - known):
        return f"the step {name!r} has options that are not known here ({', '.join(unknown)})"
    try:
        return derived(size, dict(options))
    except (BboxprepError, KeyError, TypeError, ValueError, OverflowError):
        return f"the step {name!r} cannot be read"


Moved = tuple[Matrix, Size]


def is_foreign(name: object) -> bool:
    """Whether a recorded step of this name is one of another distribution, of which nothing is known here."""
    return not (name in APPEARANCE or name in _STEPS or name in _BEYOND)


def spoken(name: str, options: Mapping[str, Any]) -> str:
    """A recorded step in words: its name, or that of the class of a user."""
    return repr(options.get("name", name) if name == "object" else name)


def _crop(size: Size, options: dict[str, Any]) -> Moved:
    x, y, width, height = (options[key] for key in ("x", "y", "width", "height"))
    if options.get("unit") == "%":
        left, right = (round(min(100.0, edge) / 100.0 * size.width) for edge in (x, x + width))
        top, bottom = (round(min(100.0, edge) / 100.0 * size.height) for edge in (y, y + height))
        x, y, width, height = left, top, right - left, bottom - top
    x, y, width, height = map(int, (x, y, width, height))
    return _matrix(1.0, 1.0, -x, -y), Size.of((min(x + width, size.width) - x, min(y + height, size.height) - y))


def _flip(size: Size, options: dict[str, Any]) -> Moved:
    return turn_matrix({"horizontal": 2, "vertical": 4, "both": 3}[options["axis"]], size), size


def _resize(size: Size, options: dict[str, Any]) -> Moved:
    width, height = map(int, options["size"])
    return _matrix(width / size.width, height / size.height, 0, 0), Size.of((width, height))


def _fill(size: Size, options: dict[str, Any]) -> Moved:
    width, height = map(int, options["size"])
    return _centred(size, max(width / size.width, height / size.height), Size.of((width, height)))


def _letterbox(size: Size, options: dict[str, Any]) -> Moved:
    """Of several canvases that which the image fills the most of; the first of equals."""
    listed = [tuple(map(int, each)) for each in options.get("sizes", ())] or [tuple(map(int, options["size"]))]
    scales = [min(Fraction(width, size.width), Fraction(height, size.height)) for width, height in listed]
    filled = [scale**2 / (width * height) for scale, (width, height) in zip(scales, listed, strict=True)]
    width, height = listed[filled.index(max(filled))]
    return _at(options, size, min(width / size.width, height / size.height), Size.of((width, height)))


def _fit(size: Size, options: dict[str, Any]) -> Moved:
    width, height = map(int, options["size"])
    return _centred(size, min(width / size.width, height / size.height), None)


def _multiple(size: Size, options: dict[str, Any]) -> Moved:
    of, most = int(options["of"]), int(options.get("max_pixels", 0))
    if options["how"] == "pad":
        canvas = Size.of((ceil(size.width / of) * of, ceil(size.height / of) * of))
        return _at(options, size, 1.0, canvas)
    sides = [max(of, round(side / of) * of) for side in size]
    if most and sides[0] * sides[1] > most:
        sides = [max(of, _most_multiples(side, of, size.width * size.height, most) * of) for side in size]
        longer = sides.index(max(sides))
        sides[longer] = min(sides[longer], floor(most / sides[1 - longer] / of) * of)
    return _matrix(sides[0] / size.width, sides[1] / size.height, 0, 0), Size.of((sides[0], sides[1]))


def _most_multiples(side: int, of: int, area: int, most: int) -> int:
    """How many times `of` goes into `side` of an image of `area` that is shrunk to `most` pixels."""
    guess = floor(side * sqrt(most / area) / of)  # which rounding may put on either side of a whole number
    return max(count for count in (guess - 1, guess, guess + 1) if (count * of) ** 2 * area <= side**2 * most)


def _scale(size: Size, options: dict[str, Any]) -> Moved:
    return _centred(size, _number(options, "factor"), size)


def _translate(size: Size, options: dict[str, Any]) -> Moved:
    x, y = round(_number(options, "x") * size.width), round(_number(options, "y") * size.height)
    return _matrix(1.0, 1.0, x, y), size


def _rotate(size: Size, options: dict[str, Any]) -> Moved:
    degrees = _number(options, "degrees") % 360.0
    if degrees in _RIGHT:
        return turn_matrix(_RIGHT[degrees], size), turned_size(_RIGHT[degrees], size)
    c, s = cos(radians(degrees)), sin(radians(degrees))
    turn = np.array([(c, -s), (s, c)]) if degrees else np.eye(2)
    return _about_middle(turn, size, grow=options["canvas"] == "grow")


def _shear(size: Size, options: dict[str, Any]) -> Moved:
    across = np.array([(1.0, tan(radians(_number(options, "x")))), (0.0, 1.0)])
    down = np.array([(1.0, 0.0), (tan(radians(_number(options, "y"))), 1.0)])
    return _about_middle(down @ across, size, grow=options["canvas"] == "grow")


def _place(size: Size, options: dict[str, Any]) -> Moved:  # noqa: ARG001
    """No step of a recipe: what a mosaic does with each of its images, as they are."""
    width, height = map(int, options["size"])
    return _matrix(1.0, 1.0, int(options["x"]), int(options["y"])), Size(width, height)


_STEPS: Mapping[str, tuple[Callable[[Size, dict[str, Any]], Moved], frozenset[str]]] = {
    "crop": (_crop, frozenset({"x", "y", "width", "height", "unit"})),
    "fill": (_fill, frozenset({"size"})),
    "fit": (_fit, frozenset({"size"})),
    "flip": (_flip, frozenset({"axis"})),
    "letterbox": (_letterbox, frozenset({"size", "sizes", "place"})),
    "multiple": (_multiple, frozenset({"of", "how", "max_pixels", "place"})),
    "place": (_place, frozenset({"size", "x", "y"})),
    "resize": (_resize, frozenset({"size"})),
    "rotate": (_rotate, frozenset({"degrees", "canvas"})),
    "scale": (_scale, frozenset({"factor"})),
    "shear": (_shear, frozenset({"x", "y", "canvas"})),
    "translate": (_translate, frozenset({"x", "y"})),
}


def _number(options: dict[str, Any], name: str) -> float:
    """The settled option `name`. Raises TypeError for a range, which says that nothing was drawn yet."""
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is not settled")
    return float(value)


def _about_middle(turn: NDArray[np.float64], size: Size, *, grow: bool) -> Moved:
    """The linear map `turn` (2, 2) about the middle of an image, which becomes the middle of its canvas."""
    whole = np.array(size, dtype=np.float64)
    rim = np.array([(0, 0), (size.width, 0), (0, size.height), size]) @ turn.T
    canvas = Size(*(ceil(length - _GROWN) for length in np.ptp(rim, axis=0).tolist())) if grow else size
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = np.array(canvas) / 2.0 - turn @ (whole / 2.0)
    return matrix, canvas


def _centred(size: Size, ratio: float, canvas: Size | None) -> Moved:
    """The image `ratio` times as large, by whole sizes, in the middle of `canvas`; without one it is all there is."""
    w, h = max(1, round(size.width * ratio)), max(1, round(size.height * ratio))
    x, y = (floor((canvas.width - w) / 2), floor((canvas.height - h) / 2)) if canvas else (0, 0)
    return _matrix(w / size.width, h / size.height, x, y), canvas or Size(w, h)


def _at(options: dict[str, Any], size: Size, ratio: float, canvas: Size) -> Moved:
    """The image `ratio` times as large in the place on `canvas` that the options name."""
    where = {"centre": canvas, "top-left": None}[options.get("place", "centre")]
    return _centred(size, ratio, where)[0], canvas


def _matrix(across: float, down: float, x: int, y: int) -> Matrix:
    return np.array([(across, 0, x), (0, down, y), (0, 0, 1)], dtype=np.float64)
