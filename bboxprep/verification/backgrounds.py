"""The background that a recipe fills around the objects of an image: where they lie, by the labels of the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bboxprep.images.codecs.independent_decoder import warped
from bboxprep.images.gray_levels import Gray, eroded
from bboxprep.images.opencv import opencv
from bboxprep.model.instances import Instances
from bboxprep.verification.arithmetic import apply
from bboxprep.verification.expectation import Boxes
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.patch_similarity import Mask
from bboxprep.verification.region import Points, pixels_inside

OFF = 32.0  # gray levels; a codec of any quality rings by less, 4 px from an edge
NEAR = 4.0  # gray levels; of the fill
MOST_OFF = 0.05  # of the background, or of the objects; salt and pepper are no more
_FINE = 4  # bits of a fraction of a pixel, which OpenCV draws rings with


def object_pixels_in(source: Instances, rows: Sequence[int], boxes: Boxes, mapped: Mapped) -> Mask:
    """The pixels (H, W) of an image, which is `mapped` from its source, of the objects at `rows` of the `source`: by
    polygons, else masks, oriented boxes or their `boxes` (N, 4) px of the image.
    """
    drawn = np.zeros((mapped.size.height, mapped.size.width), dtype=np.uint8)
    for row in rows:
        mask = source.masks[row]
        if not source.polygons[row] and mask is not None and mask.area:
            drawn |= warped(mask.mask().astype(np.uint8) * np.uint8(255), mapped.from_frame, mapped.size) >> 7
            continue
        for ring in _rings(source, row, boxes, mapped):
            corners = np.rint((ring - 0.5) * 2**_FINE).astype(np.int32)  # OpenCV counts from pixel centres
            opencv().fillPoly(drawn, [corners], 1, shift=_FINE)
    return drawn.astype(np.bool_) & pixels_inside(mapped.seen, mapped.size, 0.0)


def _rings(source: Instances, row: int, boxes: Boxes, mapped: Mapped) -> Iterator[Points]:
    if source.polygons[row]:
        yield from (apply(mapped.from_frame, ring) for ring in source.polygons[row] if len(ring))
    elif np.isfinite(source.oriented[row]).all():
        yield apply(mapped.from_frame, source.oriented[row])
    else:
        x0, y0, x1, y1 = boxes[row].tolist()
        yield np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def far_from_edges(objects: Mask, reach: float) -> tuple[Mask, Mask]:
    """The pixels (H, W) that are `reach` px inside of the `objects` (H, W), and those that are as far outside."""
    inside, outside = (eroded(part, int(np.ceil(reach))) if part.any() else part for part in (objects, ~objects))
    return inside, outside


def share_off(expected: Gray, actual: Gray, inside: Mask, background: Mask) -> float:
    """The larger of two shares of images (H, W): of the `background` (H, W), where it is off what is expected, and of
    the pixels `inside` (H, W) of objects, where it is filled instead. 0 where nothing is background.
    """
    if not background.any():
        return 0.0
    fill = np.median(expected[background])
    off = np.abs(expected.astype(np.float64) - actual) > OFF
    filled = (np.abs(actual - fill) <= NEAR) & (np.abs(expected - fill) > OFF) & inside
    return max(float(off[background].mean()), float(filled.sum()) / max(1, int(inside.sum())))
