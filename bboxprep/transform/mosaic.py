"""Assembles mosaics: several transformed images on one canvas, with the objects of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Place, Plan
from bboxprep.model.instances import Instances
from bboxprep.model.rendering import Rendering
from bboxprep.model.sample import BaseImage, Frame, Sample


class _Placement(msgspec.Struct, frozen=True):
    """A `Planner` that puts an image on a `canvas` without resampling, its top left corner at (`left`, `top`) px."""

    canvas: Size
    left: int
    top: int
    rendering: Rendering
    mirrors: bool = False

    def turn_of(self, turn: Dihedral, frame: Frame) -> Dihedral:  # noqa: ARG002  # the signature of `Planner`
        return turn

    def plan(self, size: Size, turn: Dihedral) -> Plan:  # noqa: ARG002  # the signature of `Planner`
        return Plan(size).then(Place(self.canvas, self.left, self.top))


def place_part(part: Sample, canvas: Size, left: int, top: int) -> Sample:
    """The finished image of `part`, effects included, on the `canvas`, its corner at `left` and `top` px."""
    return part.transform(_Placement(canvas, left, top, replace(part.rendering, effects=())))


def assemble_mosaic(parts: Sequence[Sample], canvas: Size) -> Sample:
    """The sample of a mosaic, whose `parts` lie on one `canvas`; it has the name and the split of the first."""
    first, objects = parts[0], Instances.concat([part.instances for part in parts])
    whole = first.replace_fast(
        parts=tuple(parts),
        instances=replace(objects, ids=np.zeros(len(objects), dtype=np.int64)),
        findings=tuple(chain(first.findings, *(_findings_of(part, first) for part in parts[1:]))),
        rendering=replace(first.rendering, effects=()),
        mirrored=False,
        base_image=None,
    )
    return whole.replace_fast(base_image=BaseImage(whole, None, canvas, Affine()), plan=None)


def _findings_of(part: Sample, first: Sample) -> list[Finding]:
    """The findings of `part`, under the name of the mosaic."""
    return [replace(finding, path=first.relative_path, split=first.split) for finding in part.findings]


def paste_parts(images: Sequence[tuple[Sample, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """The pixels of a mosaic, uint8 (H, W) or (H, W, 3): the first, and each other where its plan shows it."""
    deep = max(image.ndim for _, image in images)
    canvas = _with_axes(images[0][1], deep).copy()
    for part, image in images[1:]:
        if part.plan is None:
            continue
        x0, y0, x1, y1 = (round(edge) for edge in part.plan.seen)
        canvas[y0:y1, x0:x1] = _with_axes(image, deep)[y0:y1, x0:x1]
    return canvas


def _with_axes(image: NDArray[np.uint8], axes: int) -> NDArray[np.uint8]:
    return image if image.ndim == axes else np.repeat(image[..., None], 3, axis=2)
