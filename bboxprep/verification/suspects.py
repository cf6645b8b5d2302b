"""Ranks the labels of a dataset that a model contradicts: missing, swapped, misplaced and repeated ones.

The scores follow ObjectLab (Tkachenko, Thyagarajan, Mueller, "ObjectLab: Automated Diagnosis of Mislabeled Images in
Object Detection Data", 2023), which looks for overlooked, swapped and badly located boxes by the confidence of the
model and the similarity of boxes. Here the similarity is the intersection over union, and labels that stand twice are
looked for too. A suspicion is between 0 and 1: it is the confidence of the model that the label is wrong. It is no
proof. The model should not have been trained on these images, or else it repeats their faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.shapes import Boxes, box_areas, common_boxes
from bboxprep.model.instances import Instances
from bboxprep.verification.faults import Fault, Layer

LEAST = 0.5  # a suspicion below is not listed
_SURE = 0.5  # a prediction with a lower score says nothing
_MET = 0.1  # overlap from which on a prediction may mean a label
_SAME = 0.5  # overlap of two boxes of one object


class Suspicion(msgspec.Struct, frozen=True):
    """A label that is wrong with the probability `amount`: the fault `code`, the `row` of the label, None of one that
    is missing, the `box` x0 y0 x1 y1 px that the model sees, and the row of its class (`label`).
    """

    code: str
    row: int | None
    amount: float
    box: tuple[float, ...]
    label: int


def suspicions(labels: Instances, seen: Instances) -> list[Suspicion]:
    """All suspicions about the `labels` of an image in which a model has `seen` objects with scores, in their order."""
    seen = seen.select(seen.scores >= _SURE)
    overlaps = _overlaps(labels.boxes, seen.boxes)
    regions = _shares(labels.boxes, seen.boxes) * labels.crowd[:, None]  # what lies in a crowd region has its label
    alike = labels.labels[:, None] == seen.labels[None, :]
    own = np.where(alike, overlaps, 0.0)
    return [
        *_overlooked(seen, np.maximum(overlaps, regions)),
        *_swapped(seen, overlaps * ~labels.crowd[:, None], alike),
        *_misplaced(seen, own, labels.crowd),
        *_repeated(labels, own),
    ]


def faults_of(labels: Instances, seen: Instances, image: str, names: Sequence[str]) -> Iterator[Fault]:
    """The faults of the labels of `image` that are suspected by `LEAST` or more; `names` are the classes."""
    for one in suspicions(labels, seen):
        if one.amount >= LEAST:
            box = " ".join(f"{edge:.6g}" for edge in one.box)
            where = "" if one.row is None else f"object {one.row + 1}"
            words = f"the model sees {names[one.label]!r} at {box} (suspicion {one.amount:.2f})"
            if one.row is not None:
                words += f", the label says {names[labels.labels[one.row]]!r}"
            yield Fault(Layer.PREDICTIONS, one.code, image, where, words, one.amount)


def _overlooked(seen: Instances, overlaps: NDArray[np.float64]) -> Iterator[Suspicion]:
    """Predictions that no label meets; of several of one object the best."""
    nearest = overlaps.max(axis=0, initial=0.0)
    told: list[int] = []
    for place in np.argsort(-seen.scores, kind="stable").tolist():
        again = [other for other in told if _overlaps(seen.boxes[[other]], seen.boxes[[place]])[0, 0] >= _SAME]
        if nearest[place] < _MET and not again:
            told.append(place)
            yield _suspicion("label-overlooked", None, float(seen.scores[place] * (1.0 - nearest[place])), seen, place)


def _swapped(seen: Instances, overlaps: NDArray[np.float64], alike: NDArray[np.bool_]) -> Iterator[Suspicion]:
    """Labels whose box the model sees as another class, less what it sees of their own."""
    weights = overlaps * seen.scores[None, :]
    own = np.where(alike, weights, 0.0).max(axis=1, initial=0.0)
    others = np.where(alike, 0.0, weights)
    for row in np.flatnonzero(others.max(axis=1, initial=0.0) > own).tolist():
        place = int(others[row].argmax())
        yield _suspicion("label-swapped", row, float(others[row, place] - own[row]), seen, place)


def _misplaced(seen: Instances, own: NDArray[np.float64], crowd: NDArray[np.bool_]) -> Iterator[Suspicion]:
    """Labels whose best prediction, which means no other label more, lies elsewhere."""
    if not own.size:
        return
    meant = own.argmax(axis=0)  # the label that each prediction means
    for row in np.flatnonzero(~crowd).tolist():
        places = np.flatnonzero((meant == row) & (own[row] >= _MET))
        if len(places):
            place = int(places[own[row, places].argmax()])
            yield _suspicion("label-misplaced", row, float(seen.scores[place] * (1.0 - own[row, place])), seen, place)


def _repeated(labels: Instances, own: NDArray[np.float64]) -> Iterator[Suspicion]:
    """Labels that lie on an earlier one of their class, where the model sees fewer objects than there are labels."""
    pairs = _overlaps(labels.boxes, labels.boxes) * (labels.labels[:, None] == labels.labels[None, :])
    pairs[:, labels.crowd] = pairs[labels.crowd] = 0.0
    for row in range(1, len(labels)):
        other = int(pairs[row, :row].argmax())
        both = np.count_nonzero((own[[row, other]] >= _MET).any(axis=0))
        if pairs[row, other] >= _SAME and both < 2:
            yield Suspicion(
                "label-repeated",
                row,
                float(pairs[row, other]),
                tuple(labels.boxes[other].tolist()),
                int(labels.labels[row]),
            )


def _suspicion(code: str, row: int | None, amount: float, seen: Instances, place: int) -> Suspicion:
    return Suspicion(code, row, amount, tuple(seen.boxes[place].tolist()), int(seen.labels[place]))


def _overlaps(one: Boxes, other: Boxes) -> NDArray[np.float64]:
    """The intersection over union of each pair of boxes: (N, M) of (N, 4) and (M, 4)."""
    common = box_areas(common_boxes(one[:, None], other[None]))
    return np.asarray(
        common / np.maximum(box_areas(one)[:, None] + box_areas(other)[None] - common, np.finfo(float).tiny)
    )


def _shares(one: Boxes, other: Boxes) -> NDArray[np.float64]:
    """The share of each of `other` (M, 4) that lies in each of `one` (N, 4): (N, M)."""
    common = box_areas(common_boxes(one[:, None], other[None]))
    return np.asarray(common / np.maximum(box_areas(other)[None], np.finfo(float).tiny))
