"""Moves the pixels of boxes within them: each box is an image of its own that has a plan.

The content of a box is executed as a whole image is (`images.raster.execute`), so that a flip is exact for every pixel,
and a turn or a shear is one resampling. What comes from outside of the box is its own content, reflected at its edges:
the pixels around it belong to other things, and a pad would be a frame that tells where the boxes are.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import PlanError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Plan, Resample, Step
from bboxprep.images.raster.execute import execute
from bboxprep.model.rendering import Kernel

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB
Rectangles = NDArray[np.int64]  # (K, 4) x0 y0 x1 y1, whole px


class InBox(Protocol):
    """What a step does with the pixels of one box."""

    def steps_in_box(self, size: Size) -> tuple[Step, ...]:
        """The plan steps for a box of `size` px. Raises `PlanError` for a box of which they leave no pixel."""


def moved_in_boxes(pixels: Pixels, step: InBox, boxes: Rectangles, still: Rectangles, kernel: Kernel) -> Pixels:
    """`pixels` with the content of `boxes` moved within them by `step`, and that of the boxes that are `still` kept.

    All of it is that of `pixels` as they are given. The smaller of two boxes lies on top; of equals the later one, and
    those that are `still` come after the others.
    """
    places = np.concatenate((boxes, still))
    areas = (places[:, 2] - places[:, 0]) * (places[:, 3] - places[:, 1])
    out = pixels.copy()
    for row in np.argsort(-areas, kind="stable").tolist():
        x0, y0, x1, y1 = places[row].tolist()
        content = pixels[y0:y1, x0:x1]
        out[y0:y1, x0:x1] = _moved(content, step, kernel) if row < len(boxes) and content.size else content
    return out


def _moved(content: Pixels, step: InBox, kernel: Kernel) -> Pixels:
    """`content` after `step`, of the same size; as it is where the box is too small for the step."""
    size = Size(content.shape[1], content.shape[0])
    try:
        plan = Plan(size).then(*step.steps_in_box(size))
    except PlanError:
        return content
    plan = plan if plan.size == size else plan.then(Resample(size))
    return execute(plan, content, kernel=kernel, pad="reflect")
