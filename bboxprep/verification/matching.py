"""Which output object is which source object: both lists keep one order, and objects only leave.

In a true output every object has an earlier-or-equal partner in the order, so taking for each the first source object
that fits, after the one before, finds all pairs. What is left over is told apart afterwards: another class in the
same place, the same class in another place, and what has no partner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bboxprep.verification.expectation import Boxes, Expectation


@dataclass(frozen=True)
class Matching:
    """Pairs of (source row, output row): `true`, `relabelled`, `moved`; and the rows without a partner."""

    true: tuple[tuple[int, int], ...]
    relabelled: tuple[tuple[int, int], ...]
    moved: tuple[tuple[int, int], ...]
    missing: tuple[int, ...]
    extra: tuple[int, ...]


def fits(expected: Expectation, boxes: Boxes, tolerance: NDArray[np.float64], *, outlined: bool) -> NDArray[np.bool_]:
    """Whether each of the output `boxes` (M, 4) may be that of each source object: (N, M).

    `tolerance` (4,) is the target format's step; `outlined` where it states the box around the outline instead.
    """
    allowed = tolerance + expected.give[:, None, None]
    near = np.abs(expected.boxes[:, None] - boxes[None]) <= allowed
    outer = expected.outlines if outlined else expected.outer
    inner = np.clip(expected.inner, np.tile(outer[:, :2], 2), np.tile(outer[:, 2:], 2))
    tight = _holds(outer[:, None], boxes[None], allowed) & _holds(boxes[None], inner[:, None], allowed)
    tight &= (expected.drawn & (expected.cut | outlined))[:, None]
    return np.asarray((near.all(axis=2) | tight) & ~expected.gone[:, None])


def same_class(names: Sequence[str], labels: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each of the `labels` (M) is each of the source's `names` (N): (N, M)."""
    rows = [[label == name for label in labels] for name in names]
    return np.array(rows, dtype=np.bool_).reshape(len(names), len(labels))


def match(
    fitting: NDArray[np.bool_], alike: NDArray[np.bool_], expected: Expectation, boxes: Boxes, *, lost: int
) -> Matching:
    """The partners of the output `boxes` (M, 4) among the N source objects.

    `fitting` (N, M) is what `fits` says of the boxes, `alike` (N, M) what `same_class` says of the classes; `lost` how
    many source objects the record says were dropped: so many may be gone, first those of which nothing can be left.
    """
    true = _in_order(fitting & alike)
    sources = sorted(set(range(fitting.shape[0])) - {row for row, _ in true})
    outputs = sorted(set(range(fitting.shape[1])) - {row for _, row in true})
    relabelled = _pairs(fitting, sources, outputs, expected.boxes, boxes)
    there = [row for row in sources if not expected.gone[row]]
    moved = _pairs(alike, there, outputs, expected.boxes, boxes)
    for source, _ in moved:
        sources.remove(source)
    sources.sort(key=lambda row: bool(expected.gone[row]))
    missing = sources[: max(0, len(sources) - lost)]
    return Matching(tuple(true), tuple(relabelled), tuple(moved), tuple(missing), tuple(outputs))


def _holds(outer: Boxes, inner: Boxes, tolerance: NDArray[np.float64]) -> NDArray[np.bool_]:
    low = inner[..., :2] >= outer[..., :2] - tolerance[..., :2]
    high = inner[..., 2:] <= outer[..., 2:] + tolerance[..., 2:]
    return np.asarray((low & high).all(axis=2))


def _in_order(allowed: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """For each output row in turn, the first source row after the last one taken that is allowed."""
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
    """Partners among the rows left over, nearest first; they are taken out of both lists."""
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
