"""The second layer: every object of the output against its object of the source, through a map derived anew.

**Which output object is which source object.** Both lists keep one order, and objects only leave. In a true output
every object has an earlier-or-equal partner in the order, so taking for each the first source object that fits, after
the one before, finds all pairs. The rest is then sorted by kind: another class in the same place, the same class in
another place, and objects without a partner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.verification import removals
from bboxprep.verification.column_comparison import ObjectPair, column_faults, id_faults
from bboxprep.verification.expectation import Boxes, Expectation
from bboxprep.verification.faults import Fault, Layer, Tally
from bboxprep.verification.losses import ExpectedLosses
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.parts import part_sides
from bboxprep.verification.sides import SourceSide, side_of
from bboxprep.verification.verification_inputs import VerificationInputs, described, names_of

LEAST_GROWTH = 1e-12  # of areas, by an invertible map
STALE = 1e-3  # px; the largest difference of the recorded and the derived map in a corner of the image
SLACK = 0.01  # px; the tolerance of an edge besides the format's step, for rounding in floats


@dataclass(frozen=True, eq=False)
class ObjectComparison:
    """The comparison of the objects of one image: the map (None for one of several), what is expected, the matched
    objects, the `sides` that they come from, and the faults.
    """

    faults: tuple[Fault, ...]
    tally: Tally
    mapped: Mapped | None = None
    expected: Expectation | None = None
    matching: Matching | None = None
    sides: tuple[SourceSide, ...] = ()


def compare(case: VerificationInputs, image: ImageRow) -> ObjectComparison:
    """Compare the objects of `image` with those of its source."""
    origin, sample = case.origin(image), case.written(image)
    nothing = Tally(Layer.GEOMETRIC, "objects")
    if not image.output or sample is None or sample.header is None:
        return ObjectComparison((), nothing)
    count = len(sample.instances)
    if image.parts:
        sides, word, faults = part_sides(case, image, sample)
    elif origin is None or origin.header is None:
        return _without_origin(case, image, count)
    else:
        side, word, faults = side_of(case, image, origin, origin.header, sample)
        sides = [side] if side else []
    if not sides:
        return ObjectComparison(tuple(faults), nothing + Tally(Layer.GEOMETRIC, "objects", unsure=count, words=(word,)))
    labels = names_of(sample, case.output.dataset)
    joined = _Joined.of(sides, labels)
    matching = match(joined.fitting, joined.alike, joined.expected, sample.instances.boxes, joined.losses)
    if origin is not None:
        faults += removals.removal_faults(case, image, origin, matching.found)
    faults += _object_faults(image.output, matching, joined, sample, labels)
    faults += _column_faults(case, image, matching, joined, sample.instances, labels)
    wrong = len({fault.where for fault in faults if fault.where})
    by_function = removals.WORDS if removals.CODE in image.objects.dropped else ""
    uncompared = (words for side in sides for words in _uncompared(case, side.origin.instances))
    reasons = tuple(dict.fromkeys(filter(None, (word, joined.losses.word, by_function, *uncompared))))
    tally = Tally(Layer.GEOMETRIC, "objects", max(0, count - wrong), 0, wrong, reasons)
    mapped = None if image.parts else sides[0].mapped
    return ObjectComparison(tuple(faults), tally, mapped, joined.expected, matching, tuple(sides))


@dataclass(frozen=True, eq=False)
class _Joined:
    """What is expected of the objects of several `sides`, one after the other; `places` (N) are the side of each, and
    its row there.
    """

    sides: list[SourceSide]
    places: list[tuple[SourceSide, int]]
    expected: Expectation
    losses: ExpectedLosses
    fitting: NDArray[np.bool_]
    alike: NDArray[np.bool_]

    @classmethod
    def of(cls, sides: list[SourceSide], labels: list[str]) -> _Joined:
        places = [(side, row) for side in sides for row in range(len(side.names))]
        expected = Expectation(*(_column([side.expected for side in sides], each.name) for each in fields(Expectation)))
        losses = [side.losses for side in sides]
        word = next((one.word for one in losses if one.word), "")
        lost = ExpectedLosses(_column(losses, "surely"), _column(losses, "maybe"), word)
        alike = np.concatenate([same_class(side.names, labels) for side in sides])
        return cls(sides, places, expected, lost, _column(sides, "fitting"), alike)

    def named(self, row: int) -> str:
        """The object at `row` in messages: its number and class, and its image where there are several."""
        side, own = self.places[row]
        words = described(own, side.names[own])
        return words if len(self.sides) == 1 else f"{words} of {side.image.source}"


def _column(values: Sequence[object], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(value, name) for value in values])


def _uncompared(case: VerificationInputs, source: Instances) -> Iterator[str]:
    """A message for each kind of shape that the source has and the labels of the output do not hold."""
    for column in (Column.POLYGONS, Column.MASKS, Column.ORIENTED, Column.KEYPOINTS):
        if column in source.column_counts and column not in case.carries:
            yield f"the labels hold no {column}, which objects of the source have; they are not compared"


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


def _object_faults(
    image: str, matching: Matching, joined: _Joined, sample: Sample, labels: list[str]
) -> Iterator[Fault]:
    boxes, expected = sample.instances.boxes, joined.expected
    for source, output in matching.relabelled:
        side, row = joined.places[source]
        words = f"is of class {side.names[row]!r} in the source (object {row + 1})"
        yield _fault("label-changed", image, words, described(output, labels[output]))
    for source, output in matching.moved:
        off = np.abs(boxes[output] - expected.boxes[source])
        words = f"lies {off.max():.3g} px off; have {_edges(boxes[output])}, want {_edges(expected.boxes[source])}"
        yield _fault("box-moved", image, words, described(output, labels[output]), float(off.max()))
    for source in matching.missing:
        words = f"is gone, and no rule of the run drops it; want it at {_edges(expected.boxes[source])}"
        yield _fault("object-missing", image, words, f"source {joined.named(source)}")
    for output in matching.extra:
        words = f"comes from no object of the source that the run keeps; it lies at {_edges(boxes[output])}"
        yield _fault("object-extra", image, words, described(output, labels[output]))


def _column_faults(
    case: VerificationInputs,
    image: ImageRow,
    matching: Matching,
    joined: _Joined,
    output: Instances,
    labels: list[str],
) -> Iterator[Fault]:
    """The faults in the columns of objects in their places."""
    pairs = []
    for one, other in matching.true:
        side, row = joined.places[one]
        pairs.append((_object_pair(case, side, row, output, other), described(other, labels[other])))
    for pair, where in pairs:
        yield from column_faults(str(image.output), where, pair, case.carries)
    if Column.IDS in case.carries and not (case.several or image.copy or image.tile or image.parts):
        yield from id_faults(str(image.output), pairs, lambda: case.ids(image.split))


def _object_pair(case: VerificationInputs, side: SourceSide, row: int, output: Instances, other: int) -> ObjectPair:
    """The object at `row` of `side`, and the one at `other` of the `output` that it became."""
    return ObjectPair(
        side.origin.instances, output, row, other, side.expected, side.mapped,
        float(side.tolerance[row].max()), case.keypoint_orders if side.image.mirrored else (),
        case.format.holds_outlines_only(case.options), case.crowd_mark, case.states_rectangles,
        not case.format.masks_in, case.keypoint_room, side.resampled,
    )  # fmt: skip


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
