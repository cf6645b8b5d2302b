"""Executes a plan on pixels. The only arithmetic of its own is which rows and columns go where; Pillow resamples.

Pillow's kernels are aligned on pixel centres and antialiased when they shrink (nearest apart), which is what the
affine map of a `Resample` says. A placement is slices, a turn is a view.
"""

from __future__ import annotations

from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import InternalError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample
from bboxprep.model.rendering import Kernel, Pad

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB

_FILTERS: dict[Kernel, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "linear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def execute(
    plan: Plan, pixels: Pixels, *, kernel: Kernel, pad: Pad, covers: tuple[float, float] | None = None
) -> Pixels:
    """The outcome of `plan` on `pixels`, uint8 (H, W) or (H, W, 3), as large as `plan.size`; perhaps a view.

    `covers` is the exact extent of the plan's source on a raster that was reduced while it was decoded; only a plan
    that begins with a `Resample` can take one. A coloured `pad` makes a gray picture RGB. Masks go the same way, with
    "nearest" and 0. Raises `InternalError` where the raster is not the plan's source.
    """
    height, width = pixels.shape[:2]
    may_differ = covers is not None and plan.steps and isinstance(plan.steps[0], Resample)
    if (width, height) != plan.source and not may_differ:
        raise InternalError(f"raster: have {width}x{height} pixels, want {plan.source} for this plan")
    covers = covers or (float(width), float(height))
    for step in plan.steps:
        match step:
            case Resample(to):
                pixels = _resampled(pixels, to, kernel, covers)
            case Place():
                pixels = _placed(pixels, step, pad)
            case Orient(turn):
                pixels = _turned(pixels, turn)
            case _:
                assert_never(step)
        covers = (float(pixels.shape[1]), float(pixels.shape[0]))
    return pixels


def reduction_for(plan: Plan, kernel: Kernel) -> Size | None:
    """The least size at which the source of `plan` may be decoded, or None for its own.

    Never reduced for "nearest", whose output is to hold values of the source and no others.
    """
    first = plan.steps[0] if plan.steps else None
    return first.to if isinstance(first, Resample) and kernel != "nearest" else None


def _resampled(pixels: Pixels, to: Size, kernel: Kernel, covers: tuple[float, float]) -> Pixels:
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(to, _FILTERS[kernel], box=(0.0, 0.0, *covers)))


def _placed(pixels: Pixels, step: Place, pad: Pad) -> Pixels:
    if pad == "edge" or pad == "reflect":
        rows = _continued(np.arange(step.canvas.height) - step.y, pixels.shape[0], pad)
        columns = _continued(np.arange(step.canvas.width) - step.x, pixels.shape[1], pad)
        return pixels[rows][:, columns]
    pixels, fill = _same_channels(pixels, pad)
    canvas = np.empty((step.canvas.height, step.canvas.width, *pixels.shape[2:]), dtype=np.uint8)
    canvas[:] = fill
    (top, height), (left, width) = (
        _overlap(step.y, pixels.shape[0], step.canvas.height),
        _overlap(step.x, pixels.shape[1], step.canvas.width),
    )
    canvas[top : top + height, left : left + width] = pixels[top - step.y :, left - step.x :][:height, :width]
    return canvas


def _overlap(offset: int, length: int, room: int) -> tuple[int, int]:
    """Where on an axis of `room` pixels something of `length` at `offset` begins to be seen, and how much of it is."""
    start, end = min(max(offset, 0), room), min(max(offset + length, 0), room)
    return start, end - start


def _continued(positions: NDArray[np.int64], length: int, how: Literal["edge", "reflect"]) -> NDArray[np.int64]:
    """The pixel of an axis of `length` that stands at each of `positions`, inside or out.

    "reflect" mirrors at the edge of the picture, x -> -x in the plane, so the outermost pixel comes twice; over and
    over, if the pad is wider than the picture.
    """
    if how == "edge":
        return np.clip(positions, 0, length - 1)
    folded = positions % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)


def _same_channels(pixels: Pixels, pad: int | tuple[int, int, int]) -> tuple[Pixels, int | tuple[int, int, int]]:
    """`pixels` and the fill with as many channels as each other."""
    if pixels.ndim == 3 or isinstance(pad, int):
        return pixels, pad
    if len(set(pad)) == 1:
        return pixels, pad[0]
    return np.repeat(pixels[..., None], 3, axis=2), pad


def _turned(pixels: Pixels, turn: Dihedral) -> Pixels:
    if turn.swap:
        pixels = pixels.swapaxes(0, 1)
    return pixels[:: -1 if turn.mirror_y else 1, :: -1 if turn.mirror_x else 1]
