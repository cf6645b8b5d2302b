"""Effects that are worked out of all levels of an image: contrast stretching, auto contrast, equalisation, CLAHE.

`seen` (H, W) are the pixels that show the image; the others are margin, which does not count and keeps its levels: the
black edges of a letterbox would else be the darkest part of each image. None: there is no margin.

**Sources.** Contrast stretching is that of Roboflow's inference server (percentiles 2 and 98 of all channels together).
Auto contrast is Pillow's ``ImageOps.autocontrast``, rounded where that cuts the fraction off. Equalisation is OpenCV's
``equalizeHist`` of the luma; CLAHE is OpenCV's ``createCLAHE`` of the luma (Zuiderveld, "Contrast Limited Adaptive
Histogram Equalization", Graphics Gems IV, 1994). Both add to each channel what the luma gained, which leaves Cb and Cr
of YCbCr as they are; Roboflow's inference server makes such images gray.

All but CLAHE is arithmetic on whole numbers, or on one table of float64 that is rounded, the same on every machine.
CLAHE blends the tables of four tiles in float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.opencv import opencv

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Mask = NDArray[np.bool_]  # (H, W)
Luma = NDArray[np.uint8]  # (H, W)


def stretch(pixels: Pixels, low: float, high: float, seen: Mask | None = None) -> Pixels:
    """`pixels` with the levels from the percentile `low` to that of `high`, of all channels, stretched to 0 to 255."""
    table = _stretching(_counts(pixels if seen is None else pixels[seen]), low, 100.0 - high)
    return _where(seen, table[pixels], pixels)


def auto_contrast(pixels: Pixels, cutoff: float, seen: Mask | None = None) -> Pixels:
    """`pixels` with each channel stretched by itself, but for `cutoff` per cent of it at both ends."""
    if pixels.ndim == 2:
        return stretch(pixels, cutoff, 100.0 - cutoff, seen)
    channels = [auto_contrast(pixels[..., channel], cutoff, seen) for channel in range(3)]
    return np.stack(channels, axis=2)


def equalize(pixels: Pixels, luma: Luma, seen: Mask | None = None) -> Pixels:
    """`pixels`, whose `luma` is given, with the histogram of the luma equalised."""
    counts = _counts(luma if seen is None else luma[seen])
    return _where(seen, _with_luma(pixels, luma, equalizing(counts)[luma]), pixels)


def clahe(pixels: Pixels, luma: Luma, clip: float, tiles: int, seen: Mask | None = None) -> Pixels:
    """`pixels`, whose `luma` is given, with the histogram of the luma equalised in `tiles` x `tiles` parts of what is
    seen. A `clip` of 0 is no limit.
    """
    rows, columns = _bounds(luma.shape, seen)
    part = np.ascontiguousarray(luma[rows, columns])
    if not part.size:
        return pixels
    fine = min(tiles, *part.shape)
    equal = luma.copy()
    equal[rows, columns] = opencv().createCLAHE(clipLimit=clip, tileGridSize=(fine, fine)).apply(part)
    return _where(seen, _with_luma(pixels, luma, equal), pixels)


def equalizing(counts: NDArray[np.int64]) -> Pixels:
    """The table uint8 (256,) that spreads levels of these `counts` (256,) evenly."""
    reached = np.cumsum(counts)
    first = int(counts[counts > 0][0]) if counts.any() else 0
    rest = int(reached[-1]) - first
    if rest <= 0:  # one level alone, or none
        return np.arange(256, dtype=np.uint8)
    return np.asarray((np.clip(reached - first, 0, None) * 510 + rest) // (2 * rest)).astype(np.uint8)


def _stretching(counts: NDArray[np.int64], below: float, above: float) -> Pixels:
    """The table uint8 (256,) of a stretch without `below` and `above` per cent of the `counts` at the two ends."""
    low, high = _percentile(counts, below), _percentile(counts, 100.0 - above)
    if high <= low:
        return np.arange(256, dtype=np.uint8)
    levels = (np.arange(256, dtype=np.float64) - low) * (255.0 / (high - low))
    return np.asarray(np.rint(np.clip(levels, 0.0, 255.0)).astype(np.uint8))


def _percentile(counts: NDArray[np.int64], percent: float) -> float:
    """The percentile of the levels that have these `counts`, between two levels as numpy's ("linear")."""
    total = int(counts.sum())
    if not total:
        return 0.0
    place = (total - 1) * percent / 100.0
    reached, below = np.cumsum(counts), int(place)
    first, second = (int(np.searchsorted(reached, each, side="right")) for each in (below, min(below + 1, total - 1)))
    return first + (second - first) * (place - below)


def _with_luma(pixels: Pixels, luma: Luma, wanted: Luma) -> Pixels:
    """`pixels` with the luma `wanted` in place of `luma`, as far as 0 to 255 allows."""
    gain = wanted.astype(np.int16) - luma
    return np.asarray(np.clip(pixels + (gain if pixels.ndim == 2 else gain[..., None]), 0, 255).astype(np.uint8))


def _counts(levels: Pixels) -> NDArray[np.int64]:
    return np.asarray(np.bincount(levels.reshape(-1), minlength=256).astype(np.int64))


def _where(seen: Mask | None, changed: Pixels, pixels: Pixels) -> Pixels:
    if seen is None:
        return np.asarray(changed)
    return np.where(seen if pixels.ndim == 2 else seen[..., None], changed, pixels)


def _bounds(shape: tuple[int, ...], seen: Mask | None) -> tuple[slice, slice]:
    """The rows and columns of the smallest rectangle around what is `seen`."""
    if seen is None:
        return slice(0, shape[0]), slice(0, shape[1])
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return slice(0), slice(0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
