"""The text of YOLO rows: objects of a task (detect, segment, pose, obb) as numbers after their class.

**Numbers** have six digits. They are rounded as whole millionths, the size after the centre, and never to more than
twice the way from the centre to the edge: centre -+ size/2 stays within 0 and 1, also for a reader that computes in
float32. Rounding each number by itself breaks that for one box in five at an edge, whatever the number of digits. An
edge is off by at most 1e-6 of the image; that of a box thinner than 2e-6 by twice as much.

**One shape a row.** *detect* writes boxes. *segment* writes one polygon for each object: its parts are joined by a seam
of no width between their nearest corners; an object without a polygon gets the four corners of its box, oriented or
upright. *pose* writes box and keypoints. *obb* writes four corners: those of an oriented box, else of a polygon that
has four, else of the rectangle of least area around its polygons or its mask, else of the box. None lies outside of the
image, or trainers would leave out the whole image (`geometry.oriented.corners_within`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.outlines import polygons_within
from bboxprep.formats.yolo_row_kinds import OutTask
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.decimals import centred
from bboxprep.geometry.oriented import corners_within, oriented_corners
from bboxprep.geometry.shapes import clip_ring, one_ring
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.columns import Column
from bboxprep.model.flip_names import flip_order
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Rings
from bboxprep.model.shape_choice import corners_around

Micros = NDArray[np.float64]  # whole millionths of the image

_ONE = 1_000_000
_DECIMAL = len(b" 0.000000")
_BLANK, _POINT, _ZERO = b" .0"
_THREE_DIGITS = np.frombuffer(b"".join([b"%03d" % number for number in range(1000)]), dtype=np.uint8).reshape(-1, 3)
TASK_COLUMNS = {
    "detect": frozenset({Column.BOXES}),
    "segment": frozenset({Column.BOXES, Column.POLYGONS}),
    "pose": frozenset({Column.BOXES, Column.KEYPOINTS}),
    "obb": frozenset({Column.BOXES, Column.ORIENTED}),
}
"""The columns that the rows of each task hold."""


class ShapeChanges(NamedTuple):
    """Which objects lose their shape, bool (N,): to the corners of their box (`boxed`), or of a rectangle (`fitted`);
    which are oriented boxes written as polygons (`unturned`); which have more keypoints than a row (`unposed`).
    """

    boxed: NDArray[np.bool_]
    fitted: NDArray[np.bool_]
    unturned: NDArray[np.bool_]
    unposed: NDArray[np.bool_]


def shape_texts(batch: Batch, task: OutTask, keypoints: int) -> tuple[list[bytes], ShapeChanges]:
    """The rows of all objects without their class, a blank before each number, and which of them lose their shape.

    Rows of *pose* have so many `keypoints`; what is labelled beyond them is lost.
    """
    none = np.zeros(len(batch.instances), dtype=np.bool_)
    match task:
        case "detect":
            return _box_texts(batch), ShapeChanges(none, none, none, none)
        case "pose":
            points = _keypoint_texts(batch, keypoints)
            texts = [box + own for box, own in zip(_box_texts(batch), points, strict=True)]
            unposed = np.asarray((batch.instances.visibility[:, keypoints:] > 0).any(axis=1))
            return texts, ShapeChanges(none, none, none, unposed)
        case "segment":
            return _polygons(batch)
        case "obb":
            return _oriented_boxes(batch)


def change_notes(boxed: int, fitted: int, unturned: int, unposed: int) -> list[tuple[str, str]]:
    """The codes and messages of findings about an image with so many objects of each kind of `ShapeChanges`."""
    notes = [("column-dropped", f"{boxed} objects are written as the corners of their boxes")] if boxed else []
    if fitted:
        notes.append(("column-dropped", f"{fitted} outlines are written as the smallest rectangles around them"))
    if unturned:
        notes.append(("column-dropped", f"{unturned} oriented boxes are written as polygons"))
    if unposed:
        notes.append(("column-dropped", f"{unposed} objects have keypoints beyond those that a class names"))
    return notes


def common_flip(categories: Categories, count: int) -> tuple[int, ...]:
    """The partner of each of `count` keypoints in a mirror, for every class that has keypoints; () where no class tells
    or two differ. Trainers that find none do not mirror, which harms nothing.
    """
    tail = tuple(range(count))
    orders = {flip_order(one) + tail[len(one.keypoints) :] for one in categories if one.keypoints}
    known = any(one.flip_idx for one in categories) or tail not in orders
    return next(iter(orders)) if known and len(orders) == 1 else ()


def _polygons(batch: Batch) -> tuple[list[bytes], ShapeChanges]:
    """The rows of all objects as polygons."""
    instances, sizes = batch.instances, batch.sizes[batch.owners]
    rings = list(map(one_ring, instances.polygons))
    unturned = _absent(rings) & instances.has(Column.ORIENTED)
    for row in np.flatnonzero(unturned).tolist():
        left = clip_ring(instances.oriented[row], Size(*sizes[row].tolist()))
        rings[row] = left if len(left) > 2 else None
    boxed = _absent(rings)
    none = np.zeros_like(boxed)
    return _outlines(batch, rings), ShapeChanges(boxed, none, unturned & ~boxed, none)


def _oriented_boxes(batch: Batch) -> tuple[list[bytes], ShapeChanges]:
    """The rows of all objects as oriented boxes."""
    instances = replace(batch.instances, polygons=polygons_within(batch))
    none = np.zeros(len(instances), dtype=np.bool_)
    sizes = [Size(*size) for size in batch.sizes[batch.owners].tolist()]
    rings = [_four_corners(instances, row, size) for row, size in enumerate(sizes)]
    boxed = _absent(rings) & (instances.has(Column.POLYGONS) | instances.has(Column.MASKS))
    same = instances.has(Column.ORIENTED) | np.array([_is_four(own) for own in instances.polygons], dtype=np.bool_)
    return _outlines(batch, rings), ShapeChanges(boxed, ~(same | _absent(rings)), none, none)


def _scales(batch: Batch) -> NDArray[np.float64]:
    """Millionths to the pixel of each object's image, across and down: (N, 2)."""
    return (_ONE / batch.sizes)[batch.owners]


def _box_texts(batch: Batch) -> list[bytes]:
    """Centre and size of each box, rounded so that none leaves the image (see the module)."""
    edges = batch.instances.boxes * np.tile(_scales(batch), 2)
    return _rows_of(_decimals(centred(edges, _ONE)))


def _micro_points(points: Points, scales: NDArray[np.float64]) -> Micros:
    """Points (..., 2) in millionths, none outside of the image."""
    return np.asarray(np.clip(np.rint(points * scales), 0, _ONE))


def _decimals(micros: Micros) -> NDArray[np.uint8]:
    """Whole millionths (..., C) from 0 to 1 as text of six digits, a blank before each: uint8 (..., 9 C)."""
    high, low = np.divmod(micros.astype(np.int64), 1000)
    one, high = np.divmod(high, 1000)
    texts = np.empty((*micros.shape, _DECIMAL), dtype=np.uint8)
    texts[..., 0], texts[..., 1], texts[..., 2] = _BLANK, _ZERO + one, _POINT
    texts[..., 3:6], texts[..., 6:9] = _THREE_DIGITS[high], _THREE_DIGITS[low]
    return texts.reshape(*micros.shape[:-1], _DECIMAL * micros.shape[-1])


def _rows_of(texts: NDArray[np.uint8]) -> list[bytes]:
    """Texts of one length, uint8 (N, L), one by one."""
    data, length = texts.tobytes(), texts.shape[1]
    return [data[start : start + length] for start in range(0, len(data), length)]


def _keypoint_texts(batch: Batch, count: int) -> list[bytes]:
    """The keypoints of each object, filled up to `count`; one that is not labelled is 0 0 0."""
    points = batch.instances.pad_keypoints(count)
    seen = points.visibility[:, :count, None]
    micros = _micro_points(points.keypoints[:, :count], _scales(batch)[:, None]) * (seen > 0)
    blank = np.full_like(seen, _BLANK)
    texts = np.concatenate((_decimals(micros), blank, _ZERO + seen), axis=2)
    return _rows_of(texts.reshape(len(texts), count * texts.shape[2]))


def _outlines(batch: Batch, found: Sequence[Points | None]) -> list[bytes]:
    """The polygon that was `found` for each object; where it is None, the corners of its box."""
    corners = batch.instances.boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    rings = [box if ring is None else ring for box, ring in zip(corners, found, strict=True)]
    counts = list(map(len, rings))
    points = np.concatenate([np.zeros((0, 2)), *rings])
    data = _decimals(_micro_points(points, np.repeat(_scales(batch), counts, axis=0))).tobytes()
    ends = accumulate([2 * _DECIMAL * count for count in counts], initial=0)
    return [data[start:end] for start, end in pairwise(ends)]


def _absent(found: Sequence[Points | None]) -> NDArray[np.bool_]:
    return np.array([ring is None for ring in found], dtype=np.bool_)


def _is_four(rings: Rings) -> bool:
    return len(rings) == 1 and len(rings[0]) == 4


def _four_corners(instances: Instances, row: int, size: Size) -> Points | None:
    """The corners of an object in an image of `size` as an oriented box; None where it has only an upright one."""
    corners, rings = instances.oriented[row], instances.polygons[row]
    if np.isfinite(corners).all():
        return corners_within(corners, size)
    if _is_four(rings):
        return rings[0]
    around = corners_around(instances, row)
    return None if around is None else oriented_corners(around, size)
