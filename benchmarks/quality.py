"""How near the resampled images of a run come to what an exact resampling of the whole photo gives, before they are
encoded.

The references are made from the full decode, upright, in floating point: Lanczos-3, widened where it shrinks, and the
mean of the area under each output pixel. They differ from each other, so that no image is near both. Only the
image is compared, not its margin. ``python benchmarks/quality.py CORPUS SIDE PHOTOS`` prints the decibels to the
first and to the second.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

import bboxprep

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """Decibels (PSNR of all pixels of all photos) to the references; infinite where nothing differs."""

    lanczos: float
    area: float


def quality_of(corpus: Path, side: int, count: int) -> Quality:
    """The quality of our letterbox of `side` on some `count` photos from all over a COCO dataset."""
    samples = bboxprep.read(corpus).transform(bboxprep.Recipe(bboxprep.Letterbox(side)))
    chosen = list(samples)[:: max(1, len(samples) // count)][:count]
    return compare((sample.path, sample.pixels()) for sample in chosen)


def compare(pictures: Iterable[tuple[Path, NDArray[np.uint8]]]) -> Quality:
    """The quality of letterboxed images (H, W, 3), each with the photo it was made from."""
    errors = {_lanczos: 0.0, _area: 0.0}
    values = 0
    for path, canvas in pictures:
        with Image.open(path) as image:
            photo = np.asarray(ImageOps.exif_transpose(image).convert("RGB"), dtype=np.float32)
        high, wide, top, left = _place(photo.shape[:2], canvas.shape[:2])
        picture = canvas[top : top + high, left : left + wide].astype(np.float64)
        for resample in errors:
            errors[resample] += float(((resample(photo, (wide, high)).clip(0, 255) - picture) ** 2).sum())
        values += picture.size
    return Quality(_decibels(errors[_lanczos], values), _decibels(errors[_area], values))


def _decibels(error: float, values: int) -> float:
    return 10 * math.log10(255**2 * values / error) if error else math.inf


def _place(photo: tuple[int, ...], canvas: tuple[int, ...]) -> tuple[int, int, int, int]:
    gain = min(canvas[0] / photo[0], canvas[1] / photo[1])
    high, wide = round(photo[0] * gain), round(photo[1] * gain)
    return high, wide, (canvas[0] - high) // 2, (canvas[1] - wide) // 2


def _lanczos(photo: NDArray[np.float32], size: tuple[int, int]) -> Floats:
    channels = [Image.fromarray(channel).resize(size, Image.Resampling.LANCZOS) for channel in np.moveaxis(photo, 2, 0)]
    return np.stack([np.asarray(channel, np.float64) for channel in channels], axis=-1)


def _area(photo: NDArray[np.float32], size: tuple[int, int]) -> Floats:
    rows = _means(photo.astype(np.float64), size[1])
    return np.swapaxes(_means(np.swapaxes(rows, 0, 1), size[0]), 0, 1)


def _means(values: Floats, count: int) -> Floats:
    """The means of `count` equal stretches of the first axis, shares of single pixels included."""
    sums = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    edges = np.linspace(0, len(values), count + 1)
    whole = np.minimum(edges.astype(int), len(values) - 1)
    share = (edges - whole)[:, None, None]
    return np.diff(sums[whole] * (1 - share) + sums[whole + 1] * share, axis=0) * count / len(values)


if __name__ == "__main__":
    found = quality_of(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(found.lanczos, found.area)
