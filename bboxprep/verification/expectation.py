"""Where the objects of a source picture should lie in the output: their boxes through a matrix, cut at both pictures.

An object with an outline whose box is cut may have its box drawn tight to what is left of the outline. How it is cut is
not repeated here; a box between `inner` (around those points of the outline that are still in the picture) and `outer`
is as it should be. Where the axes were turned, boxes were drawn anew: `verification.rotated_expectation` says how.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances
from bboxprep.verification.arithmetic import apply, apply_to_boxes
from bboxprep.verification.region import Matrix, Region, box_around, corners, rectangle
from bboxprep.verification.rotated_expectation import ExpectedMap, Turned, quadrilateral, turned

Boxes = NDArray[np.float64]  # (N, 4) x0 y0 x1 y1, px
Box = NDArray[np.float64]  # (4,)
SLACK = 1e-3  # px; what decimal rounding reaches over an edge is no cut
_NOWHERE = np.array([np.inf, np.inf, -np.inf, -np.inf])
_LOST = Turned(np.zeros(4), _NOWHERE, np.zeros(4), np.zeros(4), cut=True, drawn=False)


@dataclass(frozen=True, eq=False)
class Mapped:
    """How one source picture became one output picture.

    `from_shown` maps points of the picture as viewers show it, of size `shown`, to the output of `size`; `from_frame`
    those of the plane of its labels, of size `frame`. `seen` is the part of the output on which the source is seen.
    `derived` says whether the recipe was recomputed, else all of this is from the record. `warped`: the axes were
    turned, and boxes drawn anew by the `rule`.
    """

    from_shown: Matrix
    from_frame: Matrix
    size: Size
    seen: Region
    frame: Size
    shown: Size
    derived: bool
    warped: bool = False
    rule: str = "ellipse"

    @property
    def visible(self) -> Box:
        """The box around the part of the output on which the source is seen; no area where there is none."""
        found = corners(self.seen)
        return box_around(found) if len(found) else np.zeros(4)


@dataclass(frozen=True, eq=False)
class Expectation:
    """Of N source objects: the `boxes` (N, 4) their boxes should have in the output, `outlines` (N, 4) those around
    their polygons instead, and the `inner` and `outer` boxes (N, 4) between which a tightened one must lie.

    `gone` (N,): nothing of it is left; `cut` (N,): part of it is; `drawn` (N,): it has an outline; `give` (N,): how far
    its box may be off because outlines are approximated, px.
    """

    boxes: Boxes
    outlines: Boxes
    outer: Boxes
    inner: Boxes
    gone: NDArray[np.bool_]
    cut: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    give: NDArray[np.float64]


def expect(source: Instances, mapped: Mapped) -> Expectation:
    """What the objects of `source` become in a picture that was `mapped`.

    Where the map is only the recorded one, nobody knows what was cut on the way: a box may then be any part of its
    place.
    """
    return _drawn_anew(source, mapped) if mapped.warped else _carried(source, mapped)


def _carried(source: Instances, mapped: Mapped) -> Expectation:
    """What objects become where the axes are kept."""
    frame, matrix, seen = whole_of(mapped.frame), mapped.from_frame, mapped.visible
    inside = _clipped(source.boxes, frame)
    with np.errstate(invalid="ignore"):
        placed = apply_to_boxes(matrix, inside)
        boxes = _clipped(placed, seen)
        there = (boxes[:, 2:] > boxes[:, :2]) & (source.boxes[:, 2:] > source.boxes[:, :2])
        gone = np.asarray(~there.all(axis=1))
        reach = np.maximum(np.abs(inside - source.boxes), np.abs(boxes - placed)).max(axis=1, initial=0.0)
    outlines, inner = boxes.copy(), np.tile(_NOWHERE, (len(boxes), 1))
    drawn = np.zeros(len(boxes), dtype=np.bool_)
    for row in range(len(boxes)):
        points, slack = _outline(source, row, matrix)
        drawn[row] = len(points) > 0
        if drawn[row]:
            whole, inner[row] = _around(points, slack, frame, matrix, seen)
            outlines[row] = whole if source.polygons[row] else boxes[row]
    if not mapped.derived:
        inner[:], drawn[:], reach[:] = _NOWHERE, True, np.inf
    return Expectation(boxes, outlines, boxes, inner, gone, reach > SLACK, drawn, np.zeros(len(boxes)))


def _drawn_anew(source: Instances, mapped: Mapped) -> Expectation:
    """What objects become where the axes are turned."""
    way = ExpectedMap(mapped.from_frame, mapped.seen, rectangle(mapped.frame), mapped.rule)
    inside = _clipped(source.boxes, whole_of(mapped.frame))
    finite, solid = np.isfinite(source.boxes).all(axis=1), (inside[:, 2:] > inside[:, :2]).all(axis=1)
    sound = np.asarray(finite & solid)
    over = np.abs(inside - source.boxes).max(axis=1, initial=0.0) > SLACK
    rows = [
        turned(source, row, inside[row], way, overreached=bool(over[row])) if sound[row] else _LOST
        for row in range(len(inside))
    ]
    boxes, outlines, outer, inner = (
        np.array([getattr(each, name) for each in rows]).reshape(-1, 4) for name in ("box", "outline", "outer", "inner")
    )
    cut, drawn = (np.array([getattr(each, name) for each in rows], dtype=np.bool_) for name in ("cut", "drawn"))
    give, gone = np.array([each.give for each in rows]), ~(boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes[gone] = 0.0
    if not mapped.derived:
        places = [quadrilateral(box, way) if good else _NOWHERE for box, good in zip(inside, sound, strict=True)]
        outer = outlines = np.array(places).reshape(-1, 4)
        inner, cut, drawn = np.tile(_NOWHERE, (len(boxes), 1)), cut | True, drawn | True
    return Expectation(boxes, outlines, outer, inner, np.asarray(gone), cut, drawn, give)


def whole_of(size: Size) -> Box:
    """All of a picture of `size`."""
    return np.array([0, 0, *size], dtype=np.float64)


def _outline(source: Instances, row: int, matrix: Matrix) -> tuple[NDArray[np.float64], float]:
    """The points (P, 2) of an object's outline, none if it has no outline; and how far a box around them may lie
    inside the true one, in output px: half a pixel each for the pixels of a mask in the source and in the output."""
    if source.polygons[row]:
        return np.concatenate(source.polygons[row]), SLACK
    mask = source.masks[row]
    if mask is None:
        return np.zeros((0, 2)), 0.0
    rows, columns = np.nonzero(mask.mask())
    centres = np.stack((columns, rows), axis=1).astype(np.float64) + 0.5
    return centres, 0.5 + float(np.abs(matrix[:2, :2]).sum(axis=1).max())


def _around(
    points: NDArray[np.float64], slack: float, frame: Box, matrix: Matrix, output: Box
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The box around all of an outline, cut at the output's edge; and the one around its points in both pictures."""
    mapped = apply(matrix, points)
    whole = _clipped(np.concatenate((mapped.min(axis=0), mapped.max(axis=0)))[None], output)[0]
    seen = _within(points, frame) & _within(mapped, output)
    if not seen.any():
        return whole, _NOWHERE
    low, high = mapped[seen].min(axis=0) + slack, mapped[seen].max(axis=0) - slack
    return whole, np.concatenate((low, high))


def _within(points: NDArray[np.float64], part: Box) -> NDArray[np.bool_]:
    return np.asarray(((points >= part[:2]) & (points <= part[2:])).all(axis=1))


def _clipped(boxes: Boxes, part: Box) -> Boxes:
    clipped: Boxes = np.clip(boxes, np.tile(part[:2], 2), np.tile(part[2:], 2))
    return clipped
