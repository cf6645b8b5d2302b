"""Values of records in JSON documents: names of classes, coordinates, points, sizes; and what is wrong with others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.json_text import read_json_text
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import hull
from bboxprep.io.lenient_json import excerpt, number, whole
from bboxprep.model.validation import FARTHEST

_MOST_BYTES = 4 << 30
_LONGEST_SIDE = 2**31


class UnusableRecord(Exception):
    """A record of an object that is dropped: the `field` of it, and why."""

    def __init__(self, field: str, problem: str, code: str = "record-unreadable") -> None:
        super().__init__(field, problem)
        self.field, self.problem, self.code = field, problem, code

    def finding(self, where: str, label: object) -> Finding:
        """The finding about the record at `where`, of the class `label`."""
        place = f"{where}.{self.field}" if self.field else where
        return Finding(self.code, self.problem, "", place, 1, label if isinstance(label, str) else "")


def read_document(path: Path, encoding: str) -> bytes:
    """The JSON in the file at `path` as UTF-8, without blanks around it. Raises `AnnotationError`."""
    return read_json_text(path, encoding, _MOST_BYTES).strip()


def json_object(value: object, wanted: str) -> dict[str, Any]:
    """`value`, an object of JSON with `wanted` in it. Raises `UnusableRecord`."""
    if not isinstance(value, dict):
        raise UnusableRecord("", f"have {excerpt(value)}, want an object with {wanted}")
    return value


def class_name(value: object, field: str) -> str:
    """`value` as the name of a class. Raises `UnusableRecord`."""
    if not isinstance(value, str) or not value.strip():
        raise UnusableRecord(field, f"have {excerpt(value)}, want the name of a class")
    return value


def coordinates(values: Sequence[object], field: str) -> list[float]:
    """`values` as coordinates, px. Raises `UnusableRecord`."""
    found = [number(value) for value in values]
    known = [value for value in found if value is not None]
    if len(known) < len(found):
        raise UnusableRecord(field, f"have {excerpt(list(values))}, want numbers")
    if not all(abs(value) < FARTHEST for value in known):
        problem = f"have {excerpt(list(values))}, want finite numbers below {FARTHEST:g}"
        raise UnusableRecord(field, problem, "box-not-finite")
    return known


def corners(values: object, field: str, fewest: int) -> Points:
    """`values`, a list of pairs x y, as points (P, 2) px, at least the `fewest`. Raises `UnusableRecord`."""
    pairs = values if isinstance(values, list) else []
    if len(pairs) < fewest or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise UnusableRecord(field, f"have {excerpt(values)}, want {fewest} or more points x, y")
    return np.array(coordinates([value for pair in pairs for value in pair], field)).reshape(-1, 2)


def named_points(values: object, field: str, fewest: int) -> Points:
    """`values`, a list of objects with x and y, as points (P, 2) px, at least the `fewest`. Raises `UnusableRecord`."""
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise UnusableRecord(field, f"have {excerpt(values)}, want {fewest} or more points with x and y")
    return corners([[one.get("x"), one.get("y")] for one in values], field, fewest)


def named_box(value: object, field: str) -> tuple[float, float, float, float]:
    """`value`, an object with left, top, width and height, as a box x0 y0 x1 y1 px. Raises `UnusableRecord`."""
    if not isinstance(value, dict):
        raise UnusableRecord(field, f"have {excerpt(value)}, want left, top, width and height")
    left, top, width, height = coordinates([value.get(side) for side in ("left", "top", "width", "height")], field)
    return left, top, left + width, top + height


def box_around(*points: Points) -> tuple[float, float, float, float]:
    """The box x0 y0 x1 y1 px around all `points`, (P, 2) px each."""
    x0, y0, x1, y1 = hull(np.concatenate(points)).tolist()
    return x0, y0, x1, y1


def stated_size(width: object, height: object) -> Size | None:
    """The size of an image that is stated as `width` and `height`; None where that is none."""
    sides = whole(width) or 0, whole(height) or 0
    return Size(*sides) if all(0 < side < _LONGEST_SIDE for side in sides) else None
