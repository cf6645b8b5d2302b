"""Finds datasets whose numbers follow another convention than their format's: in another unit, as corners, from 1.

It judges by the boxes and sizes of some images, spread over the dataset, and is the same for every format. What a
format's reader can be told instead, the format declares (`Format.conventions`). Nothing is corrected here: a dataset
that is suspected is one fault, and its numbers are read as they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from bboxprep.findings import Finding
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample

_MOST_IMAGES = 200  # that are looked at
_FEWEST_BOXES = 4  # fewer prove nothing
_SMALLEST_IMAGE = 16  # px of the shorter side; in a smaller one, boxes of a pixel are no wonder
_MOST = 0.5  # a share of the boxes that is most of them
_NEARLY_ALL = 0.95
_MANY = 0.8  # a share that a few stray numbers leave
_ONE = 1.001  # the end of fractions that were rounded
_SLACK = 1.5  # px that boxes of one-based formats and of rounding tools reach over the edge


@dataclass(frozen=True)
class _Seen:
    """The boxes (N, 4) of the images that were looked at, px, the size (N, 2) of the image of each, and more."""

    boxes: Boxes
    sizes: Boxes
    labels: frozenset[int]
    fractional: bool
    unknown: tuple[str, ...] = field(default=())  # messages about classes beyond the table


def beyond_table(number: int, classes: int) -> str:
    """The message of `category-unknown` about an object of class `number` where the table has so many `classes`."""
    return f"id {number} but {classes} names"


def convention_faults(dataset: Dataset, cures: Mapping[str, str]) -> Iterator[Finding]:
    """One fault for each convention that the numbers of `dataset` look like; `cures` are the format's options."""
    seen = _look(dataset)
    if len(seen.boxes) >= _FEWEST_BOXES:
        for name, suspicion in (("fractions", _fractions), ("pixels", _pixels), ("xyxy", _corners)):
            if words := suspicion(seen):
                yield _fault(words, cures.get(name, ""))
    if words := _from_one(seen, len(dataset.categories)):
        yield _fault(words, cures.get("from-one", ""))


def _fault(words: str, cure: str) -> Finding:
    todo = f"{cure} reads them so" if cure else "scale them before they are read"
    return Finding("convention-suspected", f"{words}; {todo}")


def _look(dataset: Dataset) -> _Seen:
    rows = range(0, len(dataset), -(-len(dataset) // _MOST_IMAGES))
    samples = [sample for sample in dataset.at(rows) if sample.header]
    boxes, counts = [sample.instances.boxes for sample in samples], [len(sample.instances) for sample in samples]
    sizes = np.array([sample.size for sample in samples], dtype=np.float64).reshape(-1, 2)
    return _Seen(
        boxes=np.concatenate(boxes) if boxes else np.zeros((0, 4)),
        sizes=np.repeat(sizes, counts, axis=0),
        labels=frozenset(label for sample in samples for label in sample.instances.labels.tolist()),
        fractional=any(sample.fractional for sample in samples),
        unknown=tuple(message for sample in samples for message in _unknown(sample)),
    )


def _unknown(sample: Sample) -> Iterator[str]:
    return (finding.message for finding in sample.findings if finding.code == "category-unknown")


def _fractions(seen: _Seen) -> str:
    """Words where many boxes of a format in pixels lie within a pixel, or their corner and size do, and not all on
    whole numbers.
    """
    boxes = seen.boxes
    if seen.fractional or seen.sizes.min() < _SMALLEST_IMAGE:
        return ""
    low, far = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    within = (np.abs(boxes) <= _ONE).all(axis=1)  # corners of formats that count from 1 are less by one
    within |= (np.abs(low) <= _ONE).all(axis=1) & (np.abs(far) <= _ONE).all(axis=1)
    if within.mean() < _MANY or (boxes[within] == np.rint(boxes[within])).all():
        return ""
    count = "all" if within.all() else f"{within.sum():,}"
    return f"{count} of {len(boxes):,} boxes lie within [0, 1]: fractions of the image (normalised), no pixels"


def _pixels(seen: _Seen) -> str:
    """Words where most boxes of a format in fractions lie outside, and as pixels they would lie inside."""
    if not seen.fractional:
        return ""
    numbers = seen.boxes / np.tile(seen.sizes, 2)
    above = (numbers[:, 2:] > 1.0 + 1.0 / _SMALLEST_IMAGE).any(axis=1)
    inside = (numbers >= -_SLACK).all(axis=1) & (numbers[:, 2:] <= seen.sizes + _SLACK).all(axis=1)
    if above.mean() <= _MOST or inside.mean() < _NEARLY_ALL:
        return ""
    return f"{above.sum():,} of {len(numbers):,} boxes have numbers above 1: pixels, no fractions of the image"


def _corners(seen: _Seen) -> str:
    """Words where most boxes reach over the right or lower edge, and would not if their size were a corner."""
    if seen.fractional:
        return ""
    boxes, sizes = seen.boxes, seen.sizes
    over = (boxes[:, 2:] > sizes + _SLACK).any(axis=1)
    far = boxes[:, 2:] - boxes[:, :2]
    fit = (far > boxes[:, :2]).all(axis=1) & (boxes[:, :2] >= -_SLACK).all(axis=1) & (far <= sizes + _SLACK).all(axis=1)
    if over.mean() <= _MOST or fit.mean() < _NEARLY_ALL:
        return ""
    words = "reach over the right or lower edge of their image"
    return f"{over.sum():,} of {len(boxes):,} boxes {words}: corners (xyxy) where a size belongs (xywh)"


def _from_one(seen: _Seen, classes: int) -> str:
    """Words where no object has the first number, and some have the one behind the last of `classes`."""
    last = beyond_table(classes, classes)
    if not seen.unknown or 0 in seen.labels or set(seen.unknown) != {last}:
        return ""
    return f"no object is of class 0, and {len(seen.unknown):,} objects are not in the table ({last}): numbers from 1"
