"""Which plane fractions were drawn in, from the whole pixels that most tools draw on.

Fractions of a size give whole pixels only with the size that they are fractions of: in a picture of W x H, the numbers
w W, h H, 2 cx W and 2 cy H of a box are whole, up to the rounding of the printed decimals. With W and H exchanged some
of them are not.

**How sure.** Let a number be printed in steps of s. In the plane it was drawn in it lies within a tolerance
t = 1.5 s x extent of a whole one; a number that knows nothing of pixels does so with the chance 2 t. A plane is voted
for where *all* numbers of an image are whole in it, where along each axis at least one is not whole in the other plane
(labels drawn on a copy stretched to a square are whole in one axis of either), and where the product of the chances of
those that are not, each distinct value counted once, is at most `CHANCE`. So an image whose labels know nothing of
pixels votes, for either plane, less than once in 1 / (2 `CHANCE`) times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.sample import Frame, Sample

CHANCE = 1e-5
SLACK = 1.5  # steps; half a step of rounding, and one that writers move an edge by to stay inside the picture
MOST_DECIMALS = 7  # what float32 holds; more digits than that are no more exact

Numbers = NDArray[np.float64]  # (K, 2): along x and along y


def whole_pixel_frame(sample: Sample) -> Frame | None:
    """The plane in which alone the fractions of `sample`, which needs a header, are whole pixels; None if not sure."""
    header, boxes = sample.header, sample.instances.boxes
    if header is None or not sample.fractional or header.size == header.displayed or not len(boxes):
        return None
    planes = {Frame.STORED: header.size, Frame.DISPLAYED: header.displayed}
    shares = boxes / np.tile(planes[sample.frame], 2)
    numbers = np.concatenate((shares[:, 2:] - shares[:, :2], shares[:, 2:] + shares[:, :2]))
    if not np.isfinite(numbers).all():
        return None
    step = _step(numbers)
    whole = {frame: _whole(numbers, size, step) for frame, size in planes.items()}
    for frame, other in ((Frame.STORED, Frame.DISPLAYED), (Frame.DISPLAYED, Frame.STORED)):
        telling = ~whole[other]
        if (
            whole[frame].all()
            and telling.any(axis=0).all()
            and _chance(numbers, telling, planes[frame], step) <= CHANCE
        ):
            return frame
    return None


def _step(numbers: Numbers) -> float:
    """The step that the numbers were printed in: a power of ten, at least 10 to the minus `MOST_DECIMALS`.

    They are multiples of half of it: a reader that cuts a box at the edge of the picture leaves halves.
    """
    for decimals in range(2, MOST_DECIMALS):
        scaled = numbers * (2.0 * 10.0**decimals)
        if (np.abs(scaled - np.rint(scaled)) < 1e-6).all():
            return float(10.0**-decimals)
    return float(10.0**-MOST_DECIMALS)


def _whole(numbers: Numbers, size: Size, step: float) -> NDArray[np.bool_]:
    pixels = numbers * np.array(size)
    return np.asarray(np.abs(pixels - np.rint(pixels)) <= SLACK * step * np.array(size))


def _chance(numbers: Numbers, telling: NDArray[np.bool_], size: Size, step: float) -> float:
    """That the distinct telling numbers are whole by accident."""
    counts = [len(set(np.rint(numbers[telling[:, axis], axis] / step).tolist())) for axis in (0, 1)]
    by_chance = np.minimum(2.0 * SLACK * step * np.array(size), 1.0)
    return float(np.prod(by_chance ** np.array(counts)))
