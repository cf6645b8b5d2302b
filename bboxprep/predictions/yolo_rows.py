"""The rows of YOLO text predictions: the numbers behind the class, mapped back to the source.

The columns depend on the task of the output, since a row of keypoints and a polygon may have equally many:

- **pose**: cx cy w h, and x y score (or x y) of each keypoint;
- **obb**: the four corners of an oriented box;
- **all others**: cx cy w h, or a polygon of three corners and more.

Behind them may stand a confidence, and behind that, in rows of pose and obb, the number of a track. Both are kept.
Rows of cx cy w h alone are read for each task: they may be those of a detector.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from bboxprep import formats
from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import ring_area
from bboxprep.pipeline.output.run_record import Run
from bboxprep.pipeline.output.written_options import written_with
from bboxprep.predictions.inverse import FlipNames, InverseMap

_BOX, _OBB = 4, 8  # numbers
_TAIL = 2  # a confidence and the number of a track, at most


class RowParts(NamedTuple):
    """The parts of a row by their counts of numbers: the `box`, `points` of `width` each, or a `ring`."""

    box: int = 0
    points: int = 0
    width: int = 3
    ring: int = 0

    @property
    def numbers(self) -> int:
        """The number of numbers before the confidence."""
        return self.box + self.points * self.width + self.ring


class YoloRows(msgspec.Struct, frozen=True):
    """The kind of the rows of an output: its `task`, "" where it is not known, and the number of `keypoints`."""

    task: str = ""
    keypoints: int = 0

    @classmethod
    def of(cls, run: Run) -> YoloRows:
        """The rows of a model that is trained on the output of `run`."""
        record = run.record
        if record.format not in formats.names():
            return cls()
        declared = formats.load(record.format)
        task = declared.task(written_with(record, declared))
        return cls(task, max(map(len, record.flip.keypoints), default=0))

    @property
    def wanted(self) -> str:
        """The columns of a row, for messages."""
        if self.task == "pose":
            return f"{5 + 3 * self.keypoints} or {5 + 2 * self.keypoints} columns (box, {self.keypoints} keypoints)"
        if self.task == "obb":
            return "9 columns (four corners), a confidence last or none"
        return "5 or 6 columns (box), or 7 and more (polygon), a confidence last or none"

    def parts(self, count: int) -> RowParts | None:
        """The parts of a row with `count` numbers behind the class; None where they do not fit."""
        if _BOX <= count <= _BOX + 1:
            return RowParts(box=_BOX)
        if self.task == "pose":
            kinds = (RowParts(_BOX, self.keypoints, width) for width in (3, 2))
            return next((kind for kind in kinds if 0 <= count - kind.numbers <= _TAIL), None)
        if self.task == "obb":
            return RowParts(ring=_OBB) if _OBB <= count <= _OBB + _TAIL else None
        return RowParts(ring=count - count % 2) if count > _BOX else None

    def mapped_back(
        self, parts: RowParts, values: list[float], label: int, inverse: InverseMap, sides: FlipNames
    ) -> list[float] | None:
        """The numbers of a row before its confidence, mapped back; None where nothing of it lies in the source.

        `label` is its class in the output. Keypoints get the order of the source by `sides`.
        """
        if parts.ring:
            corners = _px(values[: parts.ring], inverse)
            ring = inverse.corners(corners) if self.task == "obb" else inverse.ring(corners)
            return _fractions(ring, inverse) if len(ring) and ring_area(ring) else None
        box = _box(values[: parts.box], inverse)
        if box is None or not parts.points:
            return box
        points = np.array(values[parts.box : parts.numbers]).reshape(parts.points, parts.width)
        return box + _keypoints(points[sides.order(label, parts.points)], inverse)


def outline_of(parts: RowParts, fractions: list[float]) -> Points:
    """The points (P, 2) around what a row states: its ring, or two corners of its box; fractions of the image."""
    if parts.ring:
        return np.array(fractions).reshape(-1, 2)
    centre, sides = np.array(fractions[:2]), np.array(fractions[2:4])
    return np.stack((centre - sides / 2.0, centre + sides / 2.0))


def _keypoints(points: Points, inverse: InverseMap) -> list[float]:
    """Keypoints (K, 2 or 3), fractions of the source; one that is not labelled stays 0 0 and 0."""
    labelled = points[:, 2:] != 0 if points.shape[1] == 3 else (points != 0).any(axis=1, keepdims=True)
    places = inverse.points(points[:, :2] * np.array(inverse.prepared)) / np.array(inverse.source)
    numbers: list[float] = np.concatenate((np.where(labelled, places, 0.0), points[:, 2:]), axis=1).ravel().tolist()
    return numbers


def _px(fractions: list[float], inverse: InverseMap) -> Points:
    return np.array(fractions).reshape(-1, 2) * np.array(inverse.prepared, dtype=np.float64)


def _fractions(points: Points, inverse: InverseMap) -> list[float]:
    numbers: list[float] = (points / np.array(inverse.source, dtype=np.float64)).ravel().tolist()
    return numbers


def _box(shape: list[float], inverse: InverseMap) -> list[float] | None:
    """cx, cy, w and h as fractions of the source; None where the box lies in the margin."""
    centre, extent = _px(shape, inverse)
    x0, y0, x1, y1 = inverse.boxes(np.concatenate((centre - extent / 2, centre + extent / 2))[None])[0]
    if not (x1 > x0 and y1 > y0):
        return None
    return _fractions(np.array([[(x0 + x1) / 2, (y0 + y1) / 2], [x1 - x0, y1 - y0]]), inverse)
