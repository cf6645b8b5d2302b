"""The numbers that each model has for a place in an image, and how its processor resizes images.

==========  =======================  ================================================  =========================
model       order                    number of the share v of a side                   share of the number n
==========  =======================  ================================================  =========================
qwen2-vl    x0 y0 x1 y1              round(1000 v), 0 to 1000                          n / 1000
qwen3-vl    x0 y0 x1 y1              round(1000 v), 0 to 1000                          n / 1000
paligemma   y0 x0 y1 x1              round(1023 v), 0 to 1023                          n / 1023
florence-2  x0 y0 x1 y1              floor(1000 v), 0 to 999                           (n + 1/2) / 1000
qwen2.5-vl  x0 y0 x1 y1              round(s v), 0 to s, of the resized side s         n / s
==========  =======================  ================================================  =========================

The last number of Qwen2.5-VL is the edge of the image, as it is for the others: its own scripts stop at s - 1, half a
pixel further from the box. A side is a multiple of 28 px, and the area of the image lies between two bounds, by default
those of its processor (`smart_resize` of transformers and of qwen-vl-utils, which has other bounds).
"""

from __future__ import annotations

from math import ceil, floor, sqrt
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.api import Step
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes

FACTOR = 28
MOST_RATIO = 200
"""How many times a side may be as long as the other, for Qwen's processors."""

_LAST = {"qwen3-vl": 1000, "qwen2-vl": 1000, "paligemma": 1023}
_BINS = 1000  # of Florence-2
_MOST_SHRUNK = 1.5  # a side of 41 px becomes one of 28 px


def resized(size: Size, least: int, most: int) -> Size:
    """The size to which the processor of Qwen2.5-VL resizes an image of `size`: `least` to `most` pixels.

    Raises ValueError where one side is more than `MOST_RATIO` times as long as the other.
    """
    width, height = size
    if max(size) > MOST_RATIO * min(size):
        raise ValueError(f"{size}: a side is more than {MOST_RATIO} times as long as the other")
    new = [round(side / FACTOR) * FACTOR for side in size]
    if new[0] * new[1] > most:
        ratio = sqrt(width * height / most)
        new = [max(FACTOR, floor(side / ratio / FACTOR) * FACTOR) for side in size]
    elif new[0] * new[1] < least:
        ratio = sqrt(least / (width * height))
        new = [ceil(side * ratio / FACTOR) * FACTOR for side in size]
    return Size(*[max(side, FACTOR) for side in new])


class Processor(msgspec.Struct, frozen=True):
    """The `model` ("odvg": none, numbers are px), and the bounds of the images of its processor, pixels."""

    model: str
    min_pixels: int
    max_pixels: int

    def resized(self, size: Size) -> Size:
        """The size to which it resizes an image of `size`. Raises ValueError where it refuses that."""
        return resized(size, self.min_pixels, self.max_pixels)


def to_numbers(boxes: Boxes, size: Size, processor: Processor) -> NDArray[np.int64]:
    """The numbers (N, 4), x0 y0 x1 y1, that the model of `processor` has for `boxes` in an image of `size`.

    No box loses its width or height. Raises ValueError where the processor refuses the image.
    """
    shares = boxes / np.tile(np.array(size), 2)
    if processor.model == "florence-2":
        found, last = np.floor(shares * _BINS), np.full(4, _BINS - 1)
    elif processor.model == "qwen2.5-vl":
        sides = np.tile(np.array(processor.resized(size)), 2)
        found, last = np.rint(shares * sides), sides
    else:
        last = np.full(4, _LAST[processor.model])
        found = np.rint(shares * last)
    numbers = np.clip(found, 0, last).astype(np.int64)
    return _widened(numbers, to_boxes(numbers, size, processor), boxes, last[:2])


def _widened(numbers: NDArray[np.int64], read: Boxes, boxes: Boxes, last: NDArray[np.int64]) -> NDArray[np.int64]:
    """`numbers` whose boxes are at least one number wide and high: on the side where the middle of the box lies."""
    low, high = numbers[:, :2].copy(), numbers[:, 2:].copy()
    flat = high <= low
    above = (boxes[:, :2] + boxes[:, 2:] >= read[:, :2] + read[:, 2:]) & (low < last) | (low == 0)
    high[flat & above] += 1
    low[flat & ~above] -= 1
    return np.concatenate((low, high), axis=1)


def to_boxes(numbers: NDArray[Any], size: Size, processor: Processor) -> Boxes:
    """The boxes (N, 4), px of an image of `size`, that the `numbers` (N, 4), x0 y0 x1 y1, stand for.

    Raises ValueError where the processor refuses the image.
    """
    sides = np.tile(np.array(size, dtype=np.float64), 2)
    if processor.model == "odvg":
        return np.asarray(numbers, dtype=np.float64)
    if processor.model == "florence-2":
        return np.asarray((numbers + 0.5) / _BINS * sides)
    if processor.model == "qwen2.5-vl":
        return np.asarray(numbers * sides / np.tile(np.array(processor.resized(size)), 2))
    return np.asarray(numbers * sides / _LAST[processor.model])


def step(options: Any) -> Step:
    """How far a written edge may lie from the true one: half a number. The numbers of Qwen2.5-VL are pixels of the
    resized image, in which no side may be more than four times as long as the other. A box that is thinner than a
    number of Florence-2, at the very edge of an image, is written one and a half of them further in.
    """
    if options.model == "qwen2.5-vl":
        return Step(pixels=_MOST_SHRUNK / 2, fraction=1 / sqrt(options.max_pixels))
    return Step(fraction=0.5 / _LAST[options.model] if options.model in _LAST else 0.75 / _BINS)
