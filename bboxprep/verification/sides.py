"""What one image of the source makes of an output: its map, derived anew, and the objects that are expected of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Affine
from bboxprep.images.codecs.independent_decoder import PillowHeader, read_pillow_header
from bboxprep.model.header import Header
from bboxprep.model.sample import Frame, Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.verification.arithmetic import Derived, apply, derive, keeps_axes, turn_matrix, turned_before_pipeline
from bboxprep.verification.drawn_labels import as_drawn, has_whole_edges
from bboxprep.verification.expectation import Boxes, Expectation, expect
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.isolated import rows_of_image
from bboxprep.verification.losses import ExpectedLosses, drops_crowd, expected_losses
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.oriented import with_own_cuts, with_rectangles
from bboxprep.verification.region import Matrix, moved, rectangle
from bboxprep.verification.size_filters import with_size_limits
from bboxprep.verification.verification_inputs import VerificationInputs

LEAST_GROWTH = 1e-12  # of areas, by an invertible map
STALE = 1e-3  # px; the largest difference of the recorded and the derived map in a corner of the image
SLACK = 0.01  # px; the tolerance of an edge besides the format's step, for rounding in floats


@dataclass(frozen=True, eq=False)
class SourceSide:
    """The objects of one source image `origin`, as its row `image` maps them: what is `expected` of each, and with
    which `tolerance` (N, 4) px; their `names` in the output; whether each output box may belong to each of them,
    `fitting` (N, M); and which of them the output may lack. `resampled` is how far, in
    px, masks may reach elsewhere than when their area was counted: they were drawn twice.
    """

    image: ImageRow
    origin: Sample
    mapped: Mapped
    expected: Expectation
    tolerance: NDArray[np.float64]
    names: list[str]
    fitting: NDArray[np.bool_]
    losses: ExpectedLosses
    resampled: float = 0.0


def side_of(
    case: VerificationInputs, image: ImageRow, origin: Sample, header: Header, written: Sample
) -> tuple[SourceSide | None, str, list[Fault]]:
    """The side of `origin`, which has the `header`, in the `written` sample of `image`; the reason where there is none,
    or not all of it is known; and faults of the record.
    """
    seen = _seen(case, image, origin.path, header)
    mapped, word, faults = _mapped(case, image, seen, is_stated=header.stated)
    if mapped is None:
        return None, word, faults
    outlined = case.format.holds_outlines_only(case.options)
    expected = expect(origin.instances, mapped, outlined=outlined or case.states_rectangles)
    around = with_rectangles if case.states_rectangles else with_own_cuts
    expected = around(expected, origin.instances, mapped)
    boxes = written.instances.boxes
    tolerance = case.format.step(case.options).of(expected.boxes, written.size) + SLACK
    fitting = fits(expected, boxes, tolerance, outlined=outlined)
    if case.format.masks_in:
        drawn = fits(as_drawn(expected, origin.instances, mapped), boxes, tolerance, outlined=outlined)
        fitting |= drawn & has_whole_edges(boxes)
    names = case.origin_names(origin, mirrored=image.mirrored)
    losses = losses_of(case, image, origin, names, expected, mapped)
    tolerance = np.broadcast_to(tolerance, expected.boxes.shape)
    return SourceSide(image, origin, mapped, expected, tolerance, names, fitting, losses), word, faults


def losses_of(
    case: VerificationInputs,
    image: ImageRow,
    origin: Sample,
    names: list[str],
    expected: Expectation,
    mapped: Mapped,
) -> ExpectedLosses:
    """The losses that the rules of the run and the recipe of `image` demand of the objects of its source `origin`."""
    source, held = origin.instances, rows_of_image(case, image, origin)
    policy, steps = case.run.record.object_policy, case.recipe(image).get("steps")
    without_crowd = drops_crowd(policy.crowd, case.carries, case.format)
    losses = expected_losses(source, names, expected, mapped, policy, steps, without_crowd=without_crowd)
    if held is not None:
        losses = replace(losses, surely=losses.surely | ~held, maybe=losses.maybe | ~held)
    return with_size_limits(losses, case.filters, names, source.crowd, expected, mapped) if case.filters else losses


def map_of(case: VerificationInputs, image: ImageRow, origin: Sample) -> Mapped | None:
    """The map from the frame of `origin` to its output `image`; None where it is not derived from the recipe."""
    if origin.header is None:
        return None
    seen = _seen(case, image, origin.path, origin.header)
    mapped, _, _ = _mapped(case, image, seen, is_stated=origin.header.stated)
    return mapped if mapped and mapped.derived else None


def _mapped(
    case: VerificationInputs, image: ImageRow, seen: PillowHeader, *, is_stated: bool
) -> tuple[Mapped | None, str, list[Fault]]:
    """The map from the source to the output, the reason where it is not fully known, and faults of the record. Where
    the orientation `is_stated` by the labels, viewers show the image as it is stored.
    """
    turn = turn_matrix(seen.orientation, seen.stored)
    to_shown = turn if image.frame is Frame.STORED else np.eye(3)
    turned, shown = (turn, seen.stored) if is_stated else (np.eye(3), seen.displayed)
    frame = seen.stored if image.frame is Frame.STORED else seen.displayed
    derived = derive(case.recipe(image), seen.stored, seen.orientation)
    if isinstance(derived, Derived):
        planes = (derived.matrix @ turned, derived.matrix @ to_shown, derived.size, derived.seen, frame, shown)
        mapped = Mapped(*planes, derived=True, warped=derived.warped, rule=case.turned_rule)
        return mapped, "", _stale(image, mapped, seen)
    if image.affine is None or image.output_size is None:
        return None, f"{derived}, and it holds no affine for the image", []
    recorded, size = _matrix(image.affine), image.output_size
    if not abs(np.linalg.det(recorded)) > LEAST_GROWTH:
        return None, f"{derived}, and its affine is none", []
    region = np.concatenate((moved(rectangle(frame), recorded), rectangle(size)))
    from_shown = np.asarray(recorded @ np.linalg.inv(to_shown) @ turned, dtype=np.float64)
    warped = not keeps_axes(recorded)
    planes = (from_shown, recorded, size, region, frame, shown)
    before = turned_before_pipeline(case.recipe(image), seen.stored, seen.orientation)
    redrawn = None if before is None else np.asarray(before @ to_shown, dtype=np.float64)
    mapped = Mapped(*planes, derived=False, warped=warped, rule=case.turned_rule, redrawn=redrawn)
    return mapped, f"{derived}; boxes were compared through the recorded affine", []


def _seen(case: VerificationInputs, image: ImageRow, path: Path, header: Header) -> PillowHeader:
    """The size and orientation of a source file as Pillow reads it; as we read it where Pillow cannot open it. The
    orientation is that of the labels where they state one and the file does not.
    """
    ours = PillowHeader(header.size, header.orientation, header.displayed)
    try:
        seen = read_pillow_header(path, header.container, case.file(image, path))
    except ImageError:
        return ours
    return ours if header.stated and (seen.stored, seen.orientation) == (ours.stored, 1) else seen


def _stale(image: ImageRow, mapped: Mapped, seen: PillowHeader) -> list[Fault]:
    faults, output = [], str(image.output)
    if (image.size, image.orientation) != (seen.stored, seen.orientation):
        words = f"recorded as stored at {image.size} with orientation {image.orientation}"
        faults.append(_record_fault("affine-stale", output, f"{words}; it is {seen.stored}, {seen.orientation}"))
    if image.affine is None:
        return [*faults, _record_fault("affine-stale", output, "the record holds no affine for it")]
    width, height = mapped.frame
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    off = float(np.abs(apply(_matrix(image.affine), corners) - apply(mapped.from_frame, corners)).max())
    if not off <= STALE:
        words = f"the recorded affine is {off:.4g} px off what the recipe does to {image.source}"
        faults.append(_record_fault("affine-stale", output, words, amount=off))
    if image.output_size != mapped.size:
        words = f"the record says {image.output_size}, the recipe makes {mapped.size} of {image.source}"
        faults.append(_record_fault("size-differs", output, words))
    return faults


def _matrix(affine: Affine) -> Matrix:
    a, b, c, d, e, f = affine.coefficients
    return np.array([(a, b, c), (d, e, f), (0, 0, 1)], dtype=np.float64)


def _record_fault(code: str, image: str, message: str, amount: float = 0.0) -> Fault:
    return Fault(Layer.GEOMETRIC, code, image, "", message, amount)


def fits(expected: Expectation, boxes: Boxes, tolerance: NDArray[np.float64], *, outlined: bool) -> NDArray[np.bool_]:
    """Whether each of the output `boxes` (M, 4) may belong to each of the N source objects: bool (N, M).

    `tolerance` (4,) or (N, 4) is the tolerance of the target format's step, px. `outlined`: the format states the box
    around the outline instead.
    """
    allowed = np.atleast_2d(tolerance)[:, None] + expected.tolerance[:, None, None]
    near = np.abs(expected.boxes[:, None] - boxes[None]) <= allowed
    outer = expected.outlines if outlined else expected.outer
    inner = np.clip(expected.inner, np.tile(outer[:, :2], 2), np.tile(outer[:, 2:], 2))
    tight = _holds(outer[:, None], boxes[None], allowed) & _holds(boxes[None], inner[:, None], allowed)
    tight &= (expected.drawn & (expected.cut | outlined))[:, None]
    return np.asarray((near.all(axis=2) | tight) & ~expected.gone[:, None])


def _holds(outer: Boxes, inner: Boxes, tolerance: NDArray[np.float64]) -> NDArray[np.bool_]:
    low = inner[..., :2] >= outer[..., :2] - tolerance[..., :2]
    high = inner[..., 2:] <= outer[..., 2:] + tolerance[..., 2:]
    return np.asarray((low & high).all(axis=2))
