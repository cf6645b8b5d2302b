"""Painted photos: one bright rectangle on a dark ground, in any orientation and container, and functions to find it.

The label of an output must be where the rectangle is found in its pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bboxprep.geometry.affine import Size
from bboxprep.testing.example import ORIENTATION_TAG, LabelledDataset, LabelledImage

DARK, BRIGHT = (30, 40, 30), (255, 255, 255)
CONTAINERS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF"}
ORIENTATIONS = range(1, 9)
PATCH = "patch"
UNTURN = {  # the turn of the upright image that the EXIF code undoes
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "jpg": {"quality": 95, "subsampling": 0},
    "webp": {"lossless": True},
    "tif": {"compression": "tiff_lzw"},
}

Box = tuple[float, float, float, float]  # x0 y0 x1 y1, px


def painted_image(
    orientation: int, container: str, frame: str, size: tuple[int, int], box: Box, split: str = "train"
) -> LabelledImage:
    """A photo with the EXIF code `orientation`, whose rectangle is `box` px in the displayed image of `size`, and whose
    label is in the `frame` "stored" or "displayed"."""
    upright = Image.new("RGB", size, DARK)
    x0, y0, x1, y1 = (int(edge) for edge in box)
    upright.paste(BRIGHT, (x0, y0, x1, y1))
    turn = UNTURN[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    labelled = upright if frame == "displayed" else stored
    return LabelledImage(
        split,
        f"{container}-{orientation}.{container}",
        encoded(stored, container, orientation),
        Size(*labelled.size),
        np.array([bright_box(np.asarray(labelled))]),
        (PATCH,),
    )


def painted_dataset(
    frame: str, size: tuple[int, int], box: Box, containers: Iterable[str] = CONTAINERS
) -> LabelledDataset:
    """All eight orientations in each of the `containers`."""
    made = (painted_image(code, container, frame, size, box) for container in containers for code in ORIENTATIONS)
    return LabelledDataset((PATCH,), tuple(sorted(made, key=lambda image: image.name)))


def encoded(picture: Image.Image, container: str, orientation: int = 1) -> bytes:
    """The bytes of `picture` in a container (a key of `CONTAINERS`), with an EXIF orientation."""
    exif, out = Image.Exif(), BytesIO()
    exif[ORIENTATION_TAG] = orientation
    picture.save(out, CONTAINERS[container], exif=exif.tobytes(), **_OPTIONS.get(container, {}))
    return out.getvalue()


def bright_box(pixels: NDArray[np.uint8]) -> Box:
    """The edges of the bright rectangle in `pixels` (H, W, 3), where green is half way between dark and bright.

    They are measured in the middle row and column, since near a corner a kernel that overshoots along one axis
    brightens pixels beyond the edge of the other.
    """
    bright = pixels[..., 1] > (DARK[1] + BRIGHT[1]) / 2
    rows, columns = (np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0))
    across = np.flatnonzero(bright[(rows[0] + rows[-1]) // 2])
    down = np.flatnonzero(bright[:, (columns[0] + columns[-1]) // 2])
    return float(across[0]), float(down[0]), float(across[-1] + 1), float(down[-1] + 1)


def displayed(data: bytes) -> NDArray[np.uint8]:
    """The displayed image of the file `data`, decoded by Pillow: uint8 (H, W, 3)."""
    with Image.open(BytesIO(data)) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
