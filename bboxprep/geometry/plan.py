"""The plan: all geometric steps of one image, computed from its size before any pixel is read.

Three kinds of step keep the axes: `Resample` to a size, `Place` on a canvas at whole pixels (a crop where the offsets
are negative, a pad where the canvas is larger), and `Orient` by one of the eight turns. However many there are, they
fold into a `Window` (where on an upright canvas the image lies, and what part of it is seen) and one turn after it.
Pixels execute the window and the turn, in one resampling; shapes follow `Plan.affine`, made from the same two. They
cannot disagree.

**Why a window and a turn.** A turn commutes exactly with a resample and with a placement (whose rectangle turns along),
so all turns can come last: a phone photo is shrunk as it is stored and turned when it is small, and a decoder may
always shrink while it loads. A bare matrix would not do: it forgets where an image was cut and then padded. Stretching
step by step would blur at every step, and let an edge wander by a tenth of a pixel. Positions are fractions, so that a
margin of whole pixels is known to be one.

**What turns the axes** (any angle, a shear) is a `Warp`. A plan with one has no window: it folds to the product of its
maps, in which each run of other steps is exact, and to a convex `outline`, the part of the outcome on which the image
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
from bboxprep.geometry.hashed_once import hashed_once
from bboxprep.geometry.shapes import clip_ring, clip_to_convex, hull, ring_around


@dataclass(frozen=True, slots=True)
class Resample:
    """Stretch the whole image to the size `to`, edge to edge."""

    to: Size


@dataclass(frozen=True, slots=True)
class Place:
    """Put the image on an empty `canvas` with its top left corner at column `x`, row `y` (whole, may be negative)."""

    canvas: Size
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Orient:
    """Turn or mirror the image."""

    turn: Dihedral


@dataclass(frozen=True, slots=True)
class Warp:
    """Map the image by any `affine` onto an empty `canvas`.

    Raises `UsageError` for a map that is not finite or not invertible.
    """

    affine: Affine
    canvas: Size

    def __post_init__(self) -> None:
        if not all(map(isfinite, self.affine.coefficients)) or abs(self.affine.determinant) < _LEAST_GROWTH:
            raise UsageError(f"warp: have {self.affine.coefficients}, want a map that can be inverted")


_LEAST_GROWTH = 1e-12  # of areas; the inverse of a map that shrinks more is useless in float64
_DIGITS = 6  # of a length in px, so that float64 errors do not turn 20 px into 21

Step = Resample | Place | Orient | Warp


class Span(NamedTuple):
    """An interval of one axis, from `start` to `end`, px."""

    start: Fraction
    end: Fraction

    @property
    def length(self) -> Fraction:
        """`end` - `start`, px."""
        return self.end - self.start

    @property
    def is_whole(self) -> bool:
        """Whether both ends are whole numbers."""
        return self.start.denominator == 1 == self.end.denominator

    def stretched(self, old: int, new: int) -> Span:
        """The span after the axis is stretched from length `old` to `new`."""
        return Span(self.start * new / old, self.end * new / old)

    def moved(self, by: int) -> Span:
        """The span moved by `by` px."""
        return Span(self.start + by, self.end + by)

    def within(self, length: int) -> Span:
        """Its intersection with 0 to `length`; an empty span at the nearer end if they do not meet."""
        limit = Fraction(length)
        return Span(min(max(self.start, Fraction(0)), limit), min(max(self.end, Fraction(0)), limit))


@dataclass(frozen=True, slots=True)
class Window:
    """The position of an image on a canvas, as spans along x and y.

    `whole` is the extent of the whole image, `seen` the part of the canvas on which the image is visible. The rest of
    the canvas is margin.
    """

    canvas: Size
    whole: tuple[Span, Span]
    seen: tuple[Span, Span]

    @classmethod
    def onto(cls, size: Size) -> Window:
        """The window of an image of `size` that fills its canvas."""
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
        """The map in px from the image, of `size`, to the canvas.

        The scale of each axis is the ratio of the *rounded* lengths, not the ratio that was asked for.
        """
        x, y = self.whole
        return Affine(
            a=float(x.length / size.width), c=float(x.start), e=float(y.length / size.height), f=float(y.start)
        )


@hashed_once
@dataclass(frozen=True)
class Plan:
    """The `steps` for an image of the size `source`; they fold to one output `size` and one `affine`. Hashable.

    If no step is a `Warp`, they fold to a `window` followed by a `turn`.
    """

    source: Size
    steps: tuple[Step, ...] = ()

    @cached_property
    def _folded(self) -> tuple[Window, Dihedral]:
        window, turn = Window.onto(self.source), IDENTITY
        for step in self.steps:
            match step:
                case Orient():
                    turn = step.turn @ turn
                case Warp():
                    raise InternalError("the plan has a warp, so it has no window")
                case _:
                    window = window.then(_before_turn(step, turn, turn.size(window.canvas)))
        return window, turn

    @cached_property
    def _parts(self) -> tuple[Plan, Warp, Plan] | None:
        """The steps before the last warp, that warp, and the steps after it."""
        for place, step in reversed(tuple(enumerate(self.steps))):
            if isinstance(step, Warp):
                return Plan(self.source, self.steps[:place]), step, Plan(step.canvas, self.steps[place + 1 :])
        return None

    @cached_property
    def is_warped(self) -> bool:
        """Whether it has a `Warp`, and so no window."""
        return self._parts is not None

    @property
    def window(self) -> Window:
        """The position of the image on its canvas, before `turn`. Raises `InternalError` for a warped plan."""
        return self._folded[0]

    @property
    def turn(self) -> Dihedral:
        """The turn of the canvas, which is applied last. Raises `InternalError` for a warped plan."""
        return self._folded[1]

    @cached_property
    def size(self) -> Size:
        """The size of the output image."""
        if self._parts:
            return self._parts[2].size
        return self.turn.size(self.window.canvas)

    @cached_property
    def affine(self) -> Affine:
        """The map in px from the source image to the output image."""
        if self._parts:
            before, warp, after = self._parts
            return after.affine @ warp.affine @ before.affine
        return self.turn.affine(self.window.canvas) @ self.window.affine(self.source)

    @property
    def stretched(self) -> tuple[Fraction | float, Fraction | float]:
        """The lengths in px that the top and the left side of the source have in the output image."""
        if self.is_warped:
            affine, (width, height) = self.affine, self.source
            return round(width * hypot(affine.a, affine.d), _DIGITS), round(height * hypot(affine.b, affine.e), _DIGITS)
        x, y = self.window.whole
        return x.length, y.length

    @cached_property
    def seen(self) -> tuple[float, float, float, float]:
        """The box x0 y0 x1 y1 px of the output image on which the source is visible; the rest is margin.

        Objects are clipped to it: what a crop cut off is not visible on a margin that is added later. For a warped
        plan, the box around `outline`.
        """
        x0, y0, x1, y1 = hull(self.outline).tolist() if len(self.outline) else (0.0, 0.0, 0.0, 0.0)
        return x0, y0, x1, y1

    @cached_property
    def outline(self) -> Points:
        """The convex ring (Q, 2) px around the part of the output image on which the source is visible; Q is 0 if a
        warped plan shows nothing of it."""
        if self._parts:
            before, warp, after = self._parts
            kept = clip_ring(warp.affine(before.outline), warp.canvas)
            return clip_to_convex(after.affine(kept), after.outline)
        across, down = self.window.seen
        x0, y0, x1, y1 = map(float, (across.start, down.start, across.end, down.end))
        return self.turn.affine(self.window.canvas)(ring_around((x0, y0, x1, y1)))

    @cached_property
    def is_whole(self) -> bool:
        """Whether the output is all of the source, turned or flipped at most, on a canvas that may be larger: no pixel
        is resampled or cut."""
        if self.is_warped:
            return False
        whole, seen = self.window.whole, self.window.seen
        is_unscaled = all(span.length == side for span, side in zip(whole, self.source, strict=True))
        return whole == seen and is_unscaled and all(span.is_whole for span in whole)

    @cached_property
    def is_turn(self) -> bool:
        """Whether the output is the source, turned or flipped at most: no pixel is resampled or cut."""
        return not self.is_warped and self.window == Window.onto(self.source)

    @cached_property
    def is_identity(self) -> bool:
        """Whether the output has exactly the pixels of the source."""
        return self.is_turn and self.turn.is_identity

    def then(self, *steps: Step) -> Plan:
        """This plan followed by `steps`."""
        return Plan(self.source, self.steps + steps)


def _before_turn(step: Resample | Place, turn: Dihedral, size: Size) -> Resample | Place:
    """The step that, applied before `turn`, equals `step` after it; `size` is the size after the turn."""
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
