"""A plan: every geometric step of one image, decided from sizes alone before a pixel is touched.

Three kinds of step keep the axes: `Resample` to a size, `Place` on a canvas at whole pixels (a crop where the offsets
are negative, a pad where the canvas is larger), and `Orient` by one of the eight turns. However many there are, they
fold into a `Window` (where on an upright canvas the picture lies, and what part of it is seen) and one turn after it.
Pixels execute the window and the turn, in one resampling; shapes follow `Plan.affine`, made from the same two. They
cannot disagree.

**Why a window and a turn.** A turn commutes exactly with a resample and with a placement (whose rectangle turns along),
so all turns can come last: a phone photo is shrunk as it is stored and turned when it is small, and a decoder may
always shrink while it loads. A bare matrix would not do: it forgets where a picture was cut and then padded. Stretching
step by step would blur at every step, and let an edge wander by a tenth of a pixel. Positions are fractions, so that a
margin of whole pixels is known to be one.

**What turns the axes** (any angle, a shear) is a `Warp`. A plan with one has no window: it folds to the product of its
maps, in which each run of other steps is exact, and to a convex `outline`, the part of the outcome on which the picture
is seen. It too is executed in one resampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import hypot, isfinite
from typing import NamedTuple, assert_never

from bboxprep.errors import InternalError, UsageError
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.shapes import clip_ring, clip_to_convex, hull, ring_around


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


@dataclass(frozen=True, slots=True)
class Warp:
    """Lay the picture through any `affine` map onto an empty `canvas`.

    Raises `UsageError` for a map that is not finite or that cannot be inverted.
    """

    affine: Affine
    canvas: Size

    def __post_init__(self) -> None:
        if not all(map(isfinite, self.affine.coefficients)) or abs(self.affine.determinant) < _LEAST_GROWTH:
            raise UsageError(f"warp: have {self.affine.coefficients}, want a map that can be inverted")


_LEAST_GROWTH = 1e-12  # of areas; a map that shrinks more has no inverse that float64 could use
_DIGITS = 6  # of a length in px; the rounding of float64 must not make 20 px more than 20

Step = Resample | Place | Orient | Warp


class Span(NamedTuple):
    """A stretch of one axis, from `start` to `end`, px."""

    start: Fraction
    end: Fraction

    @property
    def length(self) -> Fraction:
        """How long it is."""
        return self.end - self.start

    @property
    def is_whole(self) -> bool:
        """Whether it begins and ends between pixels."""
        return self.start.denominator == 1 == self.end.denominator

    def stretched(self, old: int, new: int) -> Span:
        """The span on an axis whose length goes from `old` to `new`."""
        return Span(self.start * new / old, self.end * new / old)

    def moved(self, by: int) -> Span:
        """The span `by` pixels further on."""
        return Span(self.start + by, self.end + by)

    def within(self, length: int) -> Span:
        """The part of it on an axis from 0 to `length`; empty, at an end, where there is none."""
        limit = Fraction(length)
        return Span(min(max(self.start, Fraction(0)), limit), min(max(self.end, Fraction(0)), limit))


@dataclass(frozen=True, slots=True)
class Window:
    """Where a picture lies on a canvas, along each axis.

    `whole` is where all of the picture would lie, `seen` the part of the canvas on which it is seen; the rest of the
    canvas is margin. Both as (x, y) spans.
    """

    canvas: Size
    whole: tuple[Span, Span]
    seen: tuple[Span, Span]

    @classmethod
    def onto(cls, size: Size) -> Window:
        """A picture that fills its canvas."""
        spans = (Span(Fraction(0), Fraction(size.width)), Span(Fraction(0), Fraction(size.height)))
        return cls(size, spans, spans)

    def then(self, step: Resample | Place) -> Window:
        """The window after one more step."""
        match step:
            case Resample(to):
                (wide, high), (across, down) = self.whole, self.seen
                width, height = self.canvas
                return Window(
                    to,
                    (wide.stretched(width, to.width), high.stretched(height, to.height)),
                    (across.stretched(width, to.width), down.stretched(height, to.height)),
                )
            case Place(canvas, x, y):
                (wide, high), (across, down) = self.whole, self.seen
                return Window(
                    canvas,
                    (wide.moved(x), high.moved(y)),
                    (across.moved(x).within(canvas.width), down.moved(y).within(canvas.height)),
                )
            case _:
                assert_never(step)

    def affine(self, size: Size) -> Affine:
        """The map of points in the picture, of `size`, to points on the canvas.

        It stretches by the *realised* lengths, per axis; a ratio that was wished for never enters.
        """
        x, y = self.whole
        return Affine(
            a=float(x.length / size.width), c=float(x.start), e=float(y.length / size.height), f=float(y.start)
        )


@dataclass(frozen=True)
class Plan:
    """What a picture of the size `source` goes through: `steps`, which fold to one `size` and one `affine`. Hashable.

    Where no step is a `Warp`, they fold into `window` and then `turn`.
    """

    source: Size
    steps: tuple[Step, ...] = ()

    @cached_property
    def _hash(self) -> int:
        return hash((self.source, self.steps))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _folded(self) -> tuple[Window, Dihedral]:
        window, turn = Window.onto(self.source), IDENTITY
        for step in self.steps:
            match step:
                case Orient():
                    turn = step.turn @ turn
                case Warp():
                    raise InternalError("a plan with a warp has no window")
                case _:
                    window = window.then(_before_turn(step, turn, turn.size(window.canvas)))
        return window, turn

    @cached_property
    def _parts(self) -> tuple[Plan, Warp, Plan] | None:
        """What comes before the last warp, that warp, and what comes after it."""
        for place, step in reversed(tuple(enumerate(self.steps))):
            if isinstance(step, Warp):
                return Plan(self.source, self.steps[:place]), step, Plan(step.canvas, self.steps[place + 1 :])
        return None

    @cached_property
    def is_warped(self) -> bool:
        """Whether a step may turn the axes, so that there is no window."""
        return self._parts is not None

    @property
    def window(self) -> Window:
        """Where the picture lies on its canvas, before the turn. Raises `InternalError` for a warped plan."""
        return self._folded[0]

    @property
    def turn(self) -> Dihedral:
        """The turn of the canvas, which comes last. Raises `InternalError` for a warped plan."""
        return self._folded[1]

    @cached_property
    def size(self) -> Size:
        """The size of the outcome."""
        if self._parts:
            return self._parts[2].size
        return self.turn.size(self.window.canvas)

    @cached_property
    def affine(self) -> Affine:
        """The map of points in the source picture to points in the outcome."""
        if self._parts:
            before, warp, after = self._parts
            return after.affine @ warp.affine @ before.affine
        return self.turn.affine(self.window.canvas) @ self.window.affine(self.source)

    @property
    def stretched(self) -> tuple[Fraction | float, Fraction | float]:
        """How long the source's upper and its left side are in the outcome, px."""
        if self.is_warped:
            affine, (width, height) = self.affine, self.source
            return round(width * hypot(affine.a, affine.d), _DIGITS), round(height * hypot(affine.b, affine.e), _DIGITS)
        x, y = self.window.whole
        return x.length, y.length

    @cached_property
    def seen(self) -> tuple[float, float, float, float]:
        """The part of the outcome on which the picture is seen, x0 y0 x1 y1 px; the rest is margin.

        What a crop cut off does not come back on a margin that is added later, so objects end here. Of a warped plan,
        the box around `outline`.
        """
        x0, y0, x1, y1 = hull(self.outline).tolist() if len(self.outline) else (0.0, 0.0, 0.0, 0.0)
        return x0, y0, x1, y1

    @cached_property
    def outline(self) -> Points:
        """The convex ring (Q, 2) around the part of the outcome on which the picture is seen; Q is 0 where there is
        none in the outcome of a warped plan."""
        if self._parts:
            before, warp, after = self._parts
            kept = clip_ring(warp.affine(before.outline), warp.canvas)
            return clip_to_convex(after.affine(kept), after.outline)
        across, down = self.window.seen
        x0, y0, x1, y1 = map(float, (across.start, down.start, across.end, down.end))
        return self.turn.affine(self.window.canvas)(ring_around((x0, y0, x1, y1)))

    @cached_property
    def is_turn(self) -> bool:
        """Whether the outcome is the source, turned or not, pixel for pixel."""
        return not self.is_warped and self.window == Window.onto(self.source)

    @cached_property
    def is_identity(self) -> bool:
        """Whether the outcome is the source, pixel for pixel."""
        return self.is_turn and self.turn.is_identity

    def then(self, *steps: Step) -> Plan:
        """This plan followed by `steps`."""
        return Plan(self.source, self.steps + steps)


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
