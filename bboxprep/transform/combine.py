"""Makes one sample of several: transformed images on one canvas, laid over each other, with the objects of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Place, Plan
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.pixel_owners import pixels_of_all
from bboxprep.model.rendering import Cover, Rendering
from bboxprep.model.sample import BaseImage, Frame, Part, Sample
from bboxprep.model.shape_choice import corners_around
from bboxprep.model.validation import Location
from bboxprep.transform.occlusion import drop_covered

_LEVELS = np.arange(256, dtype=np.float64)


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


def pastable_rows(sample: Sample, *, boxes: bool) -> list[int]:
    """The rows of the objects of an untransformed `sample` that can be cut out: with a polygon or a mask that has an
    area, or with any box where `boxes` may stand for them; no crowd regions.
    """
    own, size = sample.instances, sample.size
    return [row for row in np.flatnonzero(~own.crowd).tolist() if boxes or _has_outline(own, row, size)]


def _has_outline(instances: Instances, row: int, size: Size) -> bool:
    mask = instances.masks[row]
    fits = instances.polygons[row] or mask is None or mask.size == size  # a mask of another size is dropped later
    return bool(fits) and corners_around(instances, row) is not None


def with_objects_alone(sample: Sample, rows: Sequence[int]) -> Sample:
    """`sample` as if it listed the objects at `rows` and no others, and nothing had been found in it."""
    return sample.replace_fast(instances=sample.instances.select(list(rows)), source_count=len(rows), findings=())


def combine(
    parts: Sequence[Part], canvas: Size, policy: ObjectPolicy, names: Callable[[bool], Sequence[str]]
) -> Sample:
    """The sample of `parts` on one `canvas`; it has the name and the split of the first.

    Objects that the objects of later parts cover are dropped as `policy` says. ``names(mirrored)`` are the classes of
    labels before a flip, for the findings.
    """
    first = parts[0].sample
    left = [_uncovered(part, parts[number + 1 :], first, policy, names) for number, part in enumerate(parts)]
    objects = Instances.concat([part.sample.instances for part in left])
    whole = first.replace_fast(
        parts=tuple(left),
        instances=replace(objects, ids=np.zeros(len(objects), dtype=np.int64)),
        findings=tuple(chain.from_iterable(_findings_of(part.sample, first) for part in left)),
        rendering=replace(first.rendering, effects=()),
        mirrored=False,
        base_image=None,
    )
    return whole.replace_fast(base_image=BaseImage(whole, None, canvas, Affine()), plan=None)


def _uncovered(
    part: Part,
    above: Sequence[Part],
    first: Sample,
    policy: ObjectPolicy,
    names: Callable[[bool], Sequence[str]],
) -> Part:
    """`part` without the objects that the objects of the parts `above` it cover."""
    sample = part.sample
    covers = [pixels_of_all(each.sample.instances, each.sample.size) for each in above if each.covers is Cover.OBJECTS]
    if not covers:
        return part
    location = Location(first.relative_path, first.split, names(sample.mirrored))
    kept, findings = drop_covered(sample.instances, np.logical_or.reduce(covers), location, policy)
    return part._replace(sample=sample.replace_fast(instances=kept, findings=(*sample.findings, *findings)))


def _findings_of(part: Sample, first: Sample) -> list[Finding]:
    """The findings of `part`, under the name of the whole."""
    return [replace(finding, path=first.relative_path, split=first.split) for finding in part.findings]


def combined_pixels(images: Sequence[tuple[Part, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """The pixels of a combination, uint8 (H, W) or (H, W, 3): the first image, and each other over those before it,
    where it covers them and by its weight.
    """
    deep = max(image.ndim for _, image in images)
    canvas = _with_axes(images[0][1], deep).copy()
    for part, image in images[1:]:
        window, where = _covered(part)
        below, above = canvas[window], _with_axes(image, deep)[window]
        mixed = above if part.weight == 1.0 else _blended(below, above, part.weight)
        np.copyto(below, mixed, where=where if where is True or deep == where.ndim else where[..., None])
    return canvas


def _covered(part: Part) -> tuple[tuple[slice, slice], NDArray[np.bool_] | Literal[True]]:
    """The rows and columns of the canvas that hold what `part` covers, and which of their pixels it covers."""
    sample = part.sample
    if part.covers is Cover.OBJECTS:
        return (slice(None), slice(None)), pixels_of_all(sample.instances, sample.size)
    if part.covers is Cover.CANVAS or sample.plan is None:
        return (slice(None), slice(None)), True
    x0, y0, x1, y1 = (round(edge) for edge in sample.plan.seen)
    return (slice(y0, y1), slice(x0, x1)), True


def _blended(below: NDArray[np.uint8], above: NDArray[np.uint8], weight: float) -> NDArray[np.uint8]:
    """``(1 - weight) below + weight above`` in float64, rounded to the nearest level: the same on every machine."""
    mixed = ((1.0 - weight) * _LEVELS)[below] + (weight * _LEVELS)[above]
    return np.asarray(np.rint(mixed).astype(np.uint8))


def _with_axes(image: NDArray[np.uint8], axes: int) -> NDArray[np.uint8]:
    return image if image.ndim == axes else np.repeat(image[..., None], 3, axis=2)
