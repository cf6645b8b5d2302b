"""Compares patches of two images: whether they show the same content in the same place.

A patch of the expected image is correlated with the actual image, at its place and at shifts of some pixels. It must
match at its place, and no other place may match clearly better. A patch that matches itself at a shift too (a wall, one
straight edge) is undecided. The normalised correlation is independent of gain and offset.

Margins, corners beyond a rotated image and holes are excluded by a mask (`masked_correlations`).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.independent_decoder import Gray, correlations, deviation, shrunk

Mask = NDArray[np.bool_]

MAX_PATCH = 128  # px; a larger patch is reduced to this size
REACH = 0.04  # of the longer side of the image: the largest shift that is tried
SHIFT = 0.028  # of the longer side of the image: the largest shift that must be found
TEXTURE = 3.0  # gray levels; the least standard deviation of a patch that can be compared
ALIKE = 0.94  # correlation; a patch that matches itself that well at another place is undecided
POOR = 0.5  # correlation; a textured patch below it at its place shows other content
LEAST_SEEN = 0.25  # of a patch; with less of it visible, it is undecided
CLEARLY = 0.03  # how much better another place must correlate


Floats = NDArray[np.float64]
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
    step = max(1, -(-max(x1 - x0, y1 - y0) // MAX_PATCH))
    size = Size((x1 - x0) // step, (y1 - y0) // step)
    longer = max(expected.shape)
    reach = max(2, -(-round(longer * REACH) // step))
    if min(size) < 4:
        return Likeness(PatchVerdict.UNSURE)
    patch = _cut(expected, x0, y0, size, step)
    counts = None if seen is None or seen[y0:y1, x0:x1].all() else _cut_mask(seen, x0, y0, size, step)
    if counts is not None and counts.mean() < LEAST_SEEN:
        return Likeness(PatchVerdict.UNSURE)
    texture = deviation(patch if counts is None else patch[counts])
    if texture < TEXTURE:
        return Likeness(PatchVerdict.UNSURE, texture=texture)
    around = Size(size.width + 2 * reach, size.height + 2 * reach)

    def scores(gray: Gray, left: int, top: int) -> NDArray[np.float64]:
        window = _cut(gray, left, top, around, step)
        if seen is None or counts is None:
            return correlations(window, patch)
        return masked_correlations(window, _cut_mask(seen, left, top, around, step), patch, counts)

    left, top = x0 - step * reach, y0 - step * reach
    itself = scores(expected, left, top)
    found = scores(actual, left + offset[0], top + offset[1])
    far = max(2.0, longer * SHIFT / step)
    return msgspec.structs.replace(_judge(found, itself, reach, step, far), texture=texture)


def _judge(scores: NDArray[np.float64], itself: NDArray[np.float64], reach: int, step: int, far: float) -> Likeness:
    places = np.arange(-reach, reach + 1)
    distance = np.hypot(places[:, None], places[None, :])
    score = float(scores[distance < 1.5].max())  # a pixel of this grid to any side is rounding
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    best = float(scores[row, column])
    shift = ((column - reach) * step, (row - reach) * step)
    telling = float(itself[distance >= far].max(initial=-1.0)) < ALIKE
    if best > score + CLEARLY and best > POOR and distance[row, column] >= 2.0:
        return Likeness(PatchVerdict.SHIFTED, score, best, shift)
    if score < POOR:
        return Likeness(PatchVerdict.OTHER, score, best, shift)
    return Likeness(PatchVerdict.SAME if telling else PatchVerdict.UNSURE, score, best, shift)


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
