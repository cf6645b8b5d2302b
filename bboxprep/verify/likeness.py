"""Do two patches show the same thing, and in the same place?

A patch of the picture that is expected is laid on the picture that is there, at its place and some pixels around it.
It must fit well at its place, and no other place may fit clearly better. A patch that would fit itself as well a few
pixels further (a wall, one straight edge) cannot tell, and is no fault. All of it is normalised correlation, so a
change of light or contrast does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.images.witness import Gray, correlations, shrunk

LARGEST = 128  # px; a larger patch is averaged down to this
REACH = 0.04  # of the picture's longer side: how far around its place a patch is tried
SHIFT = 0.028  # of the picture's longer side: a shift that must be told
TEXTURE = 3.0  # gray levels; the least standard deviation of a patch that has something to compare
ALIKE = 0.94  # a patch that fits itself so well at another place cannot tell the two apart
POOR = 0.5  # a textured patch that fits worse than this at its place is not the same thing
CLEARLY = 0.03  # how much better another place has to fit


class Verdict(StrEnum):
    """What a comparison came to."""

    SAME = "same"
    UNSURE = "unsure"
    SHIFTED = "shifted"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Likeness:
    """The correlation of a patch at its place, `score`, the best one around, `best`, and where that is: `shift` px.

    `texture` is the standard deviation of the patch, in gray levels.
    """

    verdict: Verdict
    score: float = 0.0
    best: float = 0.0
    shift: tuple[int, int] = (0, 0)
    texture: float = 0.0


def compare(expected: Gray, actual: Gray, region: tuple[int, int, int, int], offset: tuple[int, int]) -> Likeness:
    """Whether `actual` shows at `region` (x0 y0 x1 y1, px) moved by `offset` what `expected` shows at `region`."""
    x0, y0, x1, y1 = region
    step = max(1, -(-max(x1 - x0, y1 - y0) // LARGEST))
    size = Size((x1 - x0) // step, (y1 - y0) // step)
    longer = max(expected.shape)
    reach = max(2, -(-round(longer * REACH) // step))
    patch = _cut(expected, x0, y0, size, step)
    texture = float(patch.std())
    if min(size) < 4 or texture < TEXTURE:
        return Likeness(Verdict.UNSURE, texture=texture)
    around = Size(size.width + 2 * reach, size.height + 2 * reach)
    left, top = x0 - step * reach, y0 - step * reach
    itself = correlations(_cut(expected, left, top, around, step), patch)
    scores = correlations(_cut(actual, left + offset[0], top + offset[1], around, step), patch)
    far = max(2.0, longer * SHIFT / step)
    return replace(_judge(scores, itself, reach, step, far), texture=texture)


def _judge(scores: NDArray[np.float64], itself: NDArray[np.float64], reach: int, step: int, far: float) -> Likeness:
    places = np.arange(-reach, reach + 1)
    distance = np.hypot(places[:, None], places[None, :])
    score = float(scores[distance < 1.5].max())  # a pixel of this grid to any side is rounding
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    best = float(scores[row, column])
    shift = ((column - reach) * step, (row - reach) * step)
    telling = float(itself[distance >= far].max(initial=-1.0)) < ALIKE
    if best > score + CLEARLY and best > POOR and distance[row, column] >= 2.0:
        return Likeness(Verdict.SHIFTED, score, best, shift)
    if score < POOR:
        return Likeness(Verdict.OTHER, score, best, shift)
    return Likeness(Verdict.SAME if telling else Verdict.UNSURE, score, best, shift)


def _cut(gray: Gray, x: int, y: int, size: Size, step: int) -> Gray:
    """The part of `gray` from (`x`, `y`) on, `size` cells of `step` px; the picture is continued at its edges."""
    rows = np.clip(np.arange(y, y + size.height * step), 0, gray.shape[0] - 1)
    columns = np.clip(np.arange(x, x + size.width * step), 0, gray.shape[1] - 1)
    part = np.ascontiguousarray(gray[rows][:, columns])
    return part if step == 1 else shrunk(part, size)
