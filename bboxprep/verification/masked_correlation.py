"""Normalised correlation of patches of which a part does not count: margins, corners beyond a turned picture, holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.codecs.independent_decoder import Gray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
LEAST_SHARE = 0.5  # of what counts of a patch: with less of it in common, a place cannot be judged
_FLAT = 1e-3  # gray levels; a variance below its square is rounding


def correlations(window: Gray, seen: Mask, patch: Gray, counts: Mask) -> Floats:
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
