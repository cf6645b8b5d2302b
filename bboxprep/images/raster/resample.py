"""A stretch of a raster at another size: which resampler does it, and that its pixels lie where the map says.

"auto" goes by how much a pixel of the output covers:

- up to 9/8 pixels along both axes: cubic, a = -0.75; there is nothing yet to smooth away;
- more, of a raster that is all there: the mean of the area under the pixel;
- of a raster that was decoded reduced: smoothed, then cubic, a = -0.75, for a mean of a few means would be coarse.

All three are OpenCV's, five to ten times as fast as Pillow's kernels. It knows whole pixels only, so a stretch that
begins or ends inside a pixel is cubic, a = -0.5, widened, by Pillow, as is one that grows along one axis and shrinks
along the other. PSNR to Lanczos-3 in floating point (the second: to the exact mean), on photos as sharp as their pixels
are: 48 dB where they grow (a = -0.5: 44) and 46 at 9/8; 59. The third, on photos of 12 megapixels reduced by 4, to
Lanczos-3 and to the exact mean: 47 and 47 dB where a pixel covers 1.25 along each axis, 45 and 49 at 1.6, 44 and 54 at
2, 42 and 50 at 2.4; Pillow's widened cubic has 45 and 49, 45 and 49, 44 and 48, 44 and 46.

"nearest" is the pixel under the middle of each of the output's, picked out and nothing more. The other kernels are
Pillow's: aligned on pixel centres, antialiased where they shrink.
"""

from __future__ import annotations

from math import ceil, floor, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bboxprep.geometry.affine import Size
from bboxprep.images.opencv import opencv
from bboxprep.model.rendering import Kernel

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Box = tuple[float, float, float, float]  # left, top, right, bottom, px
Quick = Literal["cubic", "area", "smoothed"]

SHARP = 1.125  # pixels under one of the output, up to which "auto" does not smooth
_SMOOTHING = 0.35  # sigma of the Gaussian before a cubic that covers `s` pixels is this times the root of s * s - 1

_FILTERS: dict[Kernel, Image.Resampling] = {
    "auto": Image.Resampling.BICUBIC,
    "linear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resample(pixels: Pixels, box: Box, size: Size, kernel: Kernel, *, reduced: bool) -> Pixels:
    """What lies in `box` on `pixels`, at `size`; `reduced` where they were decoded smaller than the file is.

    Beyond its edges a raster goes on as it ends. Where a stretch of a raster is resampled by OpenCV, what lies around
    it does not shine in.
    """
    if kernel == "nearest":
        return _picked(pixels, box, size)
    quick = quick_way(Size(pixels.shape[1], pixels.shape[0]), box, size, reduced=reduced) if kernel == "auto" else None
    if quick is None:
        pixels, box = _extended(pixels, box)
        return np.asarray(Image.fromarray(pixels).resize(size, _FILTERS[kernel], box=box))
    left, top, right, bottom = map(int, box)
    cv2, stretch = opencv(), pixels[top:bottom, left:right]
    if quick == "smoothed":
        across, down = (_SMOOTHING * sqrt(covered * covered - 1) for covered in _covered(box, size))
        sides = (_taps(across), _taps(down))
        stretch = cv2.GaussianBlur(stretch, sides, sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REPLICATE)
    way = cv2.INTER_AREA if quick == "area" else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(stretch, size, interpolation=way))


def _picked(pixels: Pixels, box: Box, size: Size) -> Pixels:
    """The pixels under the middles of those of the output."""
    left, top, right, bottom = box
    rows = _under_middles(top, bottom, size.height, pixels.shape[0])
    columns = _under_middles(left, right, size.width, pixels.shape[1])
    return pixels[rows[:, None], columns]


def _under_middles(start: float, end: float, count: int, length: int) -> NDArray[np.intp]:
    """The pixels of an axis of `length` under the middles of `count` that share its stretch from `start` to `end`."""
    middles = start + (np.arange(count) + 0.5) * (end - start) / count
    return np.clip(np.floor(middles).astype(np.intp), 0, length - 1)


def _taps(sigma: float) -> int:
    """How many pixels a Gaussian is cut to; one where there is none, for OpenCV takes a 0 for the other axis's."""
    if sigma == 0:
        return 1
    return 3 if sigma < 0.62 else 2 * ceil(2 * sigma) + 1


def _covered(box: Box, size: Size) -> tuple[float, float]:
    """How much of the raster a pixel of the output covers, across and down."""
    left, top, right, bottom = box
    return (right - left) / size.width, (bottom - top) / size.height


def quick_way(raster: Size, box: Box, size: Size, *, reduced: bool = False) -> Quick | None:
    """How OpenCV gives what lies in `box` on a `raster`, at `size`, just where it belongs; None where it cannot."""
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
    """`pixels` continued at their edges until `box` lies in them, and where it lies then.

    Only where a picture begins or ends inside an output pixel does the box reach out, by less than that pixel.
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
