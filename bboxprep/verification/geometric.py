"""The second layer: every object of the output against its object of the source, through a map derived anew.

**Which output object is which source object.** Both lists keep one order, and objects only leave. In a true output
every object has an earlier-or-equal partner in the order, so taking for each the first source object that fits, after
the one before, finds all pairs. The rest is then sorted by kind: another class in the same place, the same class in
another place, and objects without a partner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Affine
from bboxprep.images.codecs.independent_decoder import PillowHeader, read_pillow_header
from bboxprep.model.columns import Column
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Frame, Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.verification import removals
from bboxprep.verification.arithmetic import Derived, apply, derive, keeps_axes, turn_matrix, turned_before_pipeline
from bboxprep.verification.column_comparison import ObjectPair, column_faults, id_faults
from bboxprep.verification.drawn_labels import as_drawn, has_whole_edges
from bboxprep.verification.expectation import Boxes, Expectation, expect
from bboxprep.verification.faults import Fault, Layer, Tally
from bboxprep.verification.losses import ExpectedLosses, drops_crowd, expected_losses
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.oriented import with_own_cuts, with_rectangles
from bboxprep.verification.region import Matrix, moved, rectangle
from bboxprep.verification.size_filters import with_size_limits
from bboxprep.verification.verification_inputs import VerificationInputs, described, names_of

LEAST_GROWTH = 1e-12  # of areas, by an invertible map
STALE = 1e-3  # px; the largest difference of the recorded and the derived map in a corner of the image
SLACK = 0.01  # px; the tolerance of an edge besides the format's step, for rounding in floats


@dataclass(frozen=True, eq=False)
class ObjectComparison:
    """The comparison of the objects of one image: the map, the expectation, the matched objects, and the faults."""

    faults: tuple[Fault, ...]
    tally: Tally
    mapped: Mapped | None = None
    expected: Expectation | None = None
    matching: Matching | None = None


def compare(case: VerificationInputs, image: ImageRow) -> ObjectComparison:
    """Compare the objects of `image` with those of its source."""
    origin, sample = case.origin(image), case.written(image)
    nothing = Tally(Layer.GEOMETRIC, "objects")
    if not image.output or sample is None or sample.header is None:
        return ObjectComparison((), nothing)
    count = len(sample.instances)
    if image.parts:
        words = ("a mosaic shows objects of several images",)
        return ObjectComparison((), nothing + Tally(Layer.GEOMETRIC, "objects", unsure=count, words=words))
    if origin is None or origin.header is None:
        return _without_origin(case, image, count)
    seen = _seen(case, image, origin.path, origin.header)
    mapped, word, faults = _mapped(case, image, seen, is_stated=origin.header.stated)
    if mapped is None:
        return ObjectComparison(tuple(faults), nothing + Tally(Layer.GEOMETRIC, "objects", unsure=count, words=(word,)))
    outlined = case.format.holds_outlines_only(case.options)
    expected = expect(origin.instances, mapped, outlined=outlined or case.states_rectangles)
    around = with_rectangles if case.states_rectangles else with_own_cuts
    expected = around(expected, origin.instances, mapped)
    tolerance = case.format.step(case.options).of(expected.boxes, sample.size) + SLACK
    fitting = fits(expected, sample.instances.boxes, tolerance, outlined=outlined)
    if case.format.masks_in:
        drawn = fits(as_drawn(expected, origin.instances, mapped), sample.instances.boxes, tolerance, outlined=outlined)
        fitting |= drawn & has_whole_edges(sample.instances.boxes)
    names, labels = case.origin_names(origin, mirrored=image.mirrored), names_of(sample, case.output.dataset)
    alike = same_class(names, labels)
    losses = losses_of(case, image, origin.instances, names, expected, mapped)
    matching = match(fitting, alike, expected, sample.instances.boxes, losses)
    faults += removals.removal_faults(case, image, origin, matching.found)
    faults += _object_faults(image.output, matching, expected, sample, names, labels)
    faults += _column_faults(
        case, image, matching, (origin.instances, sample.instances, expected, mapped), tolerance, labels
    )
    wrong = len({fault.where for fault in faults if fault.where})
    by_function = removals.WORDS if removals.CODE in image.objects.dropped else ""
    reasons = tuple(filter(None, (word, losses.word, by_function, *_uncompared(case, origin.instances))))
    tally = Tally(Layer.GEOMETRIC, "objects", max(0, count - wrong), 0, wrong, reasons)
    return ObjectComparison(tuple(faults), tally, mapped, expected, matching)


def _uncompared(case: VerificationInputs, source: Instances) -> Iterator[str]:
    """A message for each kind of shape that the source has and the labels of the output do not hold."""
    for column in (Column.POLYGONS, Column.MASKS, Column.ORIENTED, Column.KEYPOINTS):
        if column in source.column_counts and column not in case.carries:
            yield f"the labels hold no {column}, which objects of the source have; they are not compared"


def losses_of(
    case: VerificationInputs,
    image: ImageRow,
    source: Instances,
    names: list[str],
    expected: Expectation,
    mapped: Mapped,
) -> ExpectedLosses:
    """The losses that the rules of the run and the recipe of `image` demand of the objects of its `source`."""
    policy, steps = case.run.record.object_policy, case.recipe(image).get("steps")
    without_crowd = drops_crowd(policy.crowd, case.carries, case.format)
    losses = expected_losses(source, names, expected, mapped, policy, steps, without_crowd=without_crowd)
    return with_size_limits(losses, case.filters, names, source.crowd, expected, mapped) if case.filters else losses


def map_of(case: VerificationInputs, image: ImageRow, origin: Sample) -> Mapped | None:
    """The map from the frame of `origin` to its output `image`; None where it is not derived from the recipe."""
    if origin.header is None:
        return None
    seen = _seen(case, image, origin.path, origin.header)
    mapped, _, _ = _mapped(case, image, seen, is_stated=origin.header.stated)
    return mapped if mapped and mapped.derived else None


def _fault(code: str, image: str, message: str, where: str = "", amount: float = 0.0) -> Fault:
    return Fault(Layer.GEOMETRIC, code, image, where, message, amount)


def _without_origin(case: VerificationInputs, image: ImageRow, count: int) -> ObjectComparison:
    """The comparison of an image without its source: unsure, or a fault where the source should contain it."""
    word = case.why_not or "its source cannot be read, or the record names its sources in a way not known here"
    tally = Tally(Layer.GEOMETRIC, "objects", unsure=count, words=(word,))
    if case.source is None or case.several or image.source in case.source.places:
        return ObjectComparison((), tally)
    return ObjectComparison(
        (_fault("source-missing", str(image.output), f"{image.source} is not in the source"),), tally
    )


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
        faults.append(_fault("affine-stale", output, f"{words}; it is {seen.stored}, {seen.orientation}"))
    if image.affine is None:
        return [*faults, _fault("affine-stale", output, "the record holds no affine for it")]
    width, height = mapped.frame
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    off = float(np.abs(apply(_matrix(image.affine), corners) - apply(mapped.from_frame, corners)).max())
    if not off <= STALE:
        words = f"the recorded affine is {off:.4g} px off what the recipe does to {image.source}"
        faults.append(_fault("affine-stale", output, words, amount=off))
    if image.output_size != mapped.size:
        words = f"the record says {image.output_size}, the recipe makes {mapped.size} of {image.source}"
        faults.append(_fault("size-differs", output, words))
    return faults


def _object_faults(
    image: str, matching: Matching, expected: Expectation, sample: Sample, names: list[str], labels: list[str]
) -> Iterator[Fault]:
    boxes = sample.instances.boxes
    for source, output in matching.relabelled:
        words = f"is of class {names[source]!r} in the source (object {source + 1})"
        yield _fault("label-changed", image, words, described(output, labels[output]))
    for source, output in matching.moved:
        off = np.abs(boxes[output] - expected.boxes[source])
        words = f"lies {off.max():.3g} px off; have {_edges(boxes[output])}, want {_edges(expected.boxes[source])}"
        yield _fault("box-moved", image, words, described(output, labels[output]), float(off.max()))
    for source in matching.missing:
        words = f"is gone, and no rule of the run drops it; want it at {_edges(expected.boxes[source])}"
        yield _fault("object-missing", image, words, f"source {described(source, names[source])}")
    for output in matching.extra:
        words = f"comes from no object of the source that the run keeps; it lies at {_edges(boxes[output])}"
        yield _fault("object-extra", image, words, described(output, labels[output]))


def _column_faults(
    case: VerificationInputs, image: ImageRow, matching: Matching,
    planes: tuple[Instances, Instances, Expectation, Mapped], tolerance: NDArray[np.float64], labels: list[str],
) -> Iterator[Fault]:  # fmt: skip
    """The faults in the columns of objects in their places; `planes` are source, output, expectation and map."""
    source, output, expected, mapped = planes
    orders = case.keypoint_orders if image.mirrored else ()
    outlined, carries = case.format.holds_outlines_only(case.options), case.carries
    pairs = [
        (
            ObjectPair(
                source, output, one, other, expected, mapped,
                float(tolerance[one].max()), orders, outlined, case.crowd_mark, case.states_rectangles,
                not case.format.masks_in, case.keypoint_room,
            ),
            described(other, labels[other]),
        )
        for one, other in matching.true
    ]  # fmt: skip
    for pair, where in pairs:
        yield from column_faults(str(image.output), where, pair, carries)
    if Column.IDS in carries and not case.several and not image.copy and not image.tile:
        yield from id_faults(str(image.output), pairs, lambda: case.ids(image.split))


def _matrix(affine: Affine) -> Matrix:
    a, b, c, d, e, f = affine.coefficients
    return np.array([(a, b, c), (d, e, f), (0, 0, 1)], dtype=np.float64)


def _edges(box: NDArray[np.float64]) -> str:
    return " ".join(f"{edge:.6g}" for edge in box)


@dataclass(frozen=True)
class Matching:
    """Pairs of (source row, output row): `true`, `relabelled` and `moved` ones; and the rows without a partner."""

    true: tuple[tuple[int, int], ...]
    relabelled: tuple[tuple[int, int], ...]
    moved: tuple[tuple[int, int], ...]
    missing: tuple[int, ...]
    extra: tuple[int, ...]

    @property
    def found(self) -> tuple[int, ...]:
        """The source rows that have a partner."""
        return tuple(source for source, _ in (*self.true, *self.relabelled, *self.moved))


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


def same_class(names: Sequence[str], labels: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each of M output `labels` equals each of N source `names`: bool (N, M)."""
    rows = [[label == name for label in labels] for name in names]
    return np.array(rows, dtype=np.bool_).reshape(len(names), len(labels))


def match(
    fitting: NDArray[np.bool_], alike: NDArray[np.bool_], expected: Expectation, boxes: Boxes, losses: ExpectedLosses
) -> Matching:
    """The partners of the output `boxes` (M, 4) among the N source objects, of which those of `losses` may be missing.

    `fitting` (N, M) is the result of `fits`, `alike` (N, M) that of `same_class`.
    """
    fitting = fitting & ~losses.surely[:, None]
    true = _in_order(fitting & alike)
    sources = sorted(set(range(fitting.shape[0])) - {row for row, _ in true})
    outputs = sorted(set(range(fitting.shape[1])) - {row for _, row in true})
    relabelled = _pairs(fitting, sources, outputs, expected.boxes, boxes)
    there = [row for row in sources if not losses.surely[row]]
    moved = _pairs(alike, there, outputs, expected.boxes, boxes)
    missing = [row for row in there if not losses.maybe[row]]
    return Matching(tuple(true), tuple(relabelled), tuple(moved), tuple(missing), tuple(outputs))


def _holds(outer: Boxes, inner: Boxes, tolerance: NDArray[np.float64]) -> NDArray[np.bool_]:
    low = inner[..., :2] >= outer[..., :2] - tolerance[..., :2]
    high = inner[..., 2:] <= outer[..., 2:] + tolerance[..., 2:]
    return np.asarray((low & high).all(axis=2))


def _in_order(allowed: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pairs in order: for each output row the first allowed source row after the last matched one."""
    pairs, start = [], 0
    for output in range(allowed.shape[1]):
        found = np.flatnonzero(allowed[start:, output])
        if len(found):
            pairs.append((start + int(found[0]), output))
            start += int(found[0]) + 1
    return pairs


def _pairs(
    allowed: NDArray[np.bool_], sources: list[int], outputs: list[int], expected: Boxes, boxes: Boxes
) -> list[tuple[int, int]]:
    """Pairs among the remaining rows, nearest first; removes them from `sources` and `outputs`."""
    distances = [
        (float(np.abs(expected[source] - boxes[output]).max()), source, output)
        for source in sources
        for output in outputs
        if allowed[source, output]
    ]
    pairs = []
    for _, source, output in sorted(distances):
        if source in sources and output in outputs:
            sources.remove(source)
            outputs.remove(output)
            pairs.append((source, output))
    return pairs
