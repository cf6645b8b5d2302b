"""Steps that change pixel values and move nothing. `images.effects.apply` executes them.

They apply to the image after the plan, margins included, in their order, wherever they stand among the geometric
steps; those before a mosaic apply to each of its images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

from bboxprep.recipe.geometric import ChanceStep, RecipeStep, StepContext
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Amount, Amounts, Bounds, OptionError, check_choice, check_seed, words

Space = Literal["linear", "srgb"]


@dataclass(frozen=True)
class AppearanceStep(ChanceStep):
    """A step that changes pixel values and moves nothing."""

    geometric: ClassVar[bool] = False


@dataclass(frozen=True)
class Grayscale(AppearanceStep):
    """The luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, as three equal `channels` or as one."""

    name = "grayscale"
    channels: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "channels", self.channels, (1, 3))

    def _described(self) -> str:
        return "grayscale" + (" 1 channel" if self.channels == 1 else "")


@dataclass(frozen=True)
class Exposure(AppearanceStep):
    """Multiply by `gain`: the linear light of the sRGB values ("linear"), or the sRGB values themselves ("srgb")."""

    name = "exposure"
    amounts: ClassVar[Amounts] = {"gain": Bounds(0.01, 100.0)}  # 0 would make every image black
    gain: Amount
    space: Space = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "space", self.space, get_args(Space))


@dataclass(frozen=True)
class Contrast(AppearanceStep):
    """Multiply the distance of values from the mean luma by `factor`: 0 is flat gray, 1 changes nothing."""

    name = "contrast"
    amounts: ClassVar[Amounts] = {"factor": Bounds(0.0, 100.0)}
    factor: Amount


@dataclass(frozen=True)
class Hue(AppearanceStep):
    """Rotate all hues by `degrees` around the colour circle."""

    name = "hue"
    amounts: ClassVar[Amounts] = {"degrees": Bounds(-180.0, 180.0)}
    degrees: Amount


@dataclass(frozen=True)
class Saturation(AppearanceStep):
    """Multiply the distance of each colour from its own luma by `factor`: 0 is gray, 1 changes nothing."""

    name = "saturation"
    amounts: ClassVar[Amounts] = {"factor": Bounds(0.0, 100.0)}
    factor: Amount


@dataclass(frozen=True)
class Blur(AppearanceStep):
    """A Gaussian blur of `sigma` px of the output image."""

    name = "blur"
    amounts: ClassVar[Amounts] = {"sigma": Bounds(0.0, 100.0)}
    sigma: Amount


@dataclass(frozen=True)
class Noise(AppearanceStep):
    """Gaussian noise of `sigma` levels (0 to 255), independent for each channel. A drawn step has a `seed`."""

    name = "noise"
    amounts: ClassVar[Amounts] = {"sigma": Bounds(0.0, 255.0)}
    sigma: Amount
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_seed(self.name, self.seed)

    @property
    def is_fixed(self) -> bool:
        """Whether it was drawn."""
        return super().is_fixed and self.seed is not None

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:
        """The noise with its seed; None if it is not applied."""
        step = super().drawn(draw, context)
        return replace(step, seed=draw.number("seed") >> 32) if isinstance(step, Noise) and step.seed is None else step


@dataclass(frozen=True)
class Cutout(AppearanceStep):
    """Fill `count` rectangles with the pad, each `size` times the sides of the image. A drawn step has the `holes`: x,
    y, width and height of each, as fractions of the image.
    """

    name = "cutout"
    amounts: ClassVar[Amounts] = {"size": Bounds(0.0, 1.0)}
    count: int = 1
    size: Amount = 0.2
    holes: tuple[tuple[float, float, float, float], ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.count) is not int or not 1 <= self.count <= 1000:
            raise OptionError(self.name, "count", f"have {self.count!r}, want a whole number of 1 to 1000")
        if self.holes is not None:
            object.__setattr__(self, "holes", tuple(map(self._hole, self.holes)))

    def _hole(self, hole: object) -> tuple[float, ...]:
        if not isinstance(hole, tuple | list) or len(hole) != 4:
            raise OptionError(self.name, "holes", f"have {hole!r}, want X,Y,W,H of 0 to 1")
        return tuple(Bounds(0.0, 1.0).number(self.name, "holes", each) for each in hole)

    @property
    def is_fixed(self) -> bool:
        """Whether it was drawn."""
        return self.p == 1.0 and self.holes is not None

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:  # noqa: ARG002
        """The cutout with its holes; None if it is not applied."""
        if self.is_fixed:
            return self
        if draw.uniform("p") >= self.p:
            return None
        sides = [
            (draw.amount(f"width {n}", self.size), draw.amount(f"height {n}", self.size)) for n in range(self.count)
        ]
        holes = tuple(
            (draw.uniform(f"x {n}") * (1.0 - width), draw.uniform(f"y {n}") * (1.0 - height), width, height)
            for n, (width, height) in enumerate(sides)
        )
        return Cutout(self.count, 0.0, self.holes or holes)

    def _described(self) -> str:
        return f"cutout {self.count} of {words(self.size)}"
