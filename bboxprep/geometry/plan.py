"""A plan: every geometric step of one image, decided from sizes alone before a pixel is touched.

Three kinds of step suffice: `Resample` to a size, `Place` on a canvas at whole pixels (a crop where the offsets are
negative, a pad where the canvas is larger), and `Orient` by one of the eight turns. Pixels execute the steps, shapes
follow `Plan.affine`, which is folded from the same steps, so the two cannot disagree.

**Why a normal form.** `Plan.then` keeps at most one `Orient`, and keeps it last: a turn commutes exactly with a
resample and with a placement (whose rectangle turns along), and two turns are one turn. So a phone photo is shrunk as
it is stored and turned when it is small, a decoder may always shrink while it loads, and there is one order of the
pixel operations for a given request. Two resamples in a row are one, which is sharper and has the same map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral


@dataclass(frozen=True, slots=True)
class Resample:
    """Stretch the whole picture to the size `to`, edge to edge."""

    to: Size


@dataclass(frozen=True, slots=True)
class Place:
    """Lay the picture on an empty `canvas` with its top left corner at column `x`, row `y` (whole, maybe negative)."""

    canvas: Size
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Orient:
    """Turn or mirror the picture."""

    turn: Dihedral


Step = Resample | Place | Orient


def step_size(step: Step, size: Size) -> Size:
    """The size of a picture of `size` after `step`."""
    match step:
        case Resample(to):
            return to
        case Place(canvas):
            return canvas
        case Orient(turn):
            return turn.size(size)
        case _:
            assert_never(step)


def step_affine(step: Step, size: Size) -> Affine:
    """The map of points in a picture of `size` to points after `step`.

    A resample maps by the *realised* whole sizes, per axis; the ratio that was wished for never enters.
    """
    match step:
        case Resample(to):
            return Affine.scale(to.width / size.width, to.height / size.height)
        case Place(_, x, y):
            return Affine.translation(float(x), float(y))
        case Orient(turn):
            return turn.affine(size)
        case _:
            assert_never(step)


@dataclass(frozen=True)
class Plan:
    """The steps that a picture of the size `source` goes through, in normal form (see the module). Hashable."""

    source: Size
    steps: tuple[Step, ...] = ()

    @cached_property
    def size(self) -> Size:
        """The size of the outcome."""
        size = self.source
        for step in self.steps:
            size = step_size(step, size)
        return size

    @cached_property
    def affine(self) -> Affine:
        """The map of points in the source picture to points in the outcome."""
        size, affine = self.source, Affine()
        for step in self.steps:
            affine = step_affine(step, size) @ affine
            size = step_size(step, size)
        return affine

    @property
    def is_identity(self) -> bool:
        """Whether the outcome is the source, pixel for pixel."""
        return not self.steps

    def then(self, *steps: Step) -> Plan:
        """This plan followed by `steps`, in normal form."""
        plan = self
        for step in steps:
            plan = plan._append(step)
        return plan

    def _append(self, step: Step) -> Plan:
        if _does_nothing(step, self.size):
            return self
        last = self.steps[-1] if self.steps else None
        if isinstance(last, Orient):
            before = Plan(self.source, self.steps[:-1])
            if isinstance(step, Orient):
                return before._append(Orient(step.turn @ last.turn))
            return before._append(_before_turn(step, last.turn, self.size))._append(last)
        if isinstance(last, Resample) and isinstance(step, Resample):
            return Plan(self.source, self.steps[:-1])._append(step)
        return Plan(self.source, (*self.steps, step))


def _does_nothing(step: Step, size: Size) -> bool:
    match step:
        case Resample(to):
            return to == size
        case Place(canvas, x, y):
            return canvas == size and x == 0 and y == 0
        case Orient(turn):
            return turn.is_identity
        case _:
            assert_never(step)


def _before_turn(step: Resample | Place, turn: Dihedral, size: Size) -> Resample | Place:
    """The step that, done before `turn`, has the same outcome as `step` after it; `size` is that after the turn."""
    back = ~turn
    match step:
        case Resample(to):
            return Resample(back.size(to))
        case Place(canvas, x, y):
            right, bottom = canvas.width - x - size.width, canvas.height - y - size.height
            x, y = (right if turn.mirror_x else x), (bottom if turn.mirror_y else y)
            return Place(back.size(canvas), *((y, x) if turn.swap else (x, y)))
        case _:
            assert_never(step)
