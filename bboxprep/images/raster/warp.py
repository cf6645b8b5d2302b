"""Executes a plan with a `Warp` (any rotation, shear) on pixels, in one resampling.

OpenCV interpolates; its kernels are aligned on pixel centres but do not antialias, so what shrinks is shrunk before (as
far as it shrinks along its own axes) and, where a shear still presses pixels together, drawn larger and averaged. The
edges of the image are no part of the interpolation: an output pixel through which one goes is mixed with the margin
by the share that each covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import ceil, floor, hypot
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import convex_sides, hull, ring_area, ring_around
from bboxprep.model.rendering import Kernel, Pad

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Floats = NDArray[np.float64]

_TILE = 2048  # px; OpenCV takes no side of 32,768 or more, and positions of all pixels at once would fill the memory
_REACH = 4  # px; the radius of the widest kernel
_PRESSED = 0.75  # of a pixel; what is pressed together further is drawn larger and averaged
_MOST_LARGER = 8
_MOST_REFLECTIONS = 32
_HALF_DIAGONAL = 0.7072  # px; a pixel whose centre is further than this from an edge is not cut by it
_HALF_PIXEL = Affine.translation(0.5, 0.5)

_INTERPOLATIONS: dict[Kernel, int] = {
    "auto": cv2.INTER_CUBIC,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}


def execute_warped(plan: Plan, pixels: Pixels, *, kernel: Kernel, pad: Pad, covers: tuple[float, float]) -> Pixels:
    """`pixels`, uint8 (H, W) or (H, W, 3), after `plan`, of the size `plan.size`.

    `covers` is the exact extent (width, height) of the plan's source on the raster.
    """
    if not isinstance(pad, str) and pixels.ndim == 2 and not isinstance(pad, int):
        pixels = np.repeat(pixels[..., None], 3, axis=2) if len(set(pad)) > 1 else pixels
        pad = pad if len(set(pad)) > 1 else pad[0]
    out = np.empty((plan.size.height, plan.size.width, *pixels.shape[2:]), dtype=np.uint8)
    if ring_area(plan.outline) <= 0.0:
        out[:] = 0 if isinstance(pad, str) else pad
        return out
    affine = plan.affine @ Affine.scale(plan.source.width / covers[0], plan.source.height / covers[1])
    if kernel != "nearest":
        pixels, affine = _shrunk(pixels, affine, kernel, covers)
    larger = 1 if kernel == "nearest" else _larger(affine)
    for left, top, size in _tiles(plan.size, _TILE // larger):
        tile = out[top : top + size.height, left : left + size.width]
        tile[:] = _sampled(pixels, Affine.translation(-left, -top) @ affine, size, kernel, larger)
        if not isinstance(pad, str):
            _frame(tile, plan.outline - (left, top), pad, soft=kernel != "nearest")
    if isinstance(pad, str):
        _continue(out, plan.outline, pad)
    return out


def _growth(affine: Affine) -> tuple[float, float]:
    """The lengths of a unit step along x and along y after the map."""
    return hypot(affine.a, affine.d), hypot(affine.b, affine.e)


def _shrunk(pixels: Pixels, affine: Affine, kernel: Kernel, covers: tuple[float, float]) -> tuple[Pixels, Affine]:
    """The raster as small as `affine` makes it along its own axes, antialiased, and the map from there."""
    (width, across), (height, down) = map(_shrunk_length, covers, pixels.shape[1::-1], _growth(affine))
    if (height, width) == pixels.shape[:2]:
        return pixels, affine
    small = Image.fromarray(pixels).resize((width, height), _PILLOW[kernel], box=(0.0, 0.0, across, down))
    return np.asarray(small), affine @ Affine.scale(across / width, down / height)


def _shrunk_length(cover: float, side: int, growth: float) -> tuple[int, float]:
    """The number of pixels of an axis that suffice for a map with that `growth`, and the interval they cover."""
    length = max(1, ceil(round(cover * growth, 6)))
    return (length, cover) if length < side else (side, float(side))


_PILLOW: dict[Kernel, Image.Resampling] = {
    "auto": Image.Resampling.BICUBIC,
    "linear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def _larger(affine: Affine) -> int:
    """The factor by which the output is drawn larger so that no part is shrunk too far; nearly always 1."""
    least = float(np.linalg.svd([[affine.a, affine.b], [affine.d, affine.e]], compute_uv=False)[1])
    return 1 if least >= _PRESSED else min(_MOST_LARGER, ceil(1.0 / least))


def _tiles(size: Size, side: int) -> Iterator[tuple[int, int, Size]]:
    """Left, top and size of each tile of a canvas."""
    for top, left in product(range(0, size.height, side), range(0, size.width, side)):
        yield left, top, Size(min(side, size.width - left), min(side, size.height - top))


def _sampled(pixels: Pixels, affine: Affine, size: Size, kernel: Kernel, larger: int) -> Pixels:
    """The raster through `affine` on a canvas of `size`, continued at its edges."""
    if kernel == "nearest":
        return _nearest(pixels, ~affine, size)
    inverse = ~affine @ Affine.scale(1.0 / larger, 1.0 / larger)
    canvas = Size(size.width * larger, size.height * larger)
    part, (left, top) = _part(pixels, hull(inverse(ring_around(canvas))))
    a, b, c, d, e, f = (~_HALF_PIXEL @ Affine.translation(-left, -top) @ inverse @ _HALF_PIXEL).coefficients
    drawn = cv2.warpAffine(
        part,
        np.array([[a, b, c], [d, e, f]]),
        (canvas.width, canvas.height),
        flags=_INTERPOLATIONS[kernel] | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(Image.fromarray(drawn).reduce(larger) if larger > 1 else drawn)


def _part(pixels: Pixels, box: Floats) -> tuple[Pixels, tuple[int, int]]:
    """The part of the raster that the kernels reach from `box` (4,), at least a pixel, and its left and top."""
    height, width = pixels.shape[:2]
    left, top = (min(max(0, floor(low) - _REACH), side - 1) for low, side in zip(box[:2], (width, height), strict=True))
    right, bottom = ceil(box[2]) + _REACH, ceil(box[3]) + _REACH
    return np.ascontiguousarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)]), (left, top)


def _nearest(pixels: Pixels, inverse: Affine, size: Size) -> Pixels:
    """The raster's pixel under the centre of each pixel of a canvas of `size`."""
    height, width = pixels.shape[:2]
    x, y = np.moveaxis(inverse(_centres(size)), -1, 0)
    rows = np.clip(np.floor(y), 0, height - 1).astype(np.intp)
    columns = np.clip(np.floor(x), 0, width - 1).astype(np.intp)
    return np.asarray(pixels[rows, columns])


def _centres(size: Size) -> Points:
    """The centres (H, W, 2) of the pixels of a canvas."""
    return np.stack(np.meshgrid(np.arange(size.width) + 0.5, np.arange(size.height) + 0.5), axis=-1)


def _frame(canvas: Pixels, outline: Points, fill: int | tuple[int, int, int], *, soft: bool) -> None:
    """Fill what of `canvas` lies outside of `outline`, and mix it into the pixels on it by its share (if `soft`)."""
    depth = _depth(outline, canvas)
    outside = depth < (-_HALF_DIAGONAL if soft else 0.0)
    canvas[outside] = fill
    if not soft:
        return
    rows, columns = np.nonzero(~outside & (depth < _HALF_DIAGONAL))
    share = _share(outline, np.stack((columns + 0.5, rows + 0.5), axis=-1))
    if canvas.ndim == 3:
        share = share[:, None]
    mixed = canvas[rows, columns] * share + np.asarray(fill) * (1.0 - share)
    canvas[rows, columns] = np.rint(mixed).astype(np.uint8)


def _depth(outline: Points, canvas: Pixels) -> NDArray[np.float32]:
    """The distance (H, W) of pixel centres from a convex outline, px; positive inside."""
    columns, rows = np.arange(canvas.shape[1]) + 0.5, np.arange(canvas.shape[0]) + 0.5
    depth = np.full(canvas.shape[:2], np.inf, dtype=np.float32)
    for (x, y), offset in convex_sides(outline):
        side = np.add.outer((y * rows - offset).astype(np.float32), (x * columns).astype(np.float32))
        np.minimum(depth, side, out=depth)
    return depth


def _share(outline: Points, centres: Points) -> Floats:
    """The share (N,) of the pixels at `centres` (N, 2) that lies inside of a convex outline.

    Exact where one side goes through a pixel; the product of the shares of two sides where they meet.
    """
    share = np.ones(len(centres))
    for normal, offset in convex_sides(outline):
        share *= _covered(centres @ normal - offset, *np.abs(normal))
    return share


def _covered(depth: Floats, x: float, y: float) -> Floats:
    """The share of a unit square on the inner side of a line at `depth` from its centre; the line's unit normal is
    (+-x, +-y). It is the distribution of the sum of two uniform variables.
    """
    low, high = min(x, y), max(x, y)
    if low < 1e-6:
        return np.asarray(np.clip(depth / high + 0.5, 0.0, 1.0))
    ends = np.array([low + high, high - low, low - high, -low - high]) / 2.0
    parts = np.maximum(depth[:, None] + ends, 0.0) ** 2 @ np.array([1.0, -1.0, -1.0, 1.0])
    return np.asarray(np.clip(parts / (2.0 * low * high), 0.0, 1.0))


def _continue(canvas: Pixels, outline: Points, how: Literal["edge", "reflect"]) -> None:
    """Fill what of `canvas` lies outside of `outline` with the pixel at the nearest point of it ("edge") or as far
    behind that point ("reflect").
    """
    rows, columns = np.nonzero(_depth(outline, canvas) < -_HALF_DIAGONAL)
    points = np.stack((columns + 0.5, rows + 0.5), axis=-1)
    found = _onto(outline, points)
    if how == "reflect":
        for _ in range(_MOST_REFLECTIONS):
            found = 2.0 * found - points
            points, found = found, _onto(outline, found)
            if np.array_equal(points, found):
                break
    last = np.array(canvas.shape[1::-1]) - 1
    x, y = np.clip(np.floor(found), 0, last).astype(np.intp).T
    canvas[rows, columns] = canvas[y, x]


def _onto(outline: Points, points: Points) -> Points:
    """The nearest points (N, 2) in a convex outline; a point inside of it is its own."""
    inside = np.ones(len(points), dtype=np.bool_)
    for normal, offset in convex_sides(outline):
        inside &= points @ normal >= offset
    nearest, best = points.copy(), np.where(inside, 0.0, np.inf)
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        side = end - start
        along = np.clip((points - start) @ side / max(float(side @ side), 1e-300), 0.0, 1.0)
        there = start + along[:, None] * side
        distance = np.hypot(*(points - there).T)
        closer = distance < best
        nearest[closer], best[closer] = there[closer], distance[closer]
    return nearest
