"""What a step of a recipe is, and the steps that set a size, cut or mirror.

A geometric step sees sizes only and answers with steps of a plan; a step of appearance has none. A step of chance is
drawn first: `drawn` says what it is for one copy of one image, as a step without chance.

The rounding of letterbox, fit and fill is here and nowhere else; everyone else reads the plan. It is the rounding that
trainers use: with r the smaller of target / source, the picture is resized to ``round(w r) x round(h r)`` and the left
and top margins are half the rest, rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from bboxprep.errors import PlanError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, FLIP_VERTICAL, ROTATE_180
from bboxprep.geometry.plan import Orient, Place, Resample, Step
from bboxprep.geometry.shapes import Boxes
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Amounts, Bounds, OptionError, check_choice, is_settled, plain, words

SizeLike = int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step may have to see of a picture before it is drawn: the `size` that it has by then, the `boxes` (N, 4)
    of its objects there, and the `names` of their classes.
    """

    size: Size
    boxes: Boxes = field(default_factory=lambda: np.zeros((0, 4)), compare=False)
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RecipeStep:
    """One wish of the user; a value. Raises `OptionError` for an option that cannot be."""

    name: ClassVar[str]
    pads: ClassVar[bool] = False  # whether it leaves a margin
    geometric: ClassVar[bool] = True  # whether it moves pixels; else it changes their values
    amounts: ClassVar[Amounts] = {}  # its options that can be drawn from

    def __post_init__(self) -> None:
        for option, bounds in self.amounts.items():
            object.__setattr__(self, option, bounds.check(self.name, option, getattr(self, option)))

    @property
    def is_fixed(self) -> bool:
        """Whether it has the same outcome for each copy of each picture of one size."""
        return all(is_settled(getattr(self, option)) for option in self.amounts)

    @property
    def needs_context(self) -> bool:
        """Whether it cannot be drawn without a `StepContext`."""
        return False

    def drawn(self, draw: Draw, scene: StepContext | None) -> RecipeStep | None:  # noqa: ARG002  # crops and flips look
        """This step without chance; None where chance says no. Itself, if fixed."""
        return self if self.is_fixed else self._settled(draw)

    def _settled(self, draw: Draw) -> Self:
        values = {option: draw.amount(option, getattr(self, option)) for option in self.amounts}
        return replace(self, **values)

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002  # every step is asked the same way
        """The steps for an upright picture of `size`. Raises `PlanError` where there are none."""
        return ()

    def options(self) -> dict[str, Any]:
        """Its parameters as plain data; those that say nothing are left out."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: plain(value) for name, value in values.items() if value is not None and value != ()}

    def __str__(self) -> str:
        return " ".join([self.name, *(words(getattr(self, each.name)) for each in fields(self)[:1])])


@dataclass(frozen=True)
class ChanceStep(RecipeStep):
    """A step that is done with the probability `p`."""

    p: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "p", Bounds(0.0, 1.0).number(self.name, "p", self.p))

    @property
    def is_fixed(self) -> bool:
        """Whether it is done always, and always in the same way."""
        return self.p == 1.0 and super().is_fixed

    def drawn(self, draw: Draw, scene: StepContext | None) -> RecipeStep | None:  # noqa: ARG002
        """This step without chance, or None."""
        if self.is_fixed:
            return self
        return replace(self._settled(draw), p=1.0) if draw.uniform("p") < self.p else None

    def options(self) -> dict[str, Any]:
        """Its parameters as plain data, the probability last; one of 1 is not said."""
        said = super().options()
        chance = said.pop("p")
        return said if chance == 1.0 else {**said, "p": chance}

    def __str__(self) -> str:
        return self._described() + (f" p={self.p:g}" if self.p < 1.0 else "")

    def _described(self) -> str:
        said = [(each.name, getattr(self, each.name)) for each in fields(self) if each.name in self.amounts]
        if len(said) == 1:
            return f"{self.name} {words(said[0][1])}"
        return " ".join([self.name, *(f"{name} {words(value)}" for name, value in said)])


@dataclass(frozen=True)
class Sized(RecipeStep):
    """A step that has a target size: `size` is one number for a square, or (width, height)."""

    size: SizeLike

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "size", Size.of(self.size))
        except UsageError as error:
            raise OptionError(self.name, "size", str(error).removeprefix("size: ")) from error

    @property
    def target(self) -> Size:
        """The size as a `Size`."""
        return Size.of(self.size)

    def __str__(self) -> str:
        return f"{self.name} {self.target}"


@dataclass(frozen=True)
class Resize(Sized):
    """Stretch to the size, whatever the proportions."""

    name = "resize"

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002
        """One resample."""
        return (Resample(self.target),)


@dataclass(frozen=True)
class Fit(Sized):
    """Scale, keeping proportions, to the largest size inside the target; no margin."""

    name = "fit"

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One resample."""
        return (Resample(_scaled(size, self.target, min)),)


@dataclass(frozen=True)
class Letterbox(Sized):
    """Scale, keeping proportions, to fit inside the target, and centre on a canvas of exactly that size."""

    name = "letterbox"
    pads = True

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample and a placement."""
        return centred(_scaled(size, self.target, min), self.target)


@dataclass(frozen=True)
class Fill(Sized):
    """Scale, keeping proportions, to cover the target, and cut what reaches over it on both sides."""

    name = "fill"

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample and a placement."""
        return centred(_scaled(size, self.target, max), self.target)


@dataclass(frozen=True)
class Crop(RecipeStep):
    """Keep the rectangle whose top left corner is (`x`, `y`), as far as it lies in the picture."""

    name = "crop"
    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        corner, size = (self.x, self.y), (self.width, self.height)
        if not all(type(value) is int for value in (*corner, *size)) or min(corner) < 0 or min(size) < 1:
            have = ",".join(map(str, (*corner, *size)))
            raise OptionError(self.name, "x" if min(size) else "width", f"have {have}, want X,Y >= 0 and W,H >= 1")

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One placement. Raises `PlanError` where the rectangle misses the picture."""
        width, height = min(self.width, size.width - self.x), min(self.height, size.height - self.y)
        if width < 1 or height < 1:
            raise PlanError(f"the crop at {self.x},{self.y} lies outside a picture of {size}")
        return (Place(Size(width, height), -self.x, -self.y),)

    def __str__(self) -> str:
        return f"crop {self.x},{self.y},{self.width},{self.height}"


Axis = Literal["horizontal", "vertical", "both"]
_FLIPS = {"horizontal": FLIP_HORIZONTAL, "vertical": FLIP_VERTICAL, "both": ROTATE_180}


@dataclass(frozen=True)
class Flip(ChanceStep):
    """Mirror left-right (`horizontal`), up-down (`vertical`) or both.

    A picture that shows an object of a class named in `keep` (signs, text) is left as it is.
    """

    name = "flip"
    axis: Axis = "horizontal"
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "axis", self.axis, tuple(_FLIPS))
        object.__setattr__(self, "keep", self._names(self.keep))

    def _names(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, tuple | list) or not all(isinstance(name, str) for name in value):
            raise OptionError(self.name, "keep", f"have {value!r}, want a list of class names")
        return tuple(value)

    @property
    def mirrors(self) -> bool:
        """Whether it makes left of right, as every flip but a half turn does."""
        return self.axis != "both"

    @property
    def is_fixed(self) -> bool:
        """Whether it is done always, whatever the picture shows."""
        return super().is_fixed and not self.keep

    @property
    def needs_context(self) -> bool:
        """Whether it asks what a picture shows."""
        return bool(self.keep)

    def drawn(self, draw: Draw, scene: StepContext | None) -> RecipeStep | None:
        """This flip without chance; None where chance, or what the picture shows, says no."""
        if draw.uniform("p") >= self.p or (scene and not scene.names.isdisjoint(self.keep)):
            return None
        return Flip(self.axis)

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002
        """One turn."""
        return (Orient(_FLIPS[self.axis]),)

    def _described(self) -> str:
        return f"flip {self.axis}" + (f" (not {', '.join(self.keep)})" if self.keep else "")


def centred(size: Size, canvas: Size) -> tuple[Step, ...]:
    """The picture at `size`, in the middle of `canvas`: the left and top margins, or cuts, are rounded down."""
    return Resample(size), Place(canvas, (canvas.width - size.width) // 2, (canvas.height - size.height) // 2)


def _scaled(size: Size, target: Size, choose: Any) -> Size:
    ratio = choose(target.width / size.width, target.height / size.height)
    return Size(max(1, round(size.width * ratio)), max(1, round(size.height * ratio)))
