"""Compares patches of two images: whether they show the same content in the same place.

A patch of the expected image is correlated with the actual image, at its place and at shifts of some pixels. It must
match at its place, and no other place may match clearly better. A patch that matches itself at a shift too (a wall, one
straight edge) is undecided. The normalised correlation is independent of gain and offset.

Margins, corners beyond a rotated image and holes are excluded by a mask (`masked_correlations`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.independent_decoder import Gray, agreement, correlations, shrunk

Mask = NDArray[np.bool_]

MAX_PATCH = 128  # px; a larger patch is reduced to this size, and
FINE_PATCH = 64  # px; to this one where four of its cells are no longer than the shift that must be found
REACH = 0.04  # of the longer side of the image: the largest shift that is tried
SHIFT = 0.028  # of the longer side of the image: the largest shift that must be found
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


def compare(
    expected: Gray, actual: Gray, region: tuple[int, int, int, int], offset: tuple[int, int], seen: Mask | None = None
) -> Likeness:
    """Whether `actual` shows at `region` (x0 y0 x1 y1, px) moved by `offset` what `expected` shows at `region`.

    Where not all of the region is `seen` (H, W), only what is counts.
    """
    x0, y0, x1, y1 = region
    longer = max(expected.shape)
    step = _step(max(x1 - x0, y1 - y0), longer)
    size = Size((x1 - x0) // step, (y1 - y0) // step)
    if min(size) < 4:
        return Likeness(PatchVerdict.UNSURE)
    patch = _cut(expected, x0, y0, size, step)
    counts = None if seen is None or seen[y0:y1, x0:x1].all() else _cut_mask(seen, x0, y0, size, step)
    if counts is not None and counts.mean() < LEAST_SEEN:
        return Likeness(PatchVerdict.UNSURE)
    reach = max(2, -(-round(longer * REACH) // step))
    search = _Search(patch, counts, seen, x0, y0, step, reach)
    alike = agreement(patch, _cut(actual, x0 + offset[0], y0 + offset[1], size, step), counts)
    if alike.first < TEXTURE:
        return Likeness(PatchVerdict.UNSURE, texture=alike.first)
    if alike.correlation > 1.0 - CLEARLY and (counts is None or offset == (0, 0)):  # no place correlates clearly better
        found = Likeness(PatchVerdict.SAME, alike.correlation, alike.correlation, texture=alike.first)
    else:
        found = msgspec.structs.replace(_judge(search.scores(actual, offset), search), texture=alike.first)
    if found.verdict is not PatchVerdict.SAME:
        return found
    elsewhere = search.scores(expected)[_distances(reach) >= max(2.0, longer * SHIFT / step)]
    if elsewhere.max(initial=-1.0) < ALIKE:
        return found
    return Likeness(PatchVerdict.UNSURE, found.score, found.best, found.shift, found.texture)


def _step(side: int, longer: int) -> int:
    """The length in px of the cells to which a patch of `side` px of an image of `longer` px is reduced."""
    tellable = int(longer * SHIFT / 4)
    return max(1, -(-side // MAX_PATCH), min(-(-side // FINE_PATCH), tellable))


@dataclass(frozen=True, eq=False)
class _Search:
    """A `patch` (h, w) from `x`, `y` of an image on, in cells of `step` px, that is looked for up to `reach` cells away
    from there. Only what `counts` (h, w) in it, and is `seen` (H, W) in the image, is compared; None for all.
    """

    patch: Gray
    counts: Mask | None
    seen: Mask | None
    x: int
    y: int
    step: int
    reach: int

    def scores(self, gray: Gray, offset: tuple[int, int] = (0, 0)) -> Floats:
        """The correlation (2 reach + 1, 2 reach + 1) of the patch at each place of `gray` around its own, moved by
        `offset`.
        """
        left, top = self.x + offset[0] - self.step * self.reach, self.y + offset[1] - self.step * self.reach
        around = Size(self.patch.shape[1] + 2 * self.reach, self.patch.shape[0] + 2 * self.reach)
        window = _cut(gray, left, top, around, self.step)
        if self.seen is None or self.counts is None:
            return correlations(window, self.patch)
        return masked_correlations(window, _cut_mask(self.seen, left, top, around, self.step), self.patch, self.counts)


@lru_cache(maxsize=64)
def _distances(reach: int) -> Floats:
    """The distance of each place from the one in the middle, (2 reach + 1, 2 reach + 1) cells."""
    places = np.arange(-reach, reach + 1)
    return np.hypot(places[:, None], places[None, :])


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


def _cut(gray: Gray, x: int, y: int, size: Size, step: int) -> Gray:
    """The part of `gray` from (`x`, `y`) on, `size` cells of `step` px; the image is continued at its edges."""
    bottom, right = y + size.height * step, x + size.width * step
    if x >= 0 and y >= 0 and bottom <= gray.shape[0] and right <= gray.shape[1]:
        part = gray[y:bottom, x:right]
    else:
        rows = np.clip(np.arange(y, bottom), 0, gray.shape[0] - 1)
        columns = np.clip(np.arange(x, right), 0, gray.shape[1] - 1)
        part = np.ascontiguousarray(gray[rows][:, columns])
    return part if step == 1 else shrunk(part, size)


def _cut_mask(mask: Mask, x: int, y: int, size: Size, step: int) -> Mask:
    """The cells of such a part all of whose pixels are set; nothing is set beyond the edges."""
    rows, columns = np.arange(y, y + size.height * step), np.arange(x, x + size.width * step)
    inside = np.logical_and.outer((rows >= 0) & (rows < mask.shape[0]), (columns >= 0) & (columns < mask.shape[1]))
    part = mask[rows.clip(0, mask.shape[0] - 1)][:, columns.clip(0, mask.shape[1] - 1)] & inside
    return np.asarray(part.reshape(size.height, step, size.width, step).all(axis=(1, 3)))


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
