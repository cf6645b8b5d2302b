"""Several pictures in one: each made by itself, then laid on the same canvas, all their objects together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Place, Plan
from bboxprep.model.instances import Instances
from bboxprep.model.rendering import Rendering
from bboxprep.model.sample import BaseImage, Sample


@dataclass(frozen=True)
class _Laid:
    """A picture as it is, on a `canvas`, with its corner at `left` and `top`: a `Planner`."""

    canvas: Size
    left: int
    top: int
    rendering: Rendering
    mirrors: bool = False

    def plan(self, size: Size, turn: Dihedral) -> Plan:  # noqa: ARG002  # asked as every recipe is
        return Plan(size).then(Place(self.canvas, self.left, self.top))


def laid(part: Sample, canvas: Size, left: int, top: int) -> Sample:
    """The finished picture of `part`, effects included, as it lies on the `canvas`."""
    return part.transform(_Laid(canvas, left, top, replace(part.rendering, effects=())))


def assembled(parts: Sequence[Sample], canvas: Size) -> Sample:
    """The sample of a mosaic, whose `parts` lie on one `canvas`: a picture to start from, by the name of the first."""
    first, objects = parts[0], Instances.stacked([part.instances for part in parts])
    whole = first.replace_fast(
        parts=tuple(parts),
        instances=replace(objects, ids=np.zeros(len(objects), dtype=np.int64)),
        findings=tuple(chain(first.findings, *(_told(part, first) for part in parts[1:]))),
        rendering=replace(first.rendering, effects=()),
        mirrored=False,
        base_image=None,
    )
    return whole.replace_fast(base_image=BaseImage(whole, None, canvas, Affine()), plan=None)


def _told(part: Sample, first: Sample) -> list[Finding]:
    """The findings of a part, as those of the picture that it is in."""
    return [replace(finding, path=first.relative_path, split=first.split) for finding in part.findings]


def pasted(pictures: Sequence[tuple[Sample, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """The picture of a mosaic, uint8 (H, W) or (H, W, 3): of each part what is seen of it, on the canvas of the first."""
    deep = max(picture.ndim for _, picture in pictures)
    canvas = _as_deep(pictures[0][1], deep).copy()
    for part, picture in pictures[1:]:
        if part.plan is None:
            continue
        x0, y0, x1, y1 = (round(edge) for edge in part.plan.seen)
        canvas[y0:y1, x0:x1] = _as_deep(picture, deep)[y0:y1, x0:x1]
    return canvas


def _as_deep(picture: NDArray[np.uint8], axes: int) -> NDArray[np.uint8]:
    return picture if picture.ndim == axes else np.repeat(picture[..., None], 3, axis=2)
