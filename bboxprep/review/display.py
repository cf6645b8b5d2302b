"""A sample as it is displayed: the image upright, the objects mapped but not clipped, so that faults stay visible.

Run-length masks become SVG paths on a grid of at most `MASK_GRID` cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.plan import Orient, Plan, Resample, Step
from bboxprep.geometry.shapes import Boxes, map_boxes
from bboxprep.images.raster import execute
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Frame, Sample

MASK_GRID = 160  # the most rows and columns of the path of a mask


@dataclass(frozen=True)
class DisplayedSample:
    """The displayed image of a sample: its `size`, and the `boxes` (N, 4) px and `labels` (N,) of its objects.

    `objects` is plain data for drawing: for each object ``c`` its class, ``b`` its box, and where it has them ``r``
    rings (x y x y …), ``m`` its mask as a path, ``p`` keypoints (x y visibility), ``k`` crowd, ``s`` score.
    """

    size: Size
    boxes: Boxes
    labels: tuple[int, ...]
    objects: list[dict[str, Any]]


def displayed(sample: Sample, header: Header, classes: Sequence[int]) -> DisplayedSample:
    """The untransformed `sample` as displayed; `classes` (C,) are the class numbers in the page of its labels."""
    affine = header.turn.affine(header.size) @ sample.to_stored
    turn = header.turn if sample.frame is Frame.STORED else IDENTITY
    instances = sample.instances
    with np.errstate(invalid="ignore", over="ignore"):  # a coordinate that is not finite is shown as missing
        boxes = map_boxes(affine, instances.boxes)
        objects = [_object(instances, row, affine, turn) for row in range(len(instances))]
    labels = tuple(classes[label] for label in instances.labels.tolist())
    for row, each in enumerate(objects):
        each |= {"c": labels[row], "b": _numbers(boxes[row], 3)}
    return DisplayedSample(header.displayed, boxes, labels, objects)


def displayed_pixels(sample: Sample, header: Header, max_side: int) -> NDArray[np.uint8]:
    """The displayed image of `sample`, uint8 (H, W) or (H, W, 3), no side over `max_side` px. Raises `ImageError`."""
    steps: tuple[Step, ...] = (Orient(header.turn),)
    if max(header.displayed) > max_side:
        steps = (*steps, Resample(fitted(header.displayed, max_side)))
    return replace(sample, plan=Plan(header.size).then(*steps)).pixels()


def reduced(pixels: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """`pixels`, uint8 (H, W) or (H, W, 3), with no side over `max_side` px."""
    size = Size(pixels.shape[1], pixels.shape[0])
    if max(size) <= max_side:
        return pixels
    return execute.execute(Plan(size).then(Resample(fitted(size, max_side))), pixels, kernel="linear", pad=0)


def fitted(size: Size, side: int) -> Size:
    """`size` scaled so that its longer side is `side` px."""
    ratio = side / max(size)
    return Size(max(1, round(size.width * ratio)), max(1, round(size.height * ratio)))


def _object(instances: Instances, row: int, affine: Affine, turn: Dihedral) -> dict[str, Any]:
    """The data for drawing one object, except its class and its box."""
    mask, score = instances.masks[row], float(instances.scores[row])
    seen = (instances.visibility[row] > 0).any()
    corners = instances.oriented[row]
    rings = (*instances.polygons[row], *([corners] if np.isfinite(corners).all() else []))
    drawn: Mapping[str, Any] = {
        "r": [_numbers(affine(ring).ravel(), 2) for ring in rings if len(ring)],
        "m": mask_path(_turned(mask, turn)) if mask else "",
        "p": _keypoints(instances, row, affine) if seen else [],
        "k": int(instances.crowd[row]),
        "s": round(score, 3) if np.isfinite(score) else 0,
    }
    return {name: value for name, value in drawn.items() if value}


def _keypoints(instances: Instances, row: int, affine: Affine) -> list[float | None]:
    columns = (affine(instances.keypoints[row]), instances.visibility[row][:, None].astype(np.float64))
    return _numbers(np.concatenate(columns, axis=1).ravel(), 2)


def _turned(mask: Rle, turn: Dihedral) -> NDArray[np.bool_]:
    pixels = mask.mask().astype(np.uint8)
    return execute.execute(Plan(mask.size).then(Orient(turn)), pixels, kernel="nearest", pad=0) > 0


def _numbers(values: NDArray[np.float64], digits: int) -> list[float | None]:
    """`values` rounded for JSON; None for NaN and infinity, which JSON lacks."""
    return [_number(round(value, digits)) if np.isfinite(value) else None for value in values.tolist()]


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


def mask_path(mask: NDArray[np.bool_]) -> str:
    """The pixels of `mask`, bool (H, W), as the ``d`` of an SVG path in px: a rectangle for each run of a row.

    A region of more than `MASK_GRID` pixels in a direction is drawn on a coarser grid. "" for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return ""
    top, left = int(rows[0]), int(columns[0])
    seen = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    step = -(-max(seen.shape) // MASK_GRID)
    seen = _coarse(seen, step)
    edges = np.diff(np.pad(seen, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return "".join(
        f"M{left + step * first} {top + step * row}h{step * (last - first)}v{step}h{-step * (last - first)}z"
        for (row, first), (_, last) in zip(starts.tolist(), ends.tolist(), strict=True)
    )


def _coarse(mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """`mask` reduced by `step`: a cell is set where any of its `step` x `step` pixels is, so that thin parts stay."""
    height, width = mask.shape
    whole = np.pad(mask, ((0, -height % step), (0, -width % step)))
    cells = whole.reshape(len(whole) // step, step, -1, step)
    return np.asarray(cells.any(axis=(1, 3)))
