"""Boxes rounded to whole pixels, for formats of whole numbers, and the note that counts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bboxprep.findings import Finding
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.batch import Batch

_WHOLE = 1e-6  # px; a coordinate this near to a whole number is that number


def whole_boxes(batch: Batch) -> tuple[Boxes, list[float]]:
    """The nearest boxes with whole edges, at least one pixel wide and high, (N, 4) float64 px; and by how many px each
    was moved.

    Halves go up. What is thinner than a pixel and would round to nothing becomes the pixel its middle is in.
    """
    boxes, last = batch.instances.boxes, batch.sizes[batch.owners] - 1
    whole = np.floor(boxes + 0.5)
    low, high = whole[:, :2], whole[:, 2:]
    thin = low >= high
    pixel = np.minimum(np.floor((boxes[:, :2] + boxes[:, 2:]) / 2.0), last)
    edges = np.concatenate((np.where(thin, pixel, low), np.where(thin, pixel + 1, high)), axis=1)
    moved: list[float] = np.abs(edges - boxes).max(axis=1, initial=0.0).tolist()
    return edges, moved


def rounding_findings(moved: Sequence[float], path: str, split: str, what: str = "boxes") -> tuple[Finding, ...]:
    """A note where objects of the image at `path` were `moved` by so many px each; none where none was."""
    if not (rounded := sum([by > _WHOLE for by in moved])):
        return ()
    message = f"{rounded} of {len(moved)} {what} rounded to whole pixels, by {max(moved):.2g} px at most"
    return (Finding("value-rounded", message, path=path, split=split),)
