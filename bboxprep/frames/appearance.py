"""Describes what boxes show and what is around them, so that a dataset can teach how its objects look.

Two descriptions, of which a regression is made (`frames.calibrated`). *Cells*: the colours and texture of each cell of
a grid, as the cell, its surroundings and the spread within them have them; with the cover of the boxes they tell which
cells are on an object. They do not depend on direction. *Pattern*: the gradients in a grid over a box and a margin, in
`BINS` directions (histograms of oriented gradients after Dalal and Triggs, CVPR 2005). It depends on direction, and
turns with the image: `turned_pattern` is the pattern of the image after the turn.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.frames.contrast import CELLS, PLAIN, ContrastFeatures, covers
from bboxprep.frames.integral import channels_of, extent, grid_of, integral, slopes, totals
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.shapes import box_areas, common_boxes

Floats = NDArray[np.float64]

GRID = 6  # cells a side of a pattern: 4 were worse, 8 no better
MARGIN = 0.2  # of the width and height of a box: how far its pattern reaches out on each side
BINS = 8  # directions of a gradient, from dark to light; a quarter turn moves them by two
AROUND = (0, 2, 6)  # cells: how far the surroundings of a cell reach
SPREAD = 2  # cells: the surroundings whose spread is measured


class BoxAppearance(msgspec.Struct, frozen=True):
    """How a photo looks under R readings of its boxes.

    `products` (F, F) are the mean products of the centred features of its cells, `along` (R, F) those with the centred
    cover of each reading, `shares` (R,) the mean squares of these covers. `patterns` (R, GRID, GRID, BINS) are means
    over the boxes. `harm` (R,) is that of each reading if the first is right: 1 less the mean overlap (intersection
    over union) of its boxes with those of the first.
    """

    products: Floats
    along: Floats
    shares: Floats
    patterns: Floats
    harm: Floats

    def cell_scores(self, coefficients: Floats) -> Floats:
        """The correlation (R,), float64, of each reading's cover with what `coefficients` (F,) expect of the cells."""
        expected = max(float(coefficients @ self.products @ coefficients), 1e-12)
        return np.asarray((self.along @ coefficients) / np.sqrt(expected * np.maximum(self.shares, 1e-12)))


def appearance_of(pixels: NDArray[np.uint8], features: ContrastFeatures, readings: Floats) -> BoxAppearance:
    """How the photo of `pixels`, uint8 (H, W) or (H, W, 3), and `features` looks under each of `readings` (R, N, 4).

    The boxes x0 y0 x1 y1 are fractions of the image; N is at least 1.
    """
    boxes = np.clip(readings, 0.0, 1.0)
    cells = _cells(features)
    covered = covers(boxes).reshape(len(boxes), -1)
    covered = covered - covered.mean(axis=1, keepdims=True)
    count = CELLS * CELLS
    shares = (covered**2).mean(axis=1)
    along, patterns = covered @ cells / count, _patterns(pixels, boxes)
    return BoxAppearance(cells.T @ cells / count, along, shares, patterns, harm_of(boxes))


def harm_of(readings: Floats) -> Floats:
    """1 less the mean overlap (R,), float64, of the boxes of each of `readings` (R, N, 4) with those of the first."""
    common = box_areas(common_boxes(readings, readings[:1]))
    sizes = box_areas(readings)
    return np.asarray(1.0 - (common / np.maximum(sizes + sizes[:1] - common, 1e-12)).mean(axis=1))


def turned_pattern(patterns: Floats, turn: Dihedral) -> Floats:
    """The `patterns` (..., GRID, GRID, BINS), float64, of an image and its boxes after both were turned by `turn`."""
    bins = np.arange(BINS)
    if turn.mirror_y:
        bins = -bins % BINS
    if turn.mirror_x:
        bins = (BINS // 2 - bins) % BINS
    if turn.swap:
        patterns, bins = np.swapaxes(patterns, -3, -2), (BINS // 4 - bins) % BINS
    patterns = patterns[..., ::-1, :] if turn.mirror_x else patterns
    patterns = patterns[..., ::-1, :, :] if turn.mirror_y else patterns
    return np.asarray(patterns[..., bins])


def _cells(features: ContrastFeatures) -> Floats:
    """The centred features (CELLS * CELLS, F) of the cells."""
    plain = features.basis[:PLAIN].reshape(PLAIN, CELLS, CELLS).transpose(1, 2, 0)
    near = [plain if reach == 0 else _mean_around(plain, reach) for reach in AROUND]
    square = _mean_around(plain**2, SPREAD) - _mean_around(plain, SPREAD) ** 2
    cells = np.concatenate((*near, np.sqrt(np.maximum(square, 0.0))), axis=-1).reshape(CELLS * CELLS, -1)
    return np.asarray(cells - cells.mean(axis=0))


def _mean_around(plain: Floats, reach: int) -> Floats:
    """The mean of the cells at most `reach` away from each, of those that there are."""
    sums = integral(plain)
    places = np.arange(CELLS)
    first, last = np.maximum(places - reach, 0), np.minimum(places + reach + 1, CELLS)
    rows = sums[last] - sums[first]
    counts = (last - first).astype(np.float64)
    return np.asarray((rows[:, last] - rows[:, first]) / (counts[:, None] * counts)[..., None])


def _patterns(pixels: NDArray[np.uint8], boxes: Floats) -> Floats:
    """The mean patterns (R, GRID, GRID, BINS) of `boxes` (R, N, 4), each of length 1 (0 if it is plain)."""
    sums = integral(_directions(channels_of(pixels)[0]))
    inner = boxes.reshape(-1, 4)
    corner, size = inner[:, :2], inner[:, 2:] - inner[:, :2]
    cells = grid_of(GRID) * (1.0 + 2.0 * MARGIN) - MARGIN
    places = np.tile(corner, 2)[:, None] + np.tile(size, 2)[:, None] * cells
    places = np.clip(places, 0.0, 1.0).reshape(-1, 4) * extent(sums)
    room = box_areas(places)[:, None]
    means = np.where(room > 1e-3, np.maximum(totals(sums, places), 0.0) / np.maximum(room, 1e-3), 0.0)
    patterns = means.reshape(len(inner), -1)
    patterns = patterns / (np.linalg.norm(patterns, axis=1, keepdims=True) + 1e-3)
    return np.asarray(patterns.reshape(*boxes.shape[:2], GRID, GRID, BINS).mean(axis=1))


def _directions(plane: Floats) -> Floats:
    """The root of the gradient of `plane`, shared among the two nearest of `BINS` directions: (H, W, BINS)."""
    across, down = slopes(plane)
    direction = np.arctan2(down, across)[..., None] * (BINS / (2.0 * np.pi))
    apart = np.abs((direction - np.arange(BINS) + BINS / 2) % BINS - BINS / 2)
    return np.asarray(np.sqrt(np.hypot(across, down))[..., None] * np.maximum(1.0 - apart, 0.0))
