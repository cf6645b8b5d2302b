"""Small gray copies of images, by which two images are found to show the same picture (a perceptual hash).

A thumbnail is kept in 256 bytes and has no size of its own: a copy that was saved again, made smaller, stretched, or
made somewhat brighter or darker has nearly the same one.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.images.codecs.codec import ImagePolicy, decode
from bboxprep.images.header import read_header
from bboxprep.images.opencv import opencv

SIDE = 16  # cells
_LOOKED_AT = Size(128, 96)  # pixels, of any image: a whole number for each cell


def thumbnail_of(pixels: NDArray[np.uint8], turn: Dihedral) -> bytes:
    """The thumbnail of the stored `pixels`, uint8 (H, W) or (H, W, 3), that `turn` brings to the displayed image: the
    mean levels of 16x16 equal cells, row by row, in 256 bytes.

    The levels are those of green, which is most of what gray is, in whatever order the channels are.
    """
    width, height = _LOOKED_AT
    part = pixels.reshape(-1).take(_places(pixels.shape)).reshape(height, width)
    cv2 = opencv()
    levels = np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    levels = levels.T if turn.swap else levels
    return levels[:: -1 if turn.mirror_y else 1, :: -1 if turn.mirror_x else 1].tobytes()


@lru_cache(maxsize=64)
def _places(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Which values of pixels of this `shape` are looked at: flat indices, row by row, of one channel."""
    (width, height), channels = _LOOKED_AT, shape[2] if len(shape) > 2 else 1
    down, across = (
        (np.arange(count) + 0.5) * side / count for side, count in zip(shape, (height, width), strict=False)
    )
    pixels = down.astype(np.int64)[:, None] * shape[1] + across.astype(np.int64)
    return pixels.ravel() * channels + channels // 2


def read_thumbnail(path: Path, image_policy: ImagePolicy) -> bytes:
    """The thumbnail of the image file at `path`, of which a JPEG is decoded reduced; b"" of one that cannot be
    read, or that `image_policy` refuses.
    """
    try:
        header = read_header(path, most_pixels=image_policy.max_pixels)
        decoded = decode(path, header, image_policy, at_least=_LOOKED_AT)
    except ImageError:
        return b""
    return thumbnail_of(decoded.pixels, header.turn)
