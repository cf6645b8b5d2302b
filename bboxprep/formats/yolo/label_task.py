"""Finds the task of a YOLO dataset: what its rows state, where all of them state the same.

A data.yaml may name it (``task: obb``, as our writer does), though trainers do not ask. ``kpt_shape`` says pose. Else
the rows say it: polygons alone are those of segment, and four corners alone, most of them nearly a right-angled
rectangle, are oriented boxes (obb). The corners of hand-drawn oriented boxes (DOTA) are no exact rectangles. Rows of
boxes, or of several kinds, name no task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine
from bboxprep.formats.reading import in_batches
from bboxprep.formats.yolo.image_index import YoloItem
from bboxprep.formats.yolo_row_kinds import RowGrammar
from bboxprep.formats.yolo_row_notes import LabelFile
from bboxprep.formats.yolo_rows import read_labels
from bboxprep.geometry.affine import Points
from bboxprep.geometry.oriented import smallest_rectangle
from bboxprep.geometry.shapes import box_areas, hull, ring_area
from bboxprep.model.sample import Sample

_MEASURED = 64  # images whose corners are measured
_NEAR = 0.92  # of the area of the smallest rectangle around it, that a quadrilateral near it has at least
_MOST = 0.75  # of the objects
_TURNED = 0.98  # of the area of the upright box around it, that a turned rectangle has at most


class LabelTask(msgspec.Struct, frozen=True):
    """The task of all labels, "" where they are boxes or of several kinds; `findings` say what was assumed."""

    name: str = ""
    findings: tuple[Finding, ...] = ()


def label_task(
    items: Sequence[YoloItem],
    grammar: RowGrammar,
    load: Callable[[Sequence[YoloItem]], Sequence[Sample]],
    spread: MapEngine,
    stated: str = "",
) -> LabelTask:
    """The task of the labels of `items`, whose rows are of `grammar`; `load` makes their samples. `stated` is what the
    data.yaml says, "" for nothing.

    Labels are read for it only where the first of them is a polygon.
    """
    if grammar.task != "auto":
        return LabelTask(grammar.task)
    if stated:
        return LabelTask(stated)
    if grammar.keypoints:
        return LabelTask("pose")
    count = _CornerCounts(grammar)
    first = next((found for item in items if (found := count([item]))), frozenset[int]())
    if not first or 0 in first:
        return LabelTask()
    counts = frozenset[int]().union(*in_batches(count, items, spread))
    if 0 in counts:
        return LabelTask()
    if counts != {4} or not _are_oriented(load(list(islice((item for item in items if item.label), _MEASURED)))):
        return LabelTask("segment")
    words = "all rows have four corners, most of them of turned rectangles; `task='segment'` takes them for polygons"
    return LabelTask("obb", (Finding("task-assumed", f"oriented boxes: {words}"),))


class _CornerCounts(msgspec.Struct, frozen=True):
    """The numbers of corners that the polygons of some images have, with 0 for a box; plain data for processes."""

    grammar: RowGrammar

    def __call__(self, items: Sequence[YoloItem]) -> frozenset[int]:
        rows = read_labels([LabelFile(item.label) for item in items if item.label], self.grammar)
        rings = rows.rings or ((),) * len(rows.labels)
        return frozenset(len(own[0]) if own else 0 for own in rings)


def _are_oriented(samples: Sequence[Sample]) -> bool:
    """Whether most polygons of `samples`, in pixels, are nearly rectangles, and one of these is turned."""
    rings = [ring for sample in samples for own in sample.instances.polygons for ring in own if ring_area(ring)]
    near = [ring for ring in rings if ring_area(ring) >= _NEAR * ring_area(smallest_rectangle(ring))]
    return len(near) >= _MOST * len(rings) and any(map(_is_turned, near))


def _is_turned(ring: Points) -> bool:
    return ring_area(ring) <= _TURNED * float(box_areas(hull(ring)[None])[0])
