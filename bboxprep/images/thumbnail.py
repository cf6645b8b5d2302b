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
_LOOKED_AT = Size(192, 144)  # pixels, of any image: a whole number for each cell, in a third of the time of all pixels


def thumbnail_of(pixels: NDArray[np.uint8], turn: Dihedral) -> bytes:
    """The thumbnail of the stored `pixels`, uint8 (H, W) or (H, W, 3), that `turn` brings to the displayed image: the
    mean levels of 16x16 equal cells, row by row, in 256 bytes.

    The levels are those of green, which is most of what gray is, in whatever order the channels are.
    """
    cv2, (width, height) = opencv(), _LOOKED_AT
    down, across = max(1, pixels.shape[0] // height), max(1, pixels.shape[1] // width)
    gray = pixels[down // 2 :: down, across // 2 :: across]
    gray = np.ascontiguousarray(gray if gray.ndim == 2 else gray[..., 1])
    part = cv2.resize(gray, _LOOKED_AT, interpolation=cv2.INTER_NEAREST)
    levels = np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    levels = levels.T if turn.swap else levels
    return levels[:: -1 if turn.mirror_y else 1, :: -1 if turn.mirror_x else 1].tobytes()


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
