"""What a recipe does to a picture, derived a second time and in another way than the program does it.

Every step is a 3x3 matrix on homogeneous points and a new size, multiplied in order; no plan, no window, no dihedral
algebra. The turns are written out as the eight maps of the EXIF table (CIPA DC-008, tag 0x0112). Nothing here may
import the recipe or the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size

Matrix = NDArray[np.float64]  # (3, 3)


@dataclass(frozen=True, eq=False)
class Derived:
    """The map of points of the displayed source picture to points of the output, and the output's size.

    `visible` (4,) is the part of the output, x0 y0 x1 y1 px, on which the picture is seen: what a step cuts off does
    not come back on a margin that a later one adds.
    """

    matrix: Matrix
    size: Size
    visible: NDArray[np.float64]


def turn_matrix(code: int, size: Size) -> Matrix:
    """The map from a stored picture of `size` to the one that the EXIF orientation `code` displays."""
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
    """The size that the EXIF orientation `code` displays a stored picture of `size` at."""
    return Size(size.height, size.width) if code in (5, 6, 7, 8) else size


def derive(recipe: Mapping[str, Any], stored: Size, code: int) -> Derived | str:
    """What the recorded `recipe` does to a picture stored at `stored` with EXIF orientation `code`.

    A word instead where the record does not say all of it.
    """
    steps, upright = recipe.get("steps"), recipe.get("upright")
    if not isinstance(steps, list) or not isinstance(upright, bool):
        return "the record does not say the steps of its recipe"
    if unknown := sorted(set(recipe) - {"steps", "upright", "pad", "kernel"}):
        return f"the recipe has parts that are not known here ({', '.join(unknown)})"
    shown = turned_size(code, stored)
    matrix = np.eye(3) if upright else np.linalg.inv(turn_matrix(code, stored))
    size = shown if upright else stored
    visible = np.array([(0, 0, *size)], dtype=np.float64)
    for step in steps:
        after = _after(step, size)
        if isinstance(after, str):
            return after
        matrix, size = after[0] @ matrix, after[1]
        visible = np.clip(apply_to_boxes(after[0], visible), 0.0, np.array([*size, *size]))
    return Derived(np.asarray(matrix, dtype=np.float64), size, visible[0])


def apply(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points (..., 2) mapped by an affine `matrix`."""
    mapped: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return mapped


def apply_to_boxes(matrix: Matrix, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The hulls (N, 4) of boxes whose two corners are mapped: exact for maps that keep the axes, as all here do."""
    one, other = apply(matrix, boxes[:, :2]), apply(matrix, boxes[:, 2:])
    return np.concatenate((np.minimum(one, other), np.maximum(one, other)), axis=1)


def _after(step: object, size: Size) -> tuple[Matrix, Size] | str:
    """The map and the size of one step on a picture of `size`, or a word where it is not known."""
    if not isinstance(step, Mapping) or len(step) != 1:
        return "a step of the recipe cannot be read"
    name, options = next(iter(step.items()))
    if not isinstance(options, Mapping):
        return f"the step {name!r} cannot be read"
    try:
        match name, dict(options):
            case "crop", {"x": x, "y": y, "width": w, "height": h, **others} if not others:
                return _crop(size, int(x), int(y), int(w), int(h))
            case "flip", {"axis": axis, **others} if not others:
                return _flip(size, str(axis))
            case (("letterbox" | "resize" | "fit" | "fill"), {"size": [w, h], **others}) if not others:
                return _resize(str(name), size, int(w), int(h))
    except (TypeError, ValueError, OverflowError):
        return f"the step {name!r} cannot be read"
    return f"the step {name!r} is not known here"


def _crop(size: Size, x: int, y: int, width: int, height: int) -> tuple[Matrix, Size]:
    kept = Size(min(x + width, size.width) - x, min(y + height, size.height) - y)
    return _matrix(1.0, 1.0, -x, -y), kept


def _flip(size: Size, axis: str) -> tuple[Matrix, Size] | str:
    code = {"horizontal": 2, "vertical": 4, "both": 3}.get(axis)
    return (turn_matrix(code, size), size) if code else f"the flip {axis!r} is not known here"


def _resize(name: str, size: Size, width: int, height: int) -> tuple[Matrix, Size]:
    """The four ways to a size. The picture is stretched by whole sizes, so the two axes may differ a little."""
    target = Size(width, height)
    if name == "resize":
        return _matrix(width / size.width, height / size.height, 0, 0), target
    ratios = (width / size.width, height / size.height)
    ratio = max(ratios) if name == "fill" else min(ratios)
    w, h = max(1, round(size.width * ratio)), max(1, round(size.height * ratio))
    x, y = ((width - w) // 2, (height - h) // 2) if name != "fit" else (0, 0)
    return _matrix(w / size.width, h / size.height, x, y), Size(w, h) if name == "fit" else target


def _matrix(across: float, down: float, x: int, y: int) -> Matrix:
    return np.array([(across, 0, x), (0, down, y), (0, 0, 1)], dtype=np.float64)
