"""Letterbox, fit, fill, resize, crop and flip, and `RecipeStep`, the interface of every step.

A geometric step turns an image size into steps of a plan; an appearance step changes pixel values only. A random step
is drawn first: `drawn` returns a step with fixed values for one copy of one image.

**Rounding.** The sizes and margins of letterbox, fit and fill are rounded in this module and nowhere else; all other
code reads the plan. As in trainers: with r the smaller of target / source, the image is resized to
``round(w r) x round(h r)``, and the left and top margins are half of the rest, rounded down, or 0 for top-left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, FLIP_VERTICAL, ROTATE_180
from bboxprep.geometry.plan import Orient, Place, Resample, Step
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.splits import split_of
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Amounts, Bounds, OptionError, check_choice, is_settled, plain, words

SizeLike = int | tuple[int, int]
Position = Literal["centre", "top-left"]  # of an image on a larger canvas
_LONGEST = 32_766  # px of a side that OpenCV can make


@dataclass(frozen=True)
class StepContext:
    """The image as it is before a random step: its `size`, the `boxes` (N, 4) px of its objects in it, the `names` of
    their classes, those that are `sided` (a mirror makes another class of them), and by object `box_classes`: None for
    a crowd region and for one that has more than a box. It is empty where all have a box alone.
    """

    size: Size
    boxes: Boxes = field(default_factory=lambda: np.zeros((0, 4)), compare=False)
    names: frozenset[str] = frozenset()
    box_classes: tuple[str | None, ...] = ()
    sided: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RecipeStep:
    """One step of a recipe, an immutable value. Raises `OptionError` for an invalid option."""

    name: ClassVar[str]
    pads: ClassVar[bool] = False  # whether it may leave a margin
    mirrors: ClassVar[bool] = False  # whether it exchanges left and right
    geometric: ClassVar[bool] = True  # whether it moves pixels; if not, it changes their values
    amounts: ClassVar[Amounts] = {}  # the options that may be ranges or choices, with their bounds

    def __post_init__(self) -> None:
        for option, bounds in self.amounts.items():
            object.__setattr__(self, option, bounds.check(self.name, option, getattr(self, option)))

    @property
    def has_margin(self) -> bool:
        """Whether it may leave a margin with the options that it has."""
        return self.pads

    @property
    def is_fixed(self) -> bool:
        """Whether it draws nothing: it is the same for each copy of each image of one size."""
        return all(is_settled(getattr(self, option)) for option in self.amounts)

    @property
    def needs_context(self) -> bool:
        """Whether `drawn` needs a `StepContext`."""
        return False

    @property
    def needs_boxes(self) -> bool:
        """Whether `within` has to add the boxes of the output image to the drawn step."""
        return False

    def within(self, context: StepContext) -> RecipeStep | None:  # noqa: ARG002
        """This drawn step for the output image, which `context` describes; None if it is not applied there."""
        return self

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:  # noqa: ARG002
        """This step with all values drawn; None if it is not applied. A fixed step returns itself."""
        return self if self.is_fixed else self._with_drawn_amounts(draw)

    def _with_drawn_amounts(self, draw: Draw) -> Self:
        return replace(self, **{option: draw.amount(option, getattr(self, option)) for option in self.amounts})

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002  # the interface of every step
        """The plan steps for an upright image of `size`. Raises `PlanError` where the step cannot be applied."""
        return ()

    def options(self) -> dict[str, Any]:
        """The options as plain data, without those at their defaults."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: plain(value) for name, value in values.items() if value is not None and value != ()}

    def __str__(self) -> str:
        return " ".join([self.name, *(words(getattr(self, each.name)) for each in fields(self)[:1])])


@dataclass(frozen=True)
class ChanceStep(RecipeStep):
    """A step that is applied with the probability `p`, 0 to 1."""

    p: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "p", Bounds(0.0, 1.0).number(self.name, "p", self.p))

    @property
    def is_fixed(self) -> bool:
        """Whether it is always applied, with the same values."""
        return self.p == 1.0 and super().is_fixed

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:  # noqa: ARG002
        """This step with all values drawn, or None."""
        if self.is_fixed:
            return self
        return replace(self._with_drawn_amounts(draw), p=1.0) if draw.uniform("p") < self.p else None

    def options(self) -> dict[str, Any]:
        """The options as plain data, the probability last; a probability of 1 is left out."""
        options = super().options()
        chance = options.pop("p")
        return options if chance == 1.0 else {**options, "p": chance}

    def __str__(self) -> str:
        return self._described() + (f" p={self.p:g}" if self.p < 1.0 else "")

    def _described(self) -> str:
        amounts = [(each.name, getattr(self, each.name)) for each in fields(self) if each.name in self.amounts]
        if len(amounts) == 1:
            return f"{self.name} {words(amounts[0][1])}"
        return " ".join([self.name, *(f"{name} {words(value)}" for name, value in amounts)])


@dataclass(frozen=True)
class Sized(RecipeStep):
    """A step that has a target size: `size` is one number for a square, or (width, height)."""

    size: SizeLike

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _checked_size(self.name, "size", self.size))

    @property
    def target(self) -> Size:
        """The size as a `Size`."""
        return Size.of(self.size)

    def __str__(self) -> str:
        return f"{self.name} {self.target}"


@dataclass(frozen=True)
class Resize(Sized):
    """Stretch to the size without keeping the aspect ratio."""

    name = "resize"

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002
        """One resample."""
        return (Resample(self.target),)


@dataclass(frozen=True)
class Fit(Sized):
    """Scale, keeping the aspect ratio, to the largest size that fits inside the target; no margin."""

    name = "fit"

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One resample."""
        return (Resample(_scaled(size, self.target, min)),)


@dataclass(frozen=True)
class Letterbox(RecipeStep):
    """Scale, keeping the aspect ratio, to fit inside the target, and put on a canvas of the target size.

    `place`: "centre", or "top-left" with all of the margin at the right and at the bottom, as DETR and torchvision pad
    a batch. Of several `sizes` in place of a `size`, each image gets the one whose canvas it fills the most of: the one
    of the nearest aspect ratio, and of equals the first. With `by_split`, each image gets the size of its split.
    """

    name = "letterbox"
    pads = True
    size: SizeLike | Mapping[str, SizeLike] | None = None
    place: Position = "centre"
    sizes: tuple[SizeLike, ...] = ()
    by_split: tuple[tuple[str, SizeLike], ...] = ()

    def __post_init__(self) -> None:
        check_choice(self.name, "place", self.place, get_args(Position))
        given = self.size if isinstance(self.size, Mapping) else dict(self.by_split)
        if given and self.size is not None and not isinstance(self.size, Mapping):
            raise OptionError(self.name, "size", "have it beside by_split, want one of them")
        if given:
            pairs = [(split_of(str(split)), _checked_size(self.name, "size", size)) for split, size in given.items()]
            object.__setattr__(self, "by_split", tuple(pairs))
            object.__setattr__(self, "size", None)
            return
        if (self.size is None) == (not self.sizes):
            have = "none" if self.size is None else "it beside sizes"
            raise OptionError(self.name, "size", f"have {have}, want a size, as in 640 or [640, 480], or some sizes")
        if self.size is not None:
            object.__setattr__(self, "size", _checked_size(self.name, "size", self.size))
        elif not isinstance(self.sizes, tuple | list):
            raise OptionError(self.name, "sizes", f"have {self.sizes!r}, want a list, as in [[640, 640], [832, 480]]")
        object.__setattr__(self, "sizes", tuple(_checked_size(self.name, "sizes", each) for each in self.sizes))

    @property
    def canvases(self) -> tuple[Size, ...]:
        """The sizes that an output may have."""
        alone = () if self.size is None or isinstance(self.size, Mapping) else (self.size,)
        return tuple(map(Size.of, self.sizes or alone or [size for _, size in self.by_split]))

    @property
    def is_fixed(self) -> bool:
        """Whether all splits have one size."""
        return not self.by_split

    def of_split(self, split: str) -> Letterbox:
        """The letterbox for images of `split`. Raises `UsageError` where it states no size for them."""
        sizes = dict(self.by_split)
        if sizes and split not in sizes:
            have = ", ".join(sizes)
            raise UsageError(f"letterbox: have sizes for {have}, want one for the split {split} too, as in {split}=640")
        return Letterbox(sizes[split], self.place) if sizes else self

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample and a placement."""
        if self.by_split:
            raise UsageError("letterbox: have a size for each split, want the recipe of one (Recipe.of_split)")
        canvas = max(self.canvases, key=lambda canvas: _share_filled(size, canvas))
        return placed(_scaled(size, canvas, min), canvas, self.place)

    def options(self) -> dict[str, Any]:
        """The options as plain data, without those at their defaults."""
        options = {name: value for name, value in super().options().items() if value != "centre"}
        return options | ({"by_split": dict(options["by_split"])} if self.by_split else {})

    def __str__(self) -> str:
        by_split = ", ".join(f"{split} {size}" for split, size in self.by_split)
        sizes = by_split or "|".join(map(str, self.canvases))
        return f"letterbox {sizes}" + ("" if self.place == "centre" else f" {self.place}")


@dataclass(frozen=True)
class Fill(Sized):
    """Scale, keeping the aspect ratio, to cover the target, and crop the excess equally on both sides."""

    name = "fill"

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample and a placement."""
        return placed(_scaled(size, self.target, max), self.target)


Axis = Literal["horizontal", "vertical", "both"]
_FLIPS = {"horizontal": FLIP_HORIZONTAL, "vertical": FLIP_VERTICAL, "both": ROTATE_180}


@dataclass(frozen=True)
class Flip(ChanceStep):
    """Mirror left-right (`horizontal`), up-down (`vertical`) or both.

    An image with an object of a class in `keep` (signs, text) is not flipped.
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
    def mirrors(self) -> bool:  # type: ignore[override]  # by its axis
        """Whether it exchanges left and right, as every flip but a half turn does."""
        return self.axis != "both"

    @property
    def is_fixed(self) -> bool:
        """Whether it is applied to every image."""
        return super().is_fixed and not self.keep

    @property
    def needs_context(self) -> bool:
        """Whether it needs the classes of the objects."""
        return bool(self.keep)

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:
        """This flip without probability; None if it is not drawn or the image has an object of `keep`."""
        if draw.uniform("p") >= self.p or (context and not context.names.isdisjoint(self.keep)):
            return None
        return Flip(self.axis)

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002
        """One turn."""
        return (Orient(_FLIPS[self.axis]),)

    def _described(self) -> str:
        return f"flip {self.axis}" + (f" (not {', '.join(self.keep)})" if self.keep else "")


def placed(size: Size, canvas: Size, place: Position = "centre") -> tuple[Step, ...]:
    """Resample to `size` and put on `canvas`; the left and top margins (or cuts) of "centre" are rounded down."""
    if place == "top-left":
        return Resample(size), Place(canvas, 0, 0)
    return Resample(size), Place(canvas, (canvas.width - size.width) // 2, (canvas.height - size.height) // 2)


def _share_filled(size: Size, canvas: Size) -> Fraction:
    """The share of `canvas` that an image of `size` fills, scaled to fit, before any rounding."""
    return Fraction(*sorted((size.width * canvas.height, size.height * canvas.width)))


def _checked_size(step: str, option: str, value: Any) -> Size:
    """`value` as a size. Raises `OptionError`."""
    try:
        size = Size.of(value)
    except UsageError as error:
        raise OptionError(step, option, str(error).removeprefix("size: ")) from error
    if max(size) > _LONGEST:
        raise OptionError(step, option, f"have {size}, want at most {_LONGEST:,} px a side")
    return size


def _scaled(size: Size, target: Size, choose: Any) -> Size:
    ratio = choose(target.width / size.width, target.height / size.height)
    return Size(max(1, round(size.width * ratio)), max(1, round(size.height * ratio)))
