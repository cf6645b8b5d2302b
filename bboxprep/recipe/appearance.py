"""Steps that change pixel values and move nothing. `images.effects.apply` executes them.

They apply to the image after the plan, margins included where a step does not say otherwise, in their order, wherever
they stand among the geometric steps; those before a mosaic apply to each of its images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

from bboxprep.recipe.geometric import ChanceStep, RecipeStep, StepContext
from bboxprep.recipe.inside import InsideStep, Rectangle, rectangles
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Amount, Amounts, Bounds, OptionError, check_choice, check_seed, words

Space = Literal["linear", "srgb"]


@dataclass(frozen=True)
class AppearanceStep(ChanceStep):
    """A step that changes pixel values and moves nothing."""

    geometric: ClassVar[bool] = False


@dataclass(frozen=True)
class RegionStep(InsideStep, AppearanceStep):
    """A step that acts on the whole image or, with `inside` "boxes", on what is in the boxes of objects alone.

    Inside boxes each pixel is as the step makes it of the whole image; outside none changes.
    """


class SeededStep(RegionStep):
    """A step that draws something for each pixel. A drawn step has a `seed`, a field of each of these classes."""

    seed: int | None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_seed(self.name, self.seed)

    @property
    def is_fixed(self) -> bool:
        """Whether it was drawn."""
        return super().is_fixed and self.seed is not None

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:
        """The step with its seed; None if it is not applied."""
        step = super().drawn(draw, context)
        added: Any = {"seed": draw.number("seed") >> 32} if self.seed is None else {}
        return replace(step, **added) if step else None


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
class Exposure(RegionStep):
    """Multiply by `gain`: the linear light of the sRGB values ("linear"), or the sRGB values themselves ("srgb").

    Margins keep their level, which trainers expect to be the same in all images, unless `margins` is True.
    """

    name = "exposure"
    amounts: ClassVar[Amounts] = {"gain": Bounds(0.01, 100.0)}  # 0 would make every image black
    gain: Amount
    space: Space = "linear"
    margins: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "space", self.space, get_args(Space))
        check_choice(self.name, "margins", self.margins, (True, False))


@dataclass(frozen=True)
class Contrast(RegionStep):
    """Multiply the distance of values from the mean luma by `factor`: 0 is flat gray, 1 changes nothing."""

    name = "contrast"
    amounts: ClassVar[Amounts] = {"factor": Bounds(0.0, 100.0)}
    factor: Amount


@dataclass(frozen=True)
class Hue(RegionStep):
    """Rotate all hues by `degrees` around the colour circle."""

    name = "hue"
    amounts: ClassVar[Amounts] = {"degrees": Bounds(-180.0, 180.0)}
    degrees: Amount


@dataclass(frozen=True)
class Saturation(RegionStep):
    """Multiply the distance of each colour from its own luma by `factor`: 0 is gray, 1 changes nothing."""

    name = "saturation"
    amounts: ClassVar[Amounts] = {"factor": Bounds(0.0, 100.0)}
    factor: Amount


@dataclass(frozen=True)
class Blur(RegionStep):
    """A Gaussian blur of `sigma` px of the output image."""

    name = "blur"
    amounts: ClassVar[Amounts] = {"sigma": Bounds(0.0, 100.0)}
    sigma: Amount


@dataclass(frozen=True)
class MotionBlur(RegionStep):
    """The mean along a line of `length` px of the output image at an `angle` in degrees, clockwise from the x axis: 0
    is a streak across, 90 one down.
    """

    name = "motion_blur"
    amounts: ClassVar[Amounts] = {"length": Bounds(1.0, 300.0), "angle": Bounds(-360.0, 360.0)}
    length: Amount
    angle: Amount = 0.0


@dataclass(frozen=True)
class Noise(SeededStep):
    """Gaussian noise of `sigma` levels (0 to 255), independent for each channel. A drawn step has a `seed`."""

    name = "noise"
    amounts: ClassVar[Amounts] = {"sigma": Bounds(0.0, 255.0)}
    sigma: Amount
    seed: int | None = None


@dataclass(frozen=True)
class SaltPepper(SeededStep):
    """Make a `share` of the pixels, 0 to 1, black or white, as many of each. A drawn step has a `seed`."""

    name = "salt_pepper"
    amounts: ClassVar[Amounts] = {"share": Bounds(0.0, 1.0)}
    share: Amount
    seed: int | None = None


@dataclass(frozen=True)
class CameraGain(SeededStep):
    """The shot noise of a sensor at a high ISO, which grows with the light: the light x of a value, 0 to 1, gets the
    variance `variance` times x (`images.effects.sensor_noise` names the source). A drawn step has a `seed`.
    """

    name = "camera_gain"
    amounts: ClassVar[Amounts] = {"variance": Bounds(0.0, 1.0)}
    variance: Amount
    seed: int | None = None


@dataclass(frozen=True)
class ContrastStretch(AppearanceStep):
    """Stretch the values between the percentiles `low` and `high` of all channels together to 0 and 255. Margins do
    not count and keep their values.
    """

    name = "contrast_stretch"
    amounts: ClassVar[Amounts] = {"low": Bounds(0.0, 49.0), "high": Bounds(51.0, 100.0)}
    low: Amount = 2.0
    high: Amount = 98.0


@dataclass(frozen=True)
class AutoContrast(AppearanceStep):
    """Stretch each channel by itself to 0 and 255, without the darkest and the brightest `cutoff` per cent of it.
    Margins do not count and keep their values.
    """

    name = "auto_contrast"
    amounts: ClassVar[Amounts] = {"cutoff": Bounds(0.0, 49.0)}
    cutoff: Amount = 0.0


@dataclass(frozen=True)
class Equalize(AppearanceStep):
    """Equalise the histogram of the luma; colours keep their distances from it. Margins do not count and keep their
    values.
    """

    name = "equalize"

    def _described(self) -> str:
        return self.name


@dataclass(frozen=True)
class Clahe(AppearanceStep):
    """Equalise the histogram of the luma in `tiles` x `tiles` parts (CLAHE), in each with a contrast of at most `clip`
    times that of a flat histogram; colours keep their distances from the luma. Margins keep their values.
    """

    name = "clahe"
    amounts: ClassVar[Amounts] = {"clip": Bounds(0.0, 255.0)}
    clip: Amount = 2.0
    tiles: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.tiles) is not int or not 1 <= self.tiles <= 64:
            raise OptionError(self.name, "tiles", f"have {self.tiles!r}, want a whole number of 1 to 64")


@dataclass(frozen=True)
class Cutout(AppearanceStep):
    """Fill `count` rectangles with the pad, each `size` times the sides of the image. A drawn step has the `holes`: x,
    y, width and height of each, as fractions of the image.
    """

    name = "cutout"
    amounts: ClassVar[Amounts] = {"size": Bounds(0.0, 1.0)}
    count: int = 1
    size: Amount = 0.2
    holes: tuple[Rectangle, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.count) is not int or not 1 <= self.count <= 1000:
            raise OptionError(self.name, "count", f"have {self.count!r}, want a whole number of 1 to 1000")
        if self.holes is not None:
            object.__setattr__(self, "holes", rectangles(self.name, "holes", self.holes))

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
