"""Checks of the boxes of one image, and findings for the objects that are dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import isfinite

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import clip_boxes
from bboxprep.model.batch import Batch
from bboxprep.model.instances import Instances

Rows = NDArray[np.bool_]  # (N,)

FARTHEST = 1e9  # px; a larger coordinate counts as infinite: products of four smaller ones do not overflow


class Location(msgspec.Struct, frozen=True):
    """The names of an image in findings: its path below the dataset, its split, and the class of each label."""

    path: str
    split: str
    names: Sequence[str]


def check_boxes(instances: Instances, size: Size) -> tuple[Rows, dict[str, Rows]]:
    """Which objects (N,) have a valid box in an image of `size`, and which (N,) have not, by the code of the finding.

    A box is valid if its edges are finite, its area is positive and some of it lies in the image.
    """
    boxes = instances.boxes
    finite = np.asarray((np.abs(boxes) < FARTHEST).all(axis=1))
    with np.errstate(invalid="ignore"):
        extent = finite & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        inside = clip_boxes(boxes, size)
        visible = extent & (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
    return visible, {"box-not-finite": ~finite, "box-degenerate": finite & ~extent, "box-outside": extent & ~visible}


def count_duplicates(instances: Instances) -> int:
    """The number of objects that repeat the class and the exact box of an earlier one; only finite boxes count."""
    if len(set(instances.boxes[:, 0].tolist())) == len(instances):  # as in most images
        return 0
    rows = list(zip(instances.labels.tolist(), map(tuple, instances.boxes.tolist()), strict=True))
    keys = [row for row in rows if isfinite(sum(map(abs, row[1])))]
    return len(keys) - len(set(keys))


def rows_with_duplicates(batch: Batch) -> set[int]:
    """The rows of the samples of `batch` with two objects of one class and box; `count_duplicates` counts them."""
    owners, boxes = batch.owners, batch.instances.boxes
    order = np.lexsort((boxes[:, 0], owners))
    place, edge = owners[order], boxes[order, 0]
    alike = (place[1:] == place[:-1]) & (edge[1:] == edge[:-1])  # of few images: the rest is asked of these alone
    rows = np.flatnonzero(np.isin(owners, place[1:][alike]))
    if not len(rows):
        return set()
    keys = np.column_stack((boxes[rows], batch.instances.labels[rows], owners[rows]))
    keys = keys[np.lexsort(keys.T)]
    return set(keys[1:, -1][(keys[1:] == keys[:-1]).all(axis=1)].astype(np.int64).tolist())


def drop_findings(code: str, instances: Instances, rows: Rows, location: Location, why: str) -> tuple[Finding, ...]:
    """One finding of `code` for each object at `rows`, with its box and class."""
    return tuple(
        Finding(
            code,
            f"{why} (box {' '.join(f'{edge:.6g}' for edge in instances.boxes[row])})",
            path=location.path,
            where=f"object {row + 1}",
            objects=1,
            category=location.names[instances.labels[row]],
            split=location.split,
        )
        for row in np.flatnonzero(rows)
    )


def drop_findings_by_class(
    code: str, instances: Instances, rows: Rows, location: Location, why: str
) -> tuple[Finding, ...]:
    """One finding of `code` for each class among the objects at `rows`, with their number."""
    counts = Counter(instances.labels[rows].tolist())
    return tuple(
        Finding(
            code,
            f"{count} of class {location.names[label]!r}: {why}",
            path=location.path,
            objects=count,
            category=location.names[label],
            split=location.split,
        )
        for label, count in sorted(counts.items())
    )


def dropped_by_class(
    batch: Batch, code: str, rows: Rows, names: Callable[[bool], Sequence[str]], why: str
) -> dict[int, tuple[Finding, ...]]:
    """`drop_findings_by_class` of the objects of `batch` at `rows` (N,), by the row of the sample that they are of.

    ``names(mirrored)`` are the classes of the labels of a sample, before a flip.
    """
    found = {}
    for row in np.flatnonzero(batch.totals(rows)).tolist():
        mirrored, part = batch.values("mirrored")[row], rows[batch.starts[row] : batch.starts[row + 1]]
        location = Location(batch.relative_paths[row], batch.values("split")[row], names(mirrored))
        found[row] = drop_findings_by_class(code, batch.objects_of(row), part, location, why)
    return found
