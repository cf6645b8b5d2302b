"""Reads the objects of an image off its masks, and the rows of the table about them.

A value of a mask of objects is one object: its class is that of most of its pixels in the mask of classes. Without such
a mask the pixels of each class are one object, a region. 0 is the background, unless the list of classes begins with
another; 255 is void in a PNG of 8 bits or fewer. The table states class and exact box of each object; without it the
box is that around its pixels (`formats.segment_pixels`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats import segment_pixels
from bboxprep.formats.record_values import UnusableRecord, coordinates
from bboxprep.formats.segment_pixels import Ids, Segment, Segments
from bboxprep.io.lenient_json import excerpt, whole

_VOID = 255
_LARGEST = 2**16


class ClassTable(NamedTuple):
    """The rows of classes by their names, the index of the first in a mask, and the row of each index from there on."""

    rows: Mapping[str, int]
    first: int
    order: Sequence[int]

    def row(self, index: int) -> int:
        """The row of the class with that index in a mask, -1 for none."""
        return self.order[index - self.first] if 0 <= index - self.first < len(self.order) else -1


class MaskData(NamedTuple):
    """The bytes of the masks of an image, b"" for none, and the rows of the table about it."""

    classes: bytes
    objects: bytes
    rows: Sequence[Sequence[str]]


class MaskObjects(NamedTuple):
    """What was read of masks, and how many objects they and the table list."""

    segments: Segments
    listed: int


def read_masks(data: MaskData, table: ClassTable) -> MaskObjects:
    """The objects of an image. Raises ValueError where a mask cannot be read and the table states no object."""
    findings: list[Finding] = []
    classes, objects = (_values(one, data.rows, findings) for one in (data.classes, data.objects))
    ids = None if objects is None else np.maximum(objects, 0)
    if not data.objects and classes is not None:
        ids = np.maximum(classes - table.first + 1, 0)  # a region for each class
    there = [] if ids is None else [number for number in np.unique(ids).tolist() if number]
    stated = list(_stated(data.rows, table, there, findings))
    others = sorted({*there} - {one.id for one in stated})
    labels = {one: one - 1 + table.first for one in others}
    if ids is not None and data.objects:
        labels = _majority(ids, classes, table)
    listed = [*stated, *_unstated(others, labels, table, findings)]
    found = segment_pixels.segment_objects(listed, ids, range(_LARGEST + 1), "")
    count = len(found.objects) + sum(one.objects for one in (*findings, *found.findings))
    return MaskObjects(Segments(found.objects, (*findings, *found.findings)), count)


def _values(data: bytes, rows: Sequence[Sequence[str]], findings: list[Finding]) -> Ids | None:
    """The values of a mask, 0 for void; None without one. Raises ValueError unless `rows` state objects as well."""
    if not data:
        return None
    try:
        pixels = segment_pixels.gray_values(data)
    except ValueError as error:
        if not rows:
            raise
        findings.append(Finding("shape-unreadable", f"the mask cannot be read: {error}; the boxes are kept"))
        return None
    values = pixels.astype(np.int32)
    return values if pixels.dtype == np.uint16 else np.where(values == _VOID, -1, values).astype(np.int32)


def _stated(
    rows: Sequence[Sequence[str]], table: ClassTable, there: Collection[int], findings: list[Finding]
) -> Iterator[Segment]:
    """The objects that `rows` of the table state. A row that cannot be read loses none that the mask shows, `there`."""
    seen: set[int] = set()
    for number, name, *edges in rows:
        where = f"object {number:.20}"
        try:
            one = _segment(number, name, edges, table, where)
        except UnusableRecord as error:
            finding = error.finding(where, "")
            findings.append(replace(finding, objects=0) if whole(number) in there else finding)
            continue
        if one.id in seen:
            findings.append(Finding("record-unreadable", "an object has two rows; dropped", "", where, 1, name))
            continue
        seen.add(one.id)
        yield one


def _segment(number: str, name: str, edges: Sequence[str], table: ClassTable, where: str) -> Segment:
    """The object of a row. Raises `UnusableRecord`."""
    identity = whole(number)
    if identity is None or not 0 < identity <= _LARGEST:
        raise UnusableRecord("object", f"have {excerpt(number)}, want a value of the mask")
    if name not in table.rows:
        raise UnusableRecord("class", f"have {excerpt(name)}, want the name of a class", "category-unknown")
    x0, y0, x1, y1 = coordinates(edges, "x0,y0,x1,y1")
    return Segment(identity, table.rows[name], (x0, y0, x1, y1), where)


def _majority(ids: Ids, classes: Ids | None, table: ClassTable) -> dict[int, int]:
    """The index of the class of most pixels of each object, where it has any."""
    if classes is None or classes.shape != ids.shape:
        return {int(number): table.first for number in np.unique(ids)} if len(table.rows) == 1 else {}
    inside = (ids > 0) & (classes >= table.first)
    pairs, counts = np.unique(np.stack((ids[inside], classes[inside])), axis=1, return_counts=True)
    order = np.argsort(counts, kind="stable")
    numbers, values = pairs[:, order]
    return dict(zip(numbers.tolist(), values.tolist(), strict=True))


def _unstated(
    numbers: Sequence[int], labels: Mapping[int, int], table: ClassTable, findings: list[Finding]
) -> Iterator[Segment]:
    """The objects of the mask that the table does not state."""
    for number in numbers:
        index, where = labels.get(number), f"value {number}"
        row = -1 if index is None else table.row(index)
        if row < 0:
            words = (
                "no mask of classes says what it is" if index is None else f"have {index}, want the index of a class"
            )
            findings.append(Finding("category-unknown", f"{words}; dropped", where=where, objects=1))
            continue
        yield Segment(number, row, None, where)
