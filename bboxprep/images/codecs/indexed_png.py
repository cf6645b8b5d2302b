"""Pictures whose pixels are numbers, not colours.

What a palette or a gray level stands for is not asked. Some tools write the colours of the VOC devkit's palette instead
of its indices; those are turned back, for each stands for one number: bit j of red, green and blue, from the highest
down, are bits 3j, 3j + 1 and 3j + 2 of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.images.codecs.pillow_reader import opened
from bboxprep.model.header import Header

_MODES = frozenset({"P", "L", "1", "RGB"})


def read_indices(path: Path, header: Header) -> NDArray[np.uint8]:
    """The numbers (H, W) in the PNG at `path`, whose header is `header`: palette indices, gray levels or the devkit's
    colours; never turned. Raises `ImageError` for anything else.
    """
    if header.container != "png" or header.mode not in _MODES or header.depth > 8:
        have = f"{header.container}, mode {header.mode}, {header.depth} bits"
        raise ImageError(path, "", f"want a PNG with a palette (have {have})")
    with opened(path, "png") as image:
        if image.size != header.size:
            raise ImageError(path, "", f"has changed since its header was read (want {header.size})")
        image.load()
        pixels = np.array(image, dtype=np.uint8)
    return pixels if pixels.ndim == 2 else _from_colours(path, pixels)


def devkit_palette() -> NDArray[np.uint8]:
    """The colours (256, 3) that the VOC devkit gives the numbers 0 to 255."""
    numbers, colours = np.arange(256), np.zeros((256, 3), dtype=np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= ((numbers >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours


def _from_colours(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    numbers = np.zeros(pixels.shape[:2], dtype=np.uint8)
    for bit in range(8):
        numbers |= (pixels[..., bit % 3] >> (7 - bit // 3) & 1) << bit
    strange = (devkit_palette()[numbers] != pixels).any(axis=-1)
    if strange.any():
        colour = tuple(pixels[strange][0].tolist())
        raise ImageError(path, "", f"want a PNG with a palette (have colours, and {colour} is none of the devkit's)")
    return numbers
