"""Finds datasets whose numbers follow another convention than their format's: in another unit, corners where a size
belongs or the other way round, classes from 1.

It judges by the boxes and sizes of some images, spread over the dataset, and is the same for every format. What a
format's reader can be told instead, the format declares (`Format.conventions`). Nothing is corrected here: a dataset
that is suspected is one fault, and its numbers are read as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample

_MOST_IMAGES = 200  # that are looked at
_FEWEST_BOXES = 4  # fewer prove nothing
_SMALLEST_IMAGE = 16  # px of the shorter side; in a smaller one, boxes of a pixel are no wonder
_SOME = 0.2  # a share of the boxes that sound labels do not have, where something else holds of nearly all
_MOST = 0.5  # a share of the boxes that is most of them
_NEARLY_ALL = 0.95
_MANY = 0.8  # a share that a few stray numbers leave
_ONE = 1.001  # the end of fractions that were rounded
_SLACK = 1.5  # px that boxes of one-based formats and of rounding tools reach over the edge
Rows = NDArray[np.bool_]  # (N,)
_EXCHANGED = re.compile(r"minimum and maximum exchanged \((\d+) of \d+ objects\)")


class _Seen(msgspec.Struct, frozen=True):
    """The boxes (N, 4) of the images that were looked at, px, the size (N, 2) of the image of each, and more."""

    boxes: Boxes
    sizes: Boxes
    labels: frozenset[int]
    fractional: bool
    areas: NDArray[np.float64] = msgspec.field(default_factory=lambda: np.zeros(0))  # (N,) as stated, nan for none
    exchanged: int = 0  # boxes whose reader exchanged minimum and maximum
    unknown: tuple[str, ...] = msgspec.field(default=())  # messages about classes beyond the table

    @property
    def starts(self) -> Points:
        """The upper left corners (N, 2)."""
        return self.boxes[:, :2]

    @property
    def ends(self) -> Points:
        """The lower right corners (N, 2)."""
        return self.boxes[:, 2:]

    @property
    def centres(self) -> Points:
        """The centres (N, 2)."""
        return (self.starts + self.ends) / 2.0

    @property
    def extents(self) -> Points:
        """The widths and heights (N, 2)."""
        return self.ends - self.starts


Suspicion = Callable[[_Seen], str]
"""Words for what the numbers look like, "" where they look sound."""


def beyond_table(number: int, classes: int) -> str:
    """The message of `category-unknown` about an object of class `number` where the table has so many `classes`."""
    return f"id {number} but {classes} names"


def exchanged_corners(boxes: int, objects: int) -> str:
    """The message of `record-repaired` where a reader exchanged minimum and maximum of so many `boxes` of an image."""
    return f"minimum and maximum exchanged ({boxes} of {objects} objects)"


def convention_faults(dataset: Dataset, cures: Mapping[str, str]) -> Iterator[Finding]:
    """One fault for each convention that the numbers of `dataset` look like; `cures` are the format's options."""
    seen = _look(dataset)
    if len(seen.boxes) >= _FEWEST_BOXES:
        tried = {**_OF_UNITS, **{name: suspicion for name, suspicion in _OF_BOXES.items() if name in cures}}
        for name, suspicion in tried.items():
            if words := suspicion(seen):
                yield _fault(words, cures.get(name, ""))
    if words := _from_one(seen, len(dataset.categories)):
        yield _fault(words, cures.get("from-one", ""))
    if words := _names_from_one(seen, dataset.categories):
        yield _fault(words, "`classes` with all names, the first for 0,")


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
        areas=np.concatenate([np.zeros(0), *(sample.instances.areas for sample in samples)]),
        exchanged=sum(count for sample in samples for count in _exchanged(sample)),
        unknown=tuple(message for sample in samples for message in _unknown(sample)),
    )


def _unknown(sample: Sample) -> Iterator[str]:
    return (finding.message for finding in sample.findings if finding.code == "category-unknown")


def _exchanged(sample: Sample) -> Iterator[int]:
    """The counts in messages of `exchanged_corners`."""
    found = (_EXCHANGED.fullmatch(one.message) for one in sample.findings if one.code == "record-repaired")
    return (int(match[1]) for match in found if match)


def _inside(starts: Points, ends: Points, sizes: Boxes) -> Rows:
    """Which boxes (N,) with these corners are boxes that lie in their images, but for a rounding."""
    return np.asarray(((ends > starts) & (starts >= -_SLACK) & (ends <= sizes + _SLACK)).all(axis=1))


def _any(axes: NDArray[np.bool_]) -> Rows:
    """Which rows of `axes` (N, 2) hold along one axis at least."""
    return np.asarray(axes.any(axis=1))


def _fractions(seen: _Seen) -> str:
    """Words where many boxes of a format in pixels lie within a pixel, or their corner and size do, and not all on
    whole numbers.
    """
    boxes = seen.boxes
    if seen.fractional or seen.sizes.min() < _SMALLEST_IMAGE:
        return ""
    within = (np.abs(boxes) <= _ONE).all(axis=1)  # corners of formats that count from 1 are less by one
    within |= (np.abs(seen.starts) <= _ONE).all(axis=1) & (np.abs(seen.extents) <= _ONE).all(axis=1)
    if within.mean() < _MANY or (boxes[within] == np.rint(boxes[within])).all():
        return ""
    count = "all" if within.all() else f"{within.sum():,}"
    return f"{count} of {len(boxes):,} boxes lie within [0, 1]: fractions of the image (normalised), no pixels"


def _pixels(seen: _Seen) -> str:
    """Words where most boxes of a format in fractions have numbers above 1, and as pixels (centre and size, or corners)
    they would lie inside.
    """
    if not seen.fractional:
        return ""
    centres, extents = seen.centres / seen.sizes, seen.extents / seen.sizes
    above = _any(np.maximum(centres, extents) > 1.0 + 1.0 / _SMALLEST_IMAGE)
    as_centres = _inside(centres - extents / 2.0, centres + extents / 2.0, seen.sizes)
    inside = as_centres | _inside(centres, extents, seen.sizes)
    if above.mean() <= _MOST or inside.mean() < _NEARLY_ALL:
        return ""
    return f"{above.sum():,} of {len(above):,} boxes have numbers above 1: pixels, no fractions of the image"


def _corners_for_sizes(seen: _Seen) -> str:
    """Words where most boxes reach over the right or lower edge, and would not if their size were a corner; or where
    the areas that are stated are those of the boxes between two corners.
    """
    if _inside(seen.starts, seen.extents, seen.sizes).mean() < _NEARLY_ALL:
        return ""
    over, between = _any(seen.ends > seen.sizes + _SLACK), _have_area(seen, seen.extents - seen.starts)
    if over.mean() > _MOST:
        words = f"{over.sum():,} of {len(over):,} boxes reach over the right or lower edge of their image"
    elif between.mean() >= _NEARLY_ALL and _have_area(seen, seen.extents).mean() <= _SOME:
        words = f"{between.sum():,} of {len(between):,} boxes have the area between two corners"
    else:
        return ""
    return f"{words}: corners (xyxy) where a size belongs (xywh)"


def _have_area(seen: _Seen, extents: Points) -> Rows:
    """Which objects (N,) state the area of a box of that width and height, `extents` (N, 2), but for a rounding."""
    return np.asarray(np.isclose(seen.areas, extents.prod(axis=1), rtol=0.01))


def _corners_for_centres(seen: _Seen) -> str:
    """Words where some boxes reach over an edge, and nearly none would if centre and size were two corners. Sound boxes
    whose size is larger than their centre cover much of their image, and end in it.
    """
    over = _any((seen.starts < -_SLACK) | (seen.ends > seen.sizes + _SLACK))
    if over.mean() <= _SOME or _inside(seen.centres, seen.extents, seen.sizes).mean() < _NEARLY_ALL:
        return ""
    words = "reach over an edge of their image"
    return f"{over.sum():,} of {len(over):,} boxes {words}: corners (xyxy) where centre and size belong (cxcywh)"


def _sizes_for_corners(seen: _Seen) -> str:
    """Words where some boxes had their maximum before their minimum, and nearly all would lie inside if it were a size:
    the sum of both, which an exchange does not change, is the far edge then.
    """
    fit = np.asarray(((seen.starts + seen.ends <= seen.sizes + _SLACK) & (seen.starts >= -_SLACK)).all(axis=1))
    if seen.exchanged <= _SOME * len(fit) or fit.mean() < _NEARLY_ALL:
        return ""
    words = "have their maximum before their minimum"
    return f"{seen.exchanged:,} of {len(fit):,} boxes {words}: sizes (xywh) where a corner belongs (xyxy)"


_OF_UNITS: Mapping[str, Suspicion] = {"fractions": _fractions, "pixels": _pixels}
_OF_BOXES: Mapping[
    str, Suspicion
] = {  # asked only of formats that declare them: what is written, for what belongs there
    "xyxy-for-xywh": _corners_for_sizes,
    "xyxy-for-cxcywh": _corners_for_centres,
    "xywh-for-xyxy": _sizes_for_corners,
}


def _names_from_one(seen: _Seen, classes: Categories) -> str:
    """Words where the names of a table begin at 1, and objects have 0 and none has the last number."""
    names = classes.names
    begin = classes.stated and names[:1] == ("0",) and not all(name.isdecimal() for name in names)
    if not begin or 0 not in seen.labels or len(names) - 1 in seen.labels:
        return ""
    last = f"none is of class {len(names) - 1} ({names[-1]!r})"
    return f"objects are of class 0, which has no name, and {last}: names counted from 1, numbers from 0"


def _from_one(seen: _Seen, classes: int) -> str:
    """Words where no object has the first number, and some have the one behind the last of `classes`."""
    last = beyond_table(classes, classes)
    if not seen.unknown or 0 in seen.labels or set(seen.unknown) != {last}:
        return ""
    return f"no object is of class 0, and {len(seen.unknown):,} objects are not in the table ({last}): numbers from 1"
