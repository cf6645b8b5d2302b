"""Decides what the four numbers of boxes are, by all boxes of a data set, and makes edges of them.

x, y, width, height in pixels is what most write (CPPE-5). A second pair that is not greater than the first cannot be a
corner. Where there is none, corners are told by sizes that would reach over the image. Numbers up to 1 are fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.hf_imagefolder.document import objects_in
from bboxprep.formats.hf_imagefolder.options import BoxFormat
from bboxprep.formats.json_images import JsonEntry
from bboxprep.geometry.affine import Size

_SLACK = 1.5  # px that boxes reach over the edge by rounding
_ONE = 1.001  # the end of fractions that were rounded


def decided_format(entries: Iterable[JsonEntry], stated: str, asked: BoxFormat) -> tuple[BoxFormat, str]:
    """What the boxes of `entries` are, and the message of a finding: "" where it is `asked`, `stated` or proven."""
    if asked != "auto":
        return asked, ""
    if stated in ("xywh", "xyxy", "xywh-fractions", "xyxy-fractions"):
        return stated, ""  # type: ignore[return-value]
    boxes, sizes = _boxes(entries)
    if not len(boxes):
        return "xywh", ""
    fractions = bool((np.abs(boxes) <= _ONE).all())
    sized = bool((boxes[:, 2:] <= boxes[:, :2]).any())  # of a corner, the second is the greater
    ends = boxes[:, :2] + boxes[:, 2:]
    limits = np.full_like(sizes, _ONE) if fractions else sizes + _SLACK
    corners = not sized and bool((ends > limits).any())
    kind = "xyxy" if corners else "xywh"
    words = f"{'two corners' if corners else 'x, y, width, height'}{' as fractions of the image' if fractions else ''}"
    proof = "" if sized or corners else "; nothing proves it"
    found: BoxFormat = f"{kind}-fractions" if fractions else kind  # type: ignore[assignment]
    told = "" if found == "xywh" and sized else f"boxes were taken as {words}{proof}; `box_format` says otherwise"
    return found, told


def _boxes(entries: Iterable[JsonEntry]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The finite boxes (N, 4) of all entries, and the size (N, 2) that each image states, infinite where none."""
    boxes, sizes = [], []
    for entry in entries:
        own = [one.box for one in objects_in(entry.objects) if one.box and np.isfinite(one.box).all()]
        boxes += own
        sizes += [entry.declared or (np.inf, np.inf)] * len(own)
    return np.array(boxes, dtype=np.float64).reshape(-1, 4), np.array(sizes, dtype=np.float64).reshape(-1, 2)


def edges(box: Sequence[float], style: BoxFormat, size: Size | None) -> list[float] | None:
    """x0 y0 x1 y1 px of the numbers of a `box`; None for fractions of an image whose `size` is not known."""
    x, y, across, down = box
    found = [x, y, across, down] if style.startswith("xyxy") else [x, y, x + across, y + down]
    if not style.endswith("fractions"):
        return found
    return None if size is None else [value * side for value, side in zip(found, (*size, *size), strict=True)]
