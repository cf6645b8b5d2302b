"""Finds written objects again in a label file that may have been edited, and combines both lists of objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from math import inf

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.oriented import corners_within
from bboxprep.geometry.shapes import Boxes, hull
from bboxprep.model.columns import COLUMNS, Column
from bboxprep.model.instances import Instances

Rows = NDArray[np.int64]
Order = list[tuple[int, int]]  # pairs of a kept object and the same object's row in the label file; -1 for none

GONE, UNWRITTEN = -1, -2  # in place of a row: the object is no longer in the label file, or never was
_NONE = -1


class WrittenObjects(msgspec.Struct, frozen=True):
    """N objects as they were written: `boxes` (N, 4) px, `classes` (N,), negative where the class no longer exists, and
    `outlines` (N, 4) px, the boxes around their polygons or masks, else around the part of their oriented box that an
    image shows (the box itself where there is none). A row of a
    label file that states only the outline is found by it.
    """

    boxes: Boxes
    outlines: Boxes
    classes: Rows

    @classmethod
    def of(cls, instances: Instances, classes: Rows, size: Size) -> WrittenObjects:
        """The written form of `instances`, whose classes are `classes` (N,), in an image of `size`."""
        outlines = instances.boxes.copy()
        for row, rings in enumerate(instances.polygons):
            if points := [ring for ring in rings if len(ring)]:
                outlines[row] = hull(np.concatenate(points))
            elif mask := instances.masks[row]:
                outlines[row] = mask.bounds
        for row in np.flatnonzero(instances.has(Column.ORIENTED)).tolist():
            if not instances.polygons[row] and instances.masks[row] is None:
                outlines[row] = hull(corners_within(instances.oriented[row], size))
        return cls(instances.boxes, outlines, classes)


def match(boxes: Boxes, classes: Rows, written: WrittenObjects, slack: float | NDArray[np.float64]) -> Rows:
    """For each written object, int64 (N,), its row among `boxes` (M, 4) px of `classes` (M,), or `GONE`.

    A row matches if its class is the same and each edge differs by at most `slack` px, (N,) float64 or one number. The
    row of the same number is tried first, then all free rows, since rows may have been added, removed or sorted.
    """
    found = np.full(len(written.classes), GONE, dtype=np.int64)
    slack = np.broadcast_to(slack, found.shape)
    common = np.arange(min(len(boxes), len(found)))
    same = common[_alike(boxes[common], classes[common], written, common, slack[common])]
    found[same] = same
    free = np.ones(len(boxes), dtype=np.bool_)
    free[same] = False
    order = np.argsort(boxes[:, 0], kind="stable")
    starts = boxes[order, 0]
    for row in np.flatnonzero(found == GONE):
        edges = written.boxes[row, 0], written.outlines[row, 0]
        low = np.searchsorted(starts, min(edges) - slack[row])
        high = np.searchsorted(starts, max(edges) + slack[row], "right")
        near = order[low:high]
        near = near[free[near]]
        near = near[_alike(boxes[near], classes[near], written, row, slack[row])]
        if len(near):
            found[row] = near.min()
            free[found[row]] = False
    return found


def _alike(
    boxes: Boxes, classes: Rows, written: WrittenObjects, rows: Rows | np.int64, slack: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether each of `boxes` (M, 4) matches the written objects at `rows`, (M,) or a single row: bool (M,)."""
    off = np.minimum(
        np.abs(boxes - written.boxes[rows]).max(axis=1, initial=0.0),
        np.abs(boxes - written.outlines[rows]).max(axis=1, initial=0.0),
    )
    return np.asarray((off <= slack) & (classes == written.classes[rows]))


def combined_order(rows: Rows, written: NDArray[np.bool_], count: int) -> Order:
    """The order of the combined list: pairs of a kept object and one of `count` rows of the label file, -1 for none.

    `rows` (N,) has the row of each kept object, or `GONE` or `UNWRITTEN`; `written` (N,) says which of them were in the
    file. Kept objects keep their order. A new row of the file takes the place of the removed object that had its row
    number, or else stands before the first object that follows it in the file.
    """
    others = sorted(set(range(count)) - set(rows.tolist()))
    return list(_pairs(rows.tolist(), np.cumsum(written).tolist(), others))


def _pairs(rows: list[int], before: list[int], others: list[int]) -> Iterator[tuple[int, int]]:
    """The pairs; `before` counts the written objects up to and including each kept one."""
    at = 0
    ahead = list(accumulate((row if row >= 0 else inf for row in reversed(rows)), min))[::-1]
    for kept, row in enumerate(rows):
        following = min(before[kept], ahead[kept]) if row == GONE else row
        while at < len(others) and others[at] < following:
            yield _NONE, others[at]
            at += 1
        if row != GONE:
            yield kept, max(row, _NONE)
    for row in others[at:]:
        yield _NONE, row


def combined(kept: Instances, read: Instances, order: Order, carried: frozenset[Column]) -> Instances:
    """The objects in `order`: the `kept` ones, with the columns `carried` by the label file taken from those `read`.

    An object that only one of the two has is taken from that one.
    """
    both = Instances.concat((kept, read))
    ours = [one if one >= 0 else len(kept) + other for one, other in order]
    theirs = [len(kept) + other if other >= 0 else one for one, other in order]
    instances, as_read = both.select(ours), both.select(theirs)
    names = [field.name for column in carried - {Column.BOXES} for field in COLUMNS[column].fields]
    return replace(instances, **{name: getattr(as_read, name) for name in names})
