"""Measures the contrast between the inside and the surroundings of boxes, for several positions of the same boxes.

Inside a box around an object, colours and texture differ from those in a ring around it. A box that was turned by
mistake differs at random. Edges under the sides of a box are no evidence, since annotators leave a margin. The measures
do not depend on direction: an image and its boxes turned together have the same measures. Box edges are fractions of a
pixel (`frames.integral`).
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.frames.integral import channels_of, extent, gradient, grid_of, integral, totals
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Plan, Resample
from bboxprep.geometry.shapes import box_areas
from bboxprep.images.codecs import codec
from bboxprep.images.raster import execute
from bboxprep.model.header import Header

Floats = NDArray[np.float64]

LONG_SIDE = 256  # px; images are decoded at this size: 512 gave no better results and took three times as long
RING = 0.1  # of the width and height of a box: how far its ring reaches out on each side
CELLS = 32  # a side; the grid on which the boxes are regressed on the image
PLAIN = 6  # features of a cell: lightness, two colours, texture, spread of lightness, colour edges
THUMBNAIL = 8  # a side; the grid on which the similarity of two images is measured
HISTOGRAMS = ((12, 0.0, 1.0), (8, -0.25, 0.5), (8, -0.25, 0.5))  # bins, start, span of lightness and two colours
RIDGE = 0.02  # of the number of cells; the ridge of the regression, against fitting noise
FAINT = 0.01  # added to textures (0 to 1), so that a flat patch has a logarithm


class ContrastFeatures(msgspec.Struct, frozen=True):
    """The features of an image that `contrast` needs.

    `sums` (H + 1, W + 1, C) are integral images: the square root of the gradient, then one channel for each bin of each
    histogram. `basis` (B, CELLS * CELLS) are centred features of the cells; `inverse` (B, B) is the inverse of their
    ridge-regularised Gram matrix. `thumbnail` (192,) is the image at 8 x 8 as a unit vector (zeros if it is plain):
    vectors of similar images have a product near 1.
    """

    sums: Floats
    basis: Floats
    inverse: Floats
    thumbnail: Floats


def read_small(
    path: Path, header: Header, image_policy: codec.ImagePolicy = codec.DEFAULT_IMAGE_POLICY
) -> NDArray[np.uint8]:
    """The stored image at `path`, decoded small: uint8 (H, W) or (H, W, 3). Raises `ImageError`."""
    scale = min(1.0, LONG_SIDE / max(header.size))
    small = Size(max(1, round(header.size.width * scale)), max(1, round(header.size.height * scale)))
    plan = Plan(header.size).then(Resample(small))
    decoded = codec.decode(path, header, image_policy, at_least=execute.reduction_for(plan, "linear"))
    return execute.execute(plan, decoded.pixels, kernel="linear", pad=0, covers=decoded.covers)


def contrast_features_of(pixels: NDArray[np.uint8]) -> ContrastFeatures:
    """The features of `pixels`, uint8 (H, W) or (H, W, 3)."""
    planes = channels_of(pixels)
    texture = np.sqrt(gradient(planes[0]))
    colour_edges = gradient(planes[1]) + gradient(planes[2])
    binned = [
        _one_hot((plane - start) / span, bins) for plane, (bins, start, span) in zip(planes, HISTOGRAMS, strict=True)
    ]
    basis = _basis(np.stack((*planes, planes[0] ** 2, texture, colour_edges), axis=-1))
    products = basis @ basis.T + RIDGE * basis.shape[1] * np.eye(len(basis))
    sums = integral(np.concatenate((texture[..., None], *binned), axis=-1))
    return ContrastFeatures(sums, basis, np.linalg.inv(products), _thumbnail_vector(basis))


def contrast(features: ContrastFeatures, readings: Floats) -> Floats:
    """The measures (R, 5) of `readings` (R, N, 4): boxes x0 y0 x1 y1 as fractions of the image, N at least 1.

    In order: the share of the boxes' cover that a regression on the features of the cells explains; the logarithm of
    the texture inside over that in the ring; the chi-square distances of the histograms inside and in the ring, of
    lightness, red-green and yellow-blue. The last four are means over the boxes that leave room for a ring, 0 where
    none does.
    """
    boxes = np.clip(readings, 0.0, 1.0)
    return np.concatenate((_explained_share(features, boxes)[:, None], _rings(features, boxes)), axis=1)


def _one_hot(share: Floats, bins: int) -> NDArray[np.bool_]:
    place = np.clip((share * bins).astype(np.int64), 0, bins - 1)
    return np.asarray(place[..., None] == np.arange(bins))


def _basis(channels: Floats) -> Floats:
    """`PLAIN` features of each cell, their squares and products, centred: (27, CELLS * CELLS)."""
    sums = integral(channels)
    cells = grid_of(CELLS) * extent(sums)
    light, red, blue, squares, texture, edges = (totals(sums, cells) / box_areas(cells)[:, None]).T
    spread = np.sqrt(np.maximum(squares - light**2, 0.0))
    cell_features = np.stack((light, red, blue, texture, spread, edges))
    cell_features = (cell_features - cell_features.mean(axis=1, keepdims=True)) / (
        cell_features.std(axis=1, keepdims=True) + 1e-3
    )
    first, second = np.triu_indices(len(cell_features))
    basis = np.concatenate((cell_features, cell_features[first] * cell_features[second]))
    return np.asarray(basis - basis.mean(axis=1, keepdims=True))


def _thumbnail_vector(basis: Floats) -> Floats:
    blocks = (
        basis[:3].reshape(3, THUMBNAIL, CELLS // THUMBNAIL, THUMBNAIL, CELLS // THUMBNAIL).mean(axis=(2, 4)).ravel()
    )
    return np.asarray(blocks / max(float(np.linalg.norm(blocks)), 1e-9))


def _explained_share(features: ContrastFeatures, readings: Floats) -> Floats:
    covered = covers(readings).reshape(len(readings), -1)
    covered = covered - covered.mean(axis=1, keepdims=True)
    along = covered @ features.basis.T
    total = np.maximum((covered**2).sum(axis=1), 1e-9)
    return np.asarray(np.einsum("rb,bc,rc->r", along, features.inverse, along) / total)


def covers(readings: Floats) -> Floats:
    """The largest share of each cell that a single box of `readings` (R, N, 4) covers: (R, CELLS, CELLS), float64."""
    first = np.arange(CELLS)
    largest = np.zeros((len(readings), CELLS, CELLS))
    for boxes in (readings * CELLS).swapaxes(0, 1):
        x0, y0, x1, y1 = boxes.T[..., None]
        across = np.clip(np.minimum(first + 1, x1) - np.maximum(first, x0), 0.0, 1.0)
        down = np.clip(np.minimum(first + 1, y1) - np.maximum(first, y0), 0.0, 1.0)
        np.maximum(largest, down[:, :, None] * across[:, None, :], out=largest)
    return largest


def _rings(features: ContrastFeatures, readings: Floats) -> Floats:
    whole = extent(features.sums)
    inner = readings.reshape(-1, 4)
    size = np.tile(inner[:, 2:] - inner[:, :2], 2) * RING
    outer = np.clip(inner + size * (-1.0, -1.0, 1.0, 1.0), 0.0, 1.0) * whole
    inner = inner * whole
    area, around = box_areas(inner), box_areas(outer) - box_areas(inner)
    usable = (area >= 1.0) & (around > 0.1 * RING * area)
    inside = totals(features.sums, inner)
    ring = (totals(features.sums, outer) - inside) / np.where(usable, around, 1.0)[:, None]
    inside = inside / np.where(usable, area, 1.0)[:, None]
    texture = np.log((np.maximum(inside[:, 0], 0.0) + FAINT) / (np.maximum(ring[:, 0], 0.0) + FAINT))
    stops = np.cumsum([1, *(bins for bins, _, _ in HISTOGRAMS)])
    distances = [_chi_square(inside[:, first:last], ring[:, first:last]) for first, last in pairwise(stops)]
    measures = np.stack((texture, *distances), axis=-1) * usable[:, None]
    shape = readings.shape[:2]
    return np.asarray(
        measures.reshape(*shape, -1).sum(axis=1) / np.maximum(usable.reshape(shape).sum(axis=1), 1)[:, None]
    )


def _chi_square(one: Floats, other: Floats) -> Floats:
    return np.asarray(((one - other) ** 2 / np.maximum(one + other, 1e-9)).sum(axis=1))
