"""Recovers the affine map of an albumentations pipeline from small probe boxes that it moved with the image.

A box is the only thing that albumentations moves by one convention, that of this package: half-open edges. (Points
are pixel indices to its flips and rotations, and edges to its resizes.) The middle of a small box's hull is therefore
where the map puts its middle, whatever turns it. A map is affine if one fits all probes, and if none is missing where
that one says that it should be seen.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.shapes import Boxes

PROBES = 9  # a map that bends moves each box through a mask of its own, which takes its time
_HALF = 0.05  # px; half a side of a probe
_MARGIN = 0.05  # of a side of the image, without probes
_TOLERANCE = 0.02  # px; the library keeps some boxes in float32
_WHOLE = 2e-3  # px; what lies nearer to a whole number, or is by a whole factor over all of an image, is whole
_GOLDEN = (0.7548776662466927, 0.5698402909980532)  # R2 sequence (Roberts, 2018): fills the square, repeats no offset


class RecoveredAffine(msgspec.Struct, frozen=True):
    """The `affine` map, or None and a `problem`; `mirrors`: whether it exchanges left and right, as far as is known."""

    affine: Affine | None
    mirrors: bool = False
    problem: str = ""


def probes_on(size: Size) -> Boxes:
    """Small boxes (`PROBES`, 4) all over an image of `size`, px, at no regular places."""
    shares = (0.5 + np.arange(1, PROBES + 1)[:, None] * np.array(_GOLDEN)) % 1.0
    middles = (_MARGIN + (1.0 - 2.0 * _MARGIN) * shares) * np.array(size)
    return np.concatenate((middles - _HALF, middles + _HALF), axis=1)


def recover_affine(rows: NDArray[np.int64], boxes: Boxes, before: Size, after: Size) -> RecoveredAffine:
    """The map by which the probes of number `rows` (M,) on an image of size `before` became `boxes` (M, 4)."""
    if len(np.unique(rows)) < len(rows):
        return RecoveredAffine(None, problem="it repeats the image in a mirrored margin")
    if len(rows) < 3:
        return RecoveredAffine(None, problem="it moves boxes in a way that no map describes")
    there, whole = _middles(boxes), _middles(probes_on(before))
    solution, _, rank, _ = np.linalg.lstsq(_padded(whole[rows]), there, rcond=None)
    if rank < 3:
        return RecoveredAffine(None, problem="too little of the image is left to recover its map")
    off = float(np.abs(_padded(whole[rows]) @ solution - there).max())
    (a, d), (b, e), (c, f) = solution.tolist()
    mirrors = a * e - b * d < 0
    seen = _padded(whole) @ solution
    missing = np.setdiff1d(np.flatnonzero(((seen > 1.0) & (seen < np.array(after) - 1.0)).all(axis=1)), rows)
    if off > _TOLERANCE or len(missing) or not np.isfinite(off):
        return RecoveredAffine(None, mirrors, "it bends or cuts up the image, no affine map does the same")
    affine = _snapped(Affine(a, b, c, d, e, f), before)
    return (
        RecoveredAffine(affine, mirrors)
        if affine.determinant
        else RecoveredAffine(None, problem="it flattens the image")
    )


def _middles(boxes: Boxes) -> Points:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2.0)


def _padded(points: Points) -> NDArray[np.float64]:
    return np.concatenate((points, np.ones((len(points), 1))), axis=1)


def _snapped(affine: Affine, size: Size) -> Affine:
    """The map with its numbers whole where they are so but for rounding."""
    across, down = _WHOLE / size.width, _WHOLE / size.height
    limits = (across, down, _WHOLE, across, down, _WHOLE)
    numbers = (
        float(round(number)) if abs(number - round(number)) <= limit else number
        for number, limit in zip(affine.coefficients, limits, strict=True)
    )
    return Affine(*numbers)
