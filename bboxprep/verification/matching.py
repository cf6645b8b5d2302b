"""Pairs the objects of an output with those that are expected in it.

**Which output object is which source object.** Both lists keep one order, and objects only leave. In a true output
every object has an earlier-or-equal partner in the order, so taking for each the first source object that fits, after
the one before, finds all pairs. The rest is then sorted by kind: another class in the same place, the same class in
another place, and objects without a partner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bboxprep.verification.expectation import Boxes, Expectation
from bboxprep.verification.losses import ExpectedLosses


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
