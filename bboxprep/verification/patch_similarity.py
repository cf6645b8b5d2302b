"""Compares patches of two images: whether they show the same content in the same place.

A patch of the expected image is correlated with the actual image, at its place and at shifts of some pixels. It must
match at its place, and no other place may match clearly better. A patch that matches itself at a shift too (a wall, one
straight edge) is undecided. The normalised correlation is independent of gain and offset.

Margins, corners beyond a rotated image and holes are excluded by a mask (`masked_correlations`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Generic, TypeAlias, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.images.gray_levels import Gray, agreement, correlations, shrunk

Mask = NDArray[np.bool_]
Cell = TypeVar("Cell", bound=np.generic)
GrayScales: TypeAlias = "Scales[np.uint8]"

REACH = 0.04  # of the longer side of the image: the largest shift that is tried
SHIFT = 0.028  # of the longer side of the image: the largest shift that must be found
MAX_PATCH = 128  # px; a larger patch is reduced to no more cells, and
FINE_PATCH = 64  # px; to no more than these where its cells are no longer than
FINE_CELL = SHIFT / 8  # of the longer side of the image: patterns that repeat themselves are still seen to do so
PART = 24  # cells along each side of the middle of a patch; where it tells, the rest need not
TEXTURE = 3.0  # gray levels; the least standard deviation of a patch that can be compared
ALIKE = 0.94  # correlation; a patch that matches itself that well at another place is undecided
POOR = 0.5  # correlation; a textured patch below it at its place shows other content
LEAST_SEEN = 0.25  # of a patch; with less of it visible, it is undecided
CLEARLY = 0.03  # how much better another place must correlate


Floats = NDArray[np.float32] | NDArray[np.float64]
LEAST_SHARE = 0.5  # of the visible part of a patch; places with less in common are ignored
_FLAT = 1e-3  # gray levels; a variance below its square is rounding


class PatchVerdict(StrEnum):
    """The verdict of a comparison."""

    SAME = "same"
    UNSURE = "unsure"
    SHIFTED = "shifted"
    OTHER = "other"


class Likeness(msgspec.Struct, frozen=True):
    """The correlation of a patch at its place, `score`, the best one around, `best`, and where that is: `shift` px.

    `texture` is the standard deviation of the patch, in gray levels.
    """

    verdict: PatchVerdict
    score: float = 0.0
    best: float = 0.0
    shift: tuple[int, int] = (0, 0)
    texture: float = 0.0


class Scales(Generic[Cell]):
    """An image or a mask (H, W) at 1, 1/2, 1/4 and so on of its size, each made by `halved` when it is asked for.

    What does not fill a cell is left out.
    """

    def __init__(self, whole: NDArray[Cell], halved: Callable[[NDArray[Cell]], NDArray[Cell]]) -> None:
        self.whole, self._halved = whole, halved
        self._at: dict[int, NDArray[Cell]] = {1: whole}

    def at(self, step: int) -> NDArray[Cell]:
        """The image, uint8, or the mask, bool, in cells of `step` px, a power of two: (H / step, W / step)."""
        if step not in self._at:
            finer = self.at(step // 2)
            self._at[step] = self._halved(finer[: finer.shape[0] // 2 * 2, : finer.shape[1] // 2 * 2])
        return self._at[step]


def gray_scales(gray: Gray) -> GrayScales:
    """The scales of `gray` (H, W), whose cells are means."""
    return Scales(gray, lambda even: shrunk(even, Size(even.shape[1] // 2, even.shape[0] // 2)))


def mask_scales(mask: Mask) -> Scales[np.bool_]:
    """The scales of `mask` (H, W), whose cells are set where all of their pixels are."""
    return Scales(mask, lambda even: even[::2, ::2] & even[1::2, ::2] & even[::2, 1::2] & even[1::2, 1::2])


def compare(
    expected: GrayScales,
    actual: GrayScales,
    region: tuple[int, int, int, int],
    offset: tuple[int, int],
    seen: Scales[np.bool_] | None = None,
) -> Likeness:
    """Whether `actual` shows at `region` (x0 y0 x1 y1, px) moved by `offset` what `expected` shows at `region`.

    Where not all of the region is `seen`, only what is counts.
    """
    x0, y0, x1, y1 = region
    longer = max(expected.whole.shape)
    step = _step(max(x1 - x0, y1 - y0), longer)
    x, y, width, height = x0 // step, y0 // step, (x1 - x0) // step, (y1 - y0) // step
    if min(width, height) < 4:
        return Likeness(PatchVerdict.UNSURE)
    patch = expected.at(step)[y : y + height, x : x + width]
    counts = None if seen is None else seen.at(step)[y : y + height, x : x + width]
    counts = None if counts is None or counts.all() else counts
    if counts is not None and counts.mean() < LEAST_SEEN:
        return Likeness(PatchVerdict.UNSURE)
    search = _Search(patch, counts, seen, x, y, step, _reach(longer, step))
    across, down = round(offset[0] / step), round(offset[1] / step)
    alike = agreement(patch, _cut(actual.at(step), x + across, y + down, width, height), counts)
    if alike.first < TEXTURE:
        return Likeness(PatchVerdict.UNSURE, texture=alike.first)
    if alike.correlation > 1.0 - CLEARLY and (counts is None or offset == (0, 0)):  # no place correlates clearly better
        found = Likeness(PatchVerdict.SAME, alike.correlation, alike.correlation, texture=alike.first)
    else:
        found = msgspec.structs.replace(_judge(search.scores(actual, across, down), search), texture=alike.first)
    if found.verdict is not PatchVerdict.SAME:
        return found
    if offset == (0, 0) and _part_tells(search, expected, actual, longer):
        return found
    if _most_alike(search, expected, longer) < ALIKE:
        return found
    return Likeness(PatchVerdict.UNSURE, found.score, found.best, found.shift, found.texture)


@lru_cache(maxsize=1024)
def _step(side: int, longer: int) -> int:
    """The length in px, a power of two, of the cells of a patch of `side` px in an image of `longer` px."""
    step = 1
    while side > MAX_PATCH * step or (side > FINE_PATCH * step and 2 * step <= longer * FINE_CELL):
        step *= 2
    return step


def _part_tells(search: _Search, expected: GrayScales, actual: GrayScales, longer: int) -> bool:
    """Whether the middle of a patch, in the longest cells that are fine enough, is like itself nowhere else, and in its
    place in `actual`.
    """
    larger = 2 if 2 * search.step <= longer * FINE_CELL else 1
    step, (height, width) = search.step * larger, (length // larger for length in search.patch.shape)
    down, across = max(0, height - PART) // 2, max(0, width - PART) // 2
    if search.counts is not None or (larger == 1 and not down + across):
        return False
    place = search.x // larger + across, search.y // larger + down, width - 2 * across, height - 2 * down
    patch = _cut(expected.at(step), *place)
    alike = agreement(patch, _cut(actual.at(step), *place))
    if alike.first < TEXTURE or alike.correlation <= 1.0 - CLEARLY:
        return False
    part = _Search(patch, None, None, *place[:2], step, _reach(longer, step))
    return _most_alike(part, expected, longer) < ALIKE


@lru_cache(maxsize=1024)
def _reach(longer: int, step: int) -> int:
    """The largest shift that is tried in an image of `longer` px, in cells of `step` px."""
    return max(2, -(-round(longer * REACH) // step))


def _most_alike(search: _Search, expected: GrayScales, longer: int) -> float:
    """The best correlation of the patch with a place of its own image that is as far off as a shift to be found."""
    scores = search.scores(expected)[_elsewhere(search.reach, max(2.0, longer * SHIFT / search.step))]
    return float(scores.max(initial=-1.0))


class _Search(msgspec.Struct, frozen=True, eq=False):
    """A `patch` (h, w) from `x`, `y` of an image on, all in cells of `step` px, that is looked for up to `reach` cells
    away from there. Only what `counts` (h, w) in it, and is `seen` in the image, is compared; None for all.
    """

    patch: Gray
    counts: Mask | None
    seen: Scales[np.bool_] | None
    x: int
    y: int
    step: int
    reach: int

    def scores(self, image: GrayScales, across: int = 0, down: int = 0) -> Floats:
        """The correlation (2 reach + 1, 2 reach + 1) of the patch at each place of `image` around its own, moved by so
        many cells `across` and `down`.
        """
        height, width = (length + 2 * self.reach for length in self.patch.shape)
        window = self.x + across - self.reach, self.y + down - self.reach, width, height
        if self.seen is None or self.counts is None:
            return correlations(_cut(image.at(self.step), *window), self.patch)
        visible = _cut(self.seen.at(self.step), *window, beyond=False)
        return masked_correlations(_cut(image.at(self.step), *window), visible, self.patch, self.counts)


@lru_cache(maxsize=64)
def _distances(reach: int) -> Floats:
    """The distance of each place from the one in the middle, (2 reach + 1, 2 reach + 1) cells."""
    places = np.arange(-reach, reach + 1)
    return np.hypot(places[:, None], places[None, :])


@lru_cache(maxsize=64)
def _elsewhere(reach: int, far: float) -> Mask:
    """The places that are at least `far` cells from the one in the middle, (2 reach + 1, 2 reach + 1)."""
    return np.asarray(_distances(reach) >= far)


def _judge(scores: Floats, search: _Search) -> Likeness:
    """The verdict by the `scores` of a `search`; SAME whether another place would look the same or not."""
    distance = _distances(search.reach)
    score = float(scores[distance < 1.5].max())  # a pixel of this grid to any side is rounding
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    best = float(scores[row, column])
    shift = ((column - search.reach) * search.step, (row - search.reach) * search.step)
    if best > score + CLEARLY and best > POOR and distance[row, column] >= 2.0:
        return Likeness(PatchVerdict.SHIFTED, score, best, shift)
    return Likeness(PatchVerdict.OTHER if score < POOR else PatchVerdict.SAME, score, best, shift)


def _cut(cells: NDArray[Cell], x: int, y: int, width: int, height: int, *, beyond: bool = True) -> NDArray[Cell]:
    """The part of `cells` from (`x`, `y`) on; they are continued at their edges, or nothing is set `beyond`."""
    if x >= 0 and y >= 0 and y + height <= cells.shape[0] and x + width <= cells.shape[1]:
        return cells[y : y + height, x : x + width]
    rows, columns = np.arange(y, y + height), np.arange(x, x + width)
    bottom, right = cells.shape[0] - 1, cells.shape[1] - 1
    part: NDArray[Cell] = cells[rows.clip(0, bottom)][:, columns.clip(0, right)]
    if beyond:
        return part
    part[(rows < 0) | (rows > bottom)] = 0
    part[:, (columns < 0) | (columns > right)] = 0
    return part


def masked_correlations(window: Gray, seen: Mask, patch: Gray, counts: Mask) -> Floats:
    """The correlation, -1 to 1, of `patch` (h, w) at each place in `window` (H, W), as (H - h + 1, W - w + 1).

    Only pixels that are `seen` (H, W) in the window and that `counts` (h, w) in the patch have a part in it; 0 where
    these are few, or flat. By way of Fourier transforms: D. Padfield, "Masked object registration in the Fourier
    domain" (2012).
    """
    shape, patch_shape = window.shape, patch.shape
    level = float(window[seen].mean()) if seen.any() else 0.0
    there = (window.astype(np.float64) - level) * seen
    here = (patch.astype(np.float64) - level) * counts
    of_window = [_transform(each, shape) for each in (seen.astype(np.float64), there, there**2)]
    of_patch = [np.conj(_transform(each, shape)) for each in (counts.astype(np.float64), here, here**2)]

    def over(one: int, other: int) -> Floats:
        """The sums, at each place, of the products of a window's and a patch's values."""
        sums = np.fft.irfft2(of_window[one] * of_patch[other], shape)
        return np.asarray(sums[: shape[0] - patch_shape[0] + 1, : shape[1] - patch_shape[1] + 1])

    count = np.maximum(np.rint(over(0, 0)), 1.0)
    sum_there, sum_here = over(1, 0), over(0, 1)
    spread = (over(2, 0) - sum_there**2 / count) * (over(0, 2) - sum_here**2 / count)
    shared = over(1, 1) - sum_there * sum_here / count
    telling = (count >= LEAST_SHARE * max(1, int(np.count_nonzero(counts)))) & (spread > (_FLAT**2 * count) ** 2)
    return np.clip(np.where(telling, shared / np.sqrt(np.where(telling, spread, 1.0)), 0.0), -1.0, 1.0)


def _transform(values: Floats, shape: tuple[int, ...]) -> NDArray[np.complex128]:
    return np.asarray(np.fft.rfft2(values, shape), dtype=np.complex128)
