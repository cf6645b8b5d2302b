"""Executes a plan on pixels: one resampling for all its steps, then the margin, then the turn.

An output pixel that the image covers partly is blended with the margin in proportion to the covered area, so that the
edge is where the map puts it.

**The kernel "auto"** depends on the number of source pixels that an output pixel covers:

- up to 9/8 pixels along both axes: cubic, a = -0.75; nothing needs to be smoothed yet;
- more, of a raster in full resolution: the mean of the area under the pixel;
- of a raster that was decoded reduced: smoothed, then cubic, a = -0.75, since a mean of a few means is coarse.

All three are OpenCV's, five to ten times as fast as Pillow's kernels. OpenCV resizes whole pixels only; a part that
begins or ends inside a pixel is resized by Pillow (cubic, a = -0.5, widened), and so is one that grows along one axis
and shrinks along the other. PSNR to Lanczos-3 in floating point (the second: to the exact mean), on photos as sharp as
their pixels are: 48 dB where they grow (a = -0.5: 44) and 46 at 9/8; 59. The third, on photos of 12 megapixels reduced
by 4, to Lanczos-3 and to the exact mean: 47 and 47 dB where a pixel covers 1.25 along each axis, 45 and 49 at 1.6, 44
and 54 at 2, 42 and 50 at 2.4; Pillow's widened cubic has 45 and 49, 45 and 49, 44 and 48, 44 and 46.

"nearest" takes the source pixel under the centre of each output pixel. The other kernels are Pillow's: aligned on pixel
centres, antialiased where they shrink.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, sqrt
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import InternalError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan, Span, Window
from bboxprep.images.opencv import opencv
from bboxprep.images.pillow import pillow
from bboxprep.model.rendering import Kernel, Pad

MIN_REDUCED_SCALE = 1.25  # times the output size; from there a reduced raster is within 45 dB of the full one

Hull = tuple[int, int]  # range of whole pixels of a canvas axis: first, one past the last


Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Box = tuple[float, float, float, float]  # left, top, right, bottom, px
OpenCvKernel = Literal["cubic", "area", "smoothed"]

SHARP = 1.125  # source pixels per output pixel up to which "auto" does not smooth
_SMOOTHING = 0.35  # for s source pixels per output pixel, sigma is this times sqrt(s * s - 1)

_FILTERS: dict[Kernel, str] = {"auto": "BICUBIC", "linear": "BILINEAR", "cubic": "BICUBIC", "lanczos": "LANCZOS"}


def execute(
    plan: Plan, pixels: Pixels, *, kernel: Kernel, pad: Pad, covers: tuple[float, float] | None = None
) -> Pixels:
    """`pixels`, uint8 (H, W) or (H, W, 3), after `plan`, of the size `plan.size`; may be a view.

    `covers` is the exact extent (width, height) of the plan's source on a raster that was decoded reduced. A coloured
    `pad` makes a gray image RGB. Masks use "nearest" and the pad 0. Raises `InternalError` where the raster has another
    size than the plan's source.
    """
    raster = Size(pixels.shape[1], pixels.shape[0])
    if covers is None and raster != plan.source:
        raise InternalError(f"raster: have {raster} pixels, want {plan.source} for this plan")
    covers = covers or (float(raster.width), float(raster.height))
    if plan.is_warped:
        from bboxprep.images.raster.warp import execute_warped  # OpenCV is slow to import, and few runs need it

        return execute_warped(plan, pixels, kernel=kernel, pad=pad, covers=covers)
    window = plan.window
    hulls, box = _places(plan, covers)
    seen = _seen(pixels, hulls, box, kernel, reduced=covers != plan.source)
    return _turned(_framed(window, seen, hulls, pad, soft=kernel != "nearest"), plan.turn)


class Canvas(NamedTuple):
    """The `pixels` of a canvas, its margin painted, and the part of them that the image fills: its `rows`."""

    pixels: Pixels
    rows: Pixels


def canvas_of(plan: Plan, pad: Pad, *, gray: bool) -> Canvas | None:
    """The canvas (H, W) or (H, W, 3) of a `plan` that puts the image on it as it is and as wide, so that it is decoded
    into its place and never copied: a twentieth of the time of a photo. None for other plans and pads.
    """
    place = _full_rows(plan)
    if place is None or isinstance(pad, str) or (gray and not isinstance(pad, int)):
        return None
    canvas = np.empty((plan.size.height, plan.size.width) if gray else (plan.size.height, plan.size.width, 3), np.uint8)
    canvas[: place[0]] = canvas[place[1] :] = pad
    return Canvas(canvas, canvas[slice(*place)])


@lru_cache(maxsize=4096)
def _full_rows(plan: Plan) -> Hull | None:
    """The rows of the canvas of `plan` that the image fills from side to side, not resampled, cut or turned; None where
    it does not, or where there is no margin.
    """
    if plan.is_warped or not plan.turn.is_identity or plan.size == plan.source:
        return None
    spans = (Span(Fraction(0), Fraction(plan.size.width)), plan.window.whole[1])
    fills = plan.window.whole == plan.window.seen == spans and spans[1].is_whole
    rows = _hull(spans[1])
    return rows if fills and (plan.size.width, rows[1] - rows[0]) == plan.source else None


@lru_cache(maxsize=4096)
def _places(plan: Plan, covers: tuple[float, float]) -> tuple[tuple[Hull, Hull], Box]:
    """The ranges of canvas pixels that the visible part of the image touches, across and down; and the box under them
    on a raster that the source `covers`. Cached: it is computed in fractions, and photos of one size share it.
    """
    window = plan.window
    hulls = (_hull(window.seen[0]), _hull(window.seen[1]))
    (left, right), (top, bottom) = [
        _source(span, hull, cover) for span, hull, cover in zip(window.whole, hulls, covers, strict=True)
    ]
    return hulls, (left, top, right, bottom)


@lru_cache(maxsize=4096)
def reduction_for(plan: Plan, kernel: Kernel) -> Size | None:
    """The smallest size at which the source of `plan` may be decoded; None for its full size.

    It is the size of the output, so that nothing is resampled, or at least `MIN_REDUCED_SCALE` times as large. With
    "nearest" nothing is reduced, since its output may only have values of the source.
    """
    if kernel == "nearest":
        return None
    lengths = plan.stretched
    for by in (8, 4, 2):
        scales = [side / (length * by) for side, length in zip(plan.source, lengths, strict=True)]
        if all(scale == 1 or scale >= MIN_REDUCED_SCALE for scale in scales):
            return Size(plan.source.width // by, plan.source.height // by)
    return None


def _hull(span: Span) -> Hull:
    return floor(span.start), max(ceil(span.end), floor(span.start))


def _seen(pixels: Pixels, hulls: tuple[Hull, Hull], box: Box, kernel: Kernel, *, reduced: bool) -> Pixels:
    """The image on the canvas pixels `hulls`, under which the raster has the `box`."""
    left, top, right, bottom = box
    width, height = (last - first for first, last in hulls)
    if min(width, height) == 0:
        return np.empty((height, width, *pixels.shape[2:]), dtype=np.uint8)
    if _is_slice(left, right, width) and _is_slice(top, bottom, height):
        return pixels[round(top) : round(bottom), round(left) : round(right)]
    return resample(pixels, box, Size(width, height), kernel, reduced=reduced)


def _source(whole: Span, hull: Hull, cover: float) -> tuple[float, float]:
    """The interval of a raster axis under a `hull` of the canvas; the image covers `cover` px of the axis."""
    ratio = Fraction(cover) / whole.length  # exact, so that rounding never exceeds the edge of the raster
    return float((hull[0] - whole.start) * ratio), float((hull[1] - whole.start) * ratio)


def _is_slice(start: float, end: float, length: int) -> bool:
    return start.is_integer() and start >= 0 and end - start == length


def _framed(window: Window, seen: Pixels, hulls: tuple[Hull, Hull], pad: Pad, *, soft: bool) -> Pixels:
    """The whole canvas: the image `seen` at `hulls`, and the margin."""
    (left, right), (top, bottom) = hulls
    across, down = window.seen
    if (left, top, right, bottom) == (0, 0, *window.canvas) and across.is_whole and down.is_whole:
        return seen
    if isinstance(pad, str) and seen.size:
        rows = _padded_index(np.arange(window.canvas.height) - top, bottom - top, pad)
        columns = _padded_index(np.arange(window.canvas.width) - left, right - left, pad)
        return seen[rows][:, columns]
    seen, fill = _same_channels(seen, 0 if isinstance(pad, str) else pad)
    canvas = np.empty((window.canvas.height, window.canvas.width, *seen.shape[2:]), dtype=np.uint8)
    canvas[:top] = canvas[bottom:] = canvas[top:bottom, :left] = canvas[top:bottom, right:] = fill
    if not (across.is_whole and down.is_whole):
        seen = _blended(seen, np.asarray(fill), _share(down, (top, bottom)), _share(across, (left, right)), soft=soft)
    canvas[top:bottom, left:right] = seen
    return canvas


def _share(span: Span, hull: Hull) -> NDArray[np.float64]:
    """The share of each pixel of `hull` that `span` covers: float64, 0 to 1."""
    first = np.arange(*hull)
    covered = np.minimum(first + 1, float(span.end)) - np.maximum(first, float(span.start))
    return np.asarray(np.clip(covered, 0.0, 1.0))


def _blended(
    seen: Pixels, fill: NDArray[np.int64], down: NDArray[np.float64], across: NDArray[np.float64], *, soft: bool
) -> Pixels:
    """`seen` blended with the `fill` by the share of each pixel that the image covers."""
    share = np.outer(down, across)
    if not soft:
        share = np.round(share)
    if seen.ndim == 3:
        share = share[..., None]
    return np.rint(seen * share + fill * (1.0 - share)).astype(np.uint8)


def _padded_index(positions: NDArray[np.int64], length: int, how: Literal["edge", "reflect"]) -> NDArray[np.int64]:
    """The pixel of an axis of `length` that is shown at each of `positions`, inside or outside of it.

    "reflect" mirrors at the edge of the image (x -> -x), so that the outermost pixel comes twice; repeatedly where the
    pad is wider than the image.
    """
    if how == "edge":
        return np.clip(positions, 0, length - 1)
    folded = positions % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)


def _same_channels(pixels: Pixels, pad: int | tuple[int, int, int]) -> tuple[Pixels, int | tuple[int, int, int]]:
    """`pixels` and the fill with the same number of channels."""
    if pixels.ndim == 3 or isinstance(pad, int):
        return pixels, pad
    if len(set(pad)) == 1:
        return pixels, pad[0]
    return np.repeat(pixels[..., None], 3, axis=2), pad


def _turned(pixels: Pixels, turn: Dihedral) -> Pixels:
    if turn.swap:
        pixels = opencv().transpose(pixels)
    if turn.mirror_x and turn.mirror_y:
        return np.asarray(opencv().flip(pixels, -1))
    if turn.mirror_x or turn.mirror_y:
        return np.asarray(opencv().flip(pixels, 1 if turn.mirror_x else 0))
    return pixels


def resample(pixels: Pixels, box: Box, size: Size, kernel: Kernel, *, reduced: bool) -> Pixels:
    """The part of `pixels` in `box`, resized to `size`. `reduced`: the pixels were decoded smaller than the file.

    Beyond its edges a raster is continued with its outermost pixels. OpenCV uses only pixels inside of `box`.
    """
    if kernel == "nearest":
        return _nearest_pixels(pixels, box, size)
    quick = (
        opencv_kernel(Size(pixels.shape[1], pixels.shape[0]), box, size, reduced=reduced) if kernel == "auto" else None
    )
    if quick is None:
        pixels, box = _extended(pixels, box)
        kernel_of_pillow = pillow().Resampling[_FILTERS[kernel]]
        return np.asarray(pillow().fromarray(pixels).resize(size, kernel_of_pillow, box=box))
    left, top, right, bottom = map(int, box)
    cv2, part = opencv(), pixels[top:bottom, left:right]
    if quick == "smoothed":
        across, down = (_SMOOTHING * sqrt(covered * covered - 1) for covered in _covered(box, size))
        sides = (_gaussian_size(across), _gaussian_size(down))
        part = cv2.GaussianBlur(part, sides, sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REPLICATE)
    interpolation = cv2.INTER_AREA if quick == "area" else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size, interpolation=interpolation))


def _nearest_pixels(pixels: Pixels, box: Box, size: Size) -> Pixels:
    """The pixel under the centre of each output pixel."""
    left, top, right, bottom = box
    rows = _nearest_indices(top, bottom, size.height, pixels.shape[0])
    columns = _nearest_indices(left, right, size.width, pixels.shape[1])
    return pixels[rows[:, None], columns]


def _nearest_indices(start: float, end: float, count: int, length: int) -> NDArray[np.intp]:
    """The pixels of an axis of `length` under the centres of `count` equal parts of the interval `start` to `end`."""
    middles = start + (np.arange(count) + 0.5) * (end - start) / count
    return np.clip(np.floor(middles).astype(np.intp), 0, length - 1)


def _gaussian_size(sigma: float) -> int:
    """The size of a Gaussian kernel; 1 for no blur, since OpenCV would take 0 as the size of the other axis."""
    if sigma == 0:
        return 1
    return 3 if sigma < 0.62 else 2 * ceil(2 * sigma) + 1


def _covered(box: Box, size: Size) -> tuple[float, float]:
    """The raster pixels per output pixel, across and down."""
    left, top, right, bottom = box
    return (right - left) / size.width, (bottom - top) / size.height


def opencv_kernel(raster: Size, box: Box, size: Size, *, reduced: bool = False) -> OpenCvKernel | None:
    """The kernel by which OpenCV resizes `box` of a `raster` to `size` without a shift; None where it cannot."""
    left, top, right, bottom = box
    inside = min(left, top) >= 0 and right <= raster.width and bottom <= raster.height
    if not inside or not all(float(edge).is_integer() for edge in box):
        return None
    across, down = _covered(box, size)
    if max(across, down) <= SHARP:
        return "cubic"
    if min(across, down) < 1:
        return None
    return "smoothed" if reduced else "area"


def _extended(pixels: Pixels, box: Box) -> tuple[Pixels, Box]:
    """`pixels` continued at their edges until they contain `box`, and the box in them.

    The box exceeds the edges by less than an output pixel, where the image begins or ends inside one.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    across = (max(0, -floor(left)), max(0, ceil(right) - width))
    down = (max(0, -floor(top)), max(0, ceil(bottom) - height))
    if not any((*across, *down)):
        return pixels, box
    widths = (down, across) if pixels.ndim == 2 else (down, across, (0, 0))
    moved = (left + across[0], top + down[0], right + across[0], bottom + down[0])
    return np.pad(pixels, widths, mode="edge"), moved
