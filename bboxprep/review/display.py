"""A sample as a viewer shows it: its image upright, its objects moved along, never cut, so that faults stay seen.

Run-length masks become SVG paths, coarse enough to send and fine enough to see.
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

MOST = 160  # rows and columns of the grid that a mask is shown on


@dataclass(frozen=True)
class DisplayedSample:
    """The displayed image of a sample: its `size`, its objects' `boxes` (N, 4) there and class `names`.

    `objects` is what a page draws, as plain data: for each object ``c`` its class, ``b`` its box, and where it has
    them ``r`` rings (x y x y …), ``m`` its mask as a path, ``p`` keypoints (x y visibility), ``k`` crowd, ``s`` score.
    """

    size: Size
    boxes: Boxes
    labels: tuple[int, ...]
    objects: list[dict[str, Any]]


def show(sample: Sample, header: Header, classes: Sequence[int]) -> DisplayedSample:
    """`sample`, which no recipe has touched, in its displayed plane; `classes` are the page's numbers of its labels."""
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


def picture(sample: Sample, header: Header, most: int) -> NDArray[np.uint8]:
    """The displayed image of `sample`, uint8 (H, W) or (H, W, 3), no side over `most` px. Raises `ImageError`."""
    steps: tuple[Step, ...] = (Orient(header.turn),)
    if max(header.displayed) > most:
        steps = (*steps, Resample(fitted(header.displayed, most)))
    return replace(sample, plan=Plan(header.size).then(*steps)).pixels()


def reduced(pixels: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """`pixels`, uint8 (H, W) or (H, W, 3), with no side over `most` px."""
    size = Size(pixels.shape[1], pixels.shape[0])
    if max(size) <= most:
        return pixels
    return execute.execute(Plan(size).then(Resample(fitted(size, most))), pixels, kernel="linear", pad=0)


def fitted(size: Size, most: int) -> Size:
    """`size` with its longer side made `most` px."""
    ratio = most / max(size)
    return Size(max(1, round(size.width * ratio)), max(1, round(size.height * ratio)))


def _object(instances: Instances, row: int, affine: Affine, turn: Dihedral) -> dict[str, Any]:
    """All that has to be drawn of one object besides its box."""
    mask, score = instances.masks[row], float(instances.scores[row])
    seen = (instances.visibility[row] > 0).any()
    drawn: Mapping[str, Any] = {
        "r": [_numbers(affine(ring).ravel(), 2) for ring in instances.polygons[row] if len(ring)],
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
    """`values` for JSON, which has no NaN: None in its place; whole numbers lose their point."""
    return [_number(round(value, digits)) if np.isfinite(value) else None for value in values.tolist()]


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


def mask_path(mask: NDArray[np.bool_]) -> str:
    """The region of `mask`, boolean (H, W), as the ``d`` of an SVG path in pixels: a bar for each run of each row.

    Over `MOST` pixels long or wide, it is shown by the cells of a coarser grid that it touches. "" for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return ""
    top, left = int(rows[0]), int(columns[0])
    seen = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    step = -(-max(seen.shape) // MOST)
    seen = _coarse(seen, step)
    edges = np.diff(np.pad(seen, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return "".join(
        f"M{left + step * first} {top + step * row}h{step * (last - first)}v{step}h{-step * (last - first)}z"
        for (row, first), (_, last) in zip(starts.tolist(), ends.tolist(), strict=True)
    )


def _coarse(mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """For each cell of `step` x `step` pixels whether `mask` touches it, so that nothing thin is lost."""
    height, width = mask.shape
    whole = np.pad(mask, ((0, -height % step), (0, -width % step)))
    cells = whole.reshape(len(whole) // step, step, -1, step)
    return np.asarray(cells.any(axis=(1, 3)))
