"""Other people's decoders, as they are used: what a viewer or a trainer makes of a file's bytes."""

from __future__ import annotations

import warnings
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Plan
from bboxprep.images.raster.execute import execute


def pillow_shows(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) as Pillow displays it."""
    with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def opencv_shows(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) as ``cv2.imread`` displays it, RGB."""
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    return np.asarray(shown[..., ::-1], dtype=np.uint8)


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Stored `pixels` as `orientation` displays them."""
    plan = Plan(Size(pixels.shape[1], pixels.shape[0])).then(Orient(Dihedral.from_exif(orientation)))
    return execute(plan, pixels, kernel="nearest", pad=0)


def differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The mean difference of two pictures in levels; 255 where their shapes differ."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean()) if one.shape == other.shape else 255.0
