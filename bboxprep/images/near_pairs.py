"""Finds the pairs of thumbnails that show the same picture, among many, without comparing each with all others.

**Candidates** have the same signs of some coefficients of the cosine transform: 12 bands of 12 coefficients (of many
images, 16), each of low and high frequency. The images of a band are sorted by their signs, and each is compared with
those of equal signs that follow next, so that the time grows as that of sorting does. This is the perceptual hash of C.
Zauner, "Implementation and benchmarking of perceptual image hash functions" (2010), with the bands of M. Norouzi et
al., "Fast search in Hamming space with multi-index hashing" (2012).

**A pair** is alike where the levels of its thumbnails are correlated, which neither brightness nor contrast changes;
or those of all cells that are dark in both, for what is brighter may have been cut off when a copy was made brighter.
All sums are whole numbers that a float holds exactly, so that every machine finds the same pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bboxprep.images.thumbnail import SIDE

Levels = NDArray[np.uint8]  # (N, 256)
Pairs = NDArray[np.int64]  # (P, 2)

ALIKE = 0.98  # least correlation
_LEAST_CONTRAST = 3.0  # levels; below it the rounding of the levels decides what is alike
_WORTH_A_LOOK = 0.8  # correlation of all cells, of a pair whose dark cells are compared
_DARK, _FEWEST_DARK = 220, 16  # level; cells
_BANDS, _FEW = 12, 8192
_WINDOW = 32  # images that each is compared with, of those that have its signs
_AT_ONCE = 8192
_SCALE = 64.0  # of the cosines, which are whole numbers then


def near_pairs(thumbnails: Sequence[bytes]) -> Pairs:
    """The pairs of the rows of `thumbnails` that show the same picture, int64 (P, 2), the smaller row first, sorted.
    An empty thumbnail is in none, and
    one of an image that shows nothing but one level.

    Of more than 32 images that are all alike, some pairs are left out; each image is still in one.
    """
    found = [np.empty((0, 2), dtype=np.int64)]
    if sum(map(bool, thumbnails)) < 2:
        return found[0]
    rows = np.array([row for row, one in enumerate(thumbnails) if one], dtype=np.int64)
    levels = np.frombuffer(b"".join(thumbnails), dtype=np.uint8).reshape(len(rows), SIDE * SIDE)
    shown = levels.std(axis=1) >= _LEAST_CONTRAST
    rows, levels = rows[shown], levels[shown]
    for candidates in _candidates(_signs(levels)):
        for start in range(0, len(candidates), _AT_ONCE):
            part = candidates[start : start + _AT_ONCE]
            found.append(part[are_alike(levels[part[:, 0]], levels[part[:, 1]])])
    return np.asarray(rows[np.unique(np.sort(np.concatenate(found), axis=1), axis=0)])


def are_alike(one: Levels, other: Levels) -> NDArray[np.bool_]:
    """Whether the thumbnails `one` and `other` show the same picture: bool (N,)."""
    first, second = one.astype(np.float32), other.astype(np.float32)
    whole = _correlations(first, second, np.ones((1, 1), dtype=np.float32))
    alike = whole >= ALIKE
    rows = np.flatnonzero(~alike & (whole >= _WORTH_A_LOOK))
    dark = ((one[rows] < _DARK) & (other[rows] < _DARK)).astype(np.float32)
    enough = dark.sum(axis=1) >= _FEWEST_DARK
    alike[rows] = enough & (_correlations(first[rows] * dark, second[rows] * dark, dark) >= ALIKE)
    return np.asarray(alike)


def _correlations(
    one: NDArray[np.float32], other: NDArray[np.float32], counted: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The correlation (N,) of each row of `one` and `other`, which are 0 where nothing is `counted`; 0 of what is flat.

    All sums are below 2^24, so that they are exact, in whatever order a machine adds.
    """
    count = np.broadcast_to(counted, one.shape).sum(axis=1).astype(np.float64)
    sums = [_sums(one, None), _sums(other, None)]
    both, squares, squares_other = _sums(one, other), _sums(one, one), _sums(other, other)
    shared = count * both - sums[0] * sums[1]
    spread = (count * squares - sums[0] ** 2) * (count * squares_other - sums[1] ** 2)
    return np.asarray(np.divide(shared, np.sqrt(spread), out=np.zeros_like(shared), where=spread > 0))


def _sums(one: NDArray[np.float32], other: NDArray[np.float32] | None) -> NDArray[np.float64]:
    summed = one.sum(axis=1) if other is None else np.einsum("ij,ij->i", one, other)
    return np.asarray(summed, dtype=np.float64)


def _candidates(signs: NDArray[np.bool_]) -> Iterator[Pairs]:
    """Pairs (P, 2) of rows that have the same `signs` in a band; some come several times."""
    width = 12 if len(signs) < _FEW else 16
    weights = 1 << np.arange(width)
    keys = [signs[:, band : _BANDS * width : _BANDS] @ weights for band in range(_BANDS)]
    _, kinds = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)
    for band, own in enumerate(keys):
        order = np.lexsort((*keys[band + 1 :], *keys[:band], own))  # copies are neighbours, also among many others
        ordered, kind = own[order], kinds.ravel()[order]
        for step in range(1, min(_WINDOW, len(order) - 1) + 1):
            same = ordered[step:] == ordered[:-step]
            if not same.any():
                break
            known = (kind[step:] == kind[:-step]) & (band > 0)  # from the first band, where they are neighbours too
            rows = np.flatnonzero(same & ~known)
            yield np.stack((order[rows], order[rows + step]), axis=1)


def _signs(levels: Levels) -> NDArray[np.bool_]:
    """Whether each coefficient of the cosine transform is positive, by rising frequency without the mean: (N, 255)."""
    place = np.arange(SIDE)
    cosines = np.rint(_SCALE * np.cos(np.pi * np.outer(place, place + 0.5) / SIDE))
    order = np.argsort(np.add.outer(place**2, place**2).ravel(), kind="stable")[1:]
    signs = np.empty((len(levels), len(order)), dtype=np.bool_)
    for start in range(0, len(levels), _AT_ONCE):
        images = levels[start : start + _AT_ONCE].reshape(-1, SIDE, SIDE).astype(np.float64)
        signs[start : start + _AT_ONCE] = (cosines @ images @ cosines.T > 0).reshape(len(images), -1)[:, order]
    return signs
