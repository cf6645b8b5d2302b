"""The expected boxes of labels that are pictures: they lie around the pixels of outlines, which may hide each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.instances import Instances
from bboxprep.verification.arithmetic import apply
from bboxprep.verification.expectation import SLACK, Boxes, Expectation, hull_of_pixels
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.region import EMPTY_BOX, box_around, part_of


def as_drawn(expected: Expectation, source: Instances, mapped: Mapped) -> Expectation:
    """`expected` of labels that are pictures: a box lies around the pixels of an outline, of which another object may
    hide any part.
    """
    outer, inner = expected.outlines.copy(), expected.inner.copy()
    hidden = np.array([meets_another(expected.boxes, row) for row in range(len(source))], dtype=np.bool_)
    for row in range(len(source)):
        mask = source.masks[row]
        if not source.polygons[row] and mask is not None:
            ring = apply(mapped.from_frame, hull_of_pixels(mask.mask())) if mask.area else np.zeros((0, 2))
            outer[row] = box_around(part_of(ring, mapped.seen)) if len(ring) else expected.boxes[row]
        if hidden[row]:
            inner[row] = EMPTY_BOX
        elif expected.cut[row] or mapped.warped:
            continue
        else:
            low, high = (pick(outer[row], expected.boxes[row]) for pick in (np.maximum, np.minimum))
            inner[row] = np.concatenate((low[:2], high[2:]))
    known = np.stack((outer, expected.outer, expected.boxes))
    outer = np.concatenate((known.min(axis=0)[:, :2], known.max(axis=0)[:, 2:]), axis=1)
    every, drawn = np.ones(len(source), dtype=np.bool_), hidden | (np.abs(outer - expected.boxes) > SLACK).any(axis=1)
    tolerance = expected.tolerance + drawn  # px; of the pixels at both ends
    return replace(expected, outer=outer, outlines=outer, inner=inner, cut=every, drawn=every, tolerance=tolerance)


def has_whole_edges(boxes: Boxes) -> NDArray[np.bool_]:
    """Whether the edges of each of the `boxes` (N, 4) are whole pixels, as those around pixels are: bool (N,)."""
    return np.asarray((boxes == np.rint(boxes)).all(axis=1))


def meets_another(boxes: Boxes, row: int) -> bool:
    """Whether the box at `row` of `boxes` (N, 4) meets another one."""
    box = boxes[row]
    meets = ((boxes[:, :2] < box[2:]) & (box[:2] < boxes[:, 2:])).all(axis=1)
    meets[row] = False
    return bool(meets.any())
