"""Merges the predictions on one source image: an object in several tiles or copies is found in each of them.

Of the predictions of one class that overlap, the one with the highest score is kept (non-maximum suppression). The
overlap of a polygon or a mask is that of its box, as trainers reckon it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import hull
from bboxprep.images.suppression import best_boxes, best_turned_boxes


class Detection(msgspec.Struct, frozen=True):
    """A prediction in its `image` of the source: its class, its score, and the `points` (P, 2) px of its outline; of a
    `turned` box the four corners.
    """

    image: str
    category: str
    score: float
    points: Points
    turned: bool = False


def check_overlap(nms: object) -> None:
    """Raise `UsageError` unless `nms` is a share of overlap or None."""
    if nms is not None and not (isinstance(nms, int | float) and 0 < nms < 1):
        raise UsageError(f"nms: have {nms!r}, want an overlap (intersection over union) between 0 and 1, such as 0.6")


def kept(detections: Sequence[Detection], nms: float) -> NDArray[np.bool_]:
    """Which of `detections` overlap no better one of their image and class by more than `nms`: bool (N,)."""
    groups: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    for row, one in enumerate(detections):
        groups[one.image, one.category, one.turned].append(row)
    flags = np.ones(len(detections), dtype=np.bool_)
    for (_, _, turned), rows in groups.items():
        scores = np.array([detections[row].score for row in rows])
        if len(rows) > 1 and turned:
            flags[rows] = best_turned_boxes(np.array([detections[row].points for row in rows]), scores, nms)
        elif len(rows) > 1:
            flags[rows] = best_boxes(np.array([hull(detections[row].points) for row in rows]), scores, nms)
    return flags


def merged_finding(flags: NDArray[np.bool_], nms: float) -> tuple[Finding, ...]:
    """The finding on the predictions that are not kept by the `flags` (N,); none where all are."""
    gone = int(np.count_nonzero(~flags))
    words = f"predictions overlap a better one of their class and image by more than {nms:g} ({gone}); left out"
    return (Finding("prediction-merged", words, objects=gone),) if gone else ()
