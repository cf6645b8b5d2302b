"""Small gray copies of images, by which two images are found to show the same picture (a perceptual hash).

A thumbnail is kept in 256 bytes and has no size of its own: a copy that was saved again, made smaller, stretched, or
made somewhat brighter or darker has nearly the same one.
"""

from __future__ import annotations

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
_ROWS = 192  # of pixels that are looked at; fewer change what means of fine texture are
_LEAST_CONTRAST = 3.0  # levels; below it the rounding of the levels decides what is alike


def thumbnail_of(pixels: NDArray[np.uint8], turn: Dihedral) -> bytes:
    """The thumbnail of the stored `pixels`, uint8 (H, W) or (H, W, 3), that `turn` brings to the displayed image: the
    mean gray levels of 16x16 equal cells, row by row; b"" of an image that shows nothing but one level.

    Red and blue may be exchanged: the mean of the channels is taken.
    """
    cv2 = opencv()
    part = pixels[:: max(1, min(pixels.shape[:2]) // _ROWS)]
    levels = np.asarray(cv2.resize(np.ascontiguousarray(part), (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint16)
    gray = levels if levels.ndim == 2 else (levels.sum(axis=2) + 1) // 3
    gray = gray.T if turn.swap else gray
    gray = gray[:: -1 if turn.mirror_y else 1, :: -1 if turn.mirror_x else 1]
    return b"" if gray.std() < _LEAST_CONTRAST else gray.astype(np.uint8).tobytes()


def read_thumbnail(path: Path, image_policy: ImagePolicy) -> bytes:
    """The thumbnail of the image file at `path`, of which a JPEG is decoded reduced; b"" also of one that cannot be
    read, or that `image_policy` refuses.
    """
    try:
        header = read_header(path, most_pixels=image_policy.max_pixels)
        decoded = decode(path, header, image_policy, at_least=Size(_ROWS, _ROWS))
    except ImageError:
        return b""
    return thumbnail_of(decoded.pixels, header.turn)
