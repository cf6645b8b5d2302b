"""The steps of a plan one by one, as plainly as they are defined: what the fold of a `Plan` is held against."""

from __future__ import annotations

from collections.abc import Sequence

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.plan import Orient, Place, Resample, Step, Warp


def size_after(step: Step, size: Size) -> Size:
    match step:
        case Resample(to):
            return to
        case Place(canvas):
            return canvas
        case Orient(turn):
            return turn.size(size)
        case Warp(_, canvas):
            return canvas


def map_of(step: Step, size: Size) -> Affine:
    match step:
        case Resample(to):
            return Affine.scale(to.width / size.width, to.height / size.height)
        case Place(_, x, y):
            return Affine.translation(float(x), float(y))
        case Orient(turn):
            return turn.affine(size)
        case Warp(affine):
            return affine


def folded(source: Size, steps: Sequence[Step]) -> tuple[Size, Affine]:
    """Size and map of all `steps`, done one after the other."""
    size, affine = source, Affine()
    for step in steps:
        size, affine = size_after(step, size), map_of(step, size) @ affine
    return size, affine
