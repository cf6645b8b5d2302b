"""Steps that rotate, scale, translate and shear an image about its centre. They fold into one map, one resampling."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal, get_args

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Step, Warp
from bboxprep.recipe.geometric import ChanceStep, placed
from bboxprep.recipe.values import Amount, Amounts, Bounds, check_choice

Canvas = Literal["keep", "grow"]
_QUARTERS = {90.0: 6, 180.0: 3, 270.0: 8}  # EXIF orientations by the clockwise degrees that they stand for
_SLACK = 1e-6  # px of a canvas that the rounding of float64 may add


@dataclass(frozen=True)
class Rotate(ChanceStep):
    """Turn clockwise by `degrees`.

    A multiple of 90 degrees is exact for every pixel, and the canvas turns too. For any other angle the canvas keeps
    its size ("keep": the corners are cut) or grows to hold the whole image ("grow").
    """

    name = "rotate"
    pads = True
    amounts: ClassVar[Amounts] = {"degrees": Bounds(-360.0, 360.0)}
    degrees: Amount
    canvas: Canvas = "keep"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "canvas", self.canvas, get_args(Canvas))

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One `Orient` or one `Warp`; none for 0 degrees."""
        degrees = _fixed_number(self.degrees) % 360.0
        if degrees == 0.0:
            return ()
        if degrees in _QUARTERS:
            return (Orient(Dihedral.from_exif(_QUARTERS[degrees])),)
        return _about_middle(Affine.rotation(degrees), size, self.canvas)


@dataclass(frozen=True)
class Scale(ChanceStep):
    """Scale the image by `factor`, rounded to whole pixels, and centre it on a canvas of the old size."""

    name = "scale"
    pads = True
    amounts: ClassVar[Amounts] = {"factor": Bounds(0.01, 100.0)}
    factor: Amount

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample and a placement."""
        factor = _fixed_number(self.factor)
        return placed(Size(max(1, round(size.width * factor)), max(1, round(size.height * factor))), size)


@dataclass(frozen=True)
class Translate(ChanceStep):
    """Move the image right by `x` times its width and down by `y` times its height, rounded to whole pixels."""

    name = "translate"
    pads = True
    amounts: ClassVar[Amounts] = {"x": Bounds(-1.0, 1.0), "y": Bounds(-1.0, 1.0)}
    x: Amount = 0.0
    y: Amount = 0.0

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One placement."""
        return (Place(size, round(_fixed_number(self.x) * size.width), round(_fixed_number(self.y) * size.height)),)


@dataclass(frozen=True)
class Shear(ChanceStep):
    """Shear: vertical lines lean by `x` degrees, lower end right, then horizontal ones by `y`, right end down."""

    name = "shear"
    pads = True
    amounts: ClassVar[Amounts] = {"x": Bounds(-80.0, 80.0), "y": Bounds(-80.0, 80.0)}
    x: Amount = 0.0
    y: Amount = 0.0
    canvas: Canvas = "keep"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "canvas", self.canvas, get_args(Canvas))

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One `Warp`; none for 0 degrees."""
        x, y = _fixed_number(self.x), _fixed_number(self.y)
        return _about_middle(Affine.shear(x, y), size, self.canvas) if x or y else ()


def _about_middle(affine: Affine, size: Size, canvas: Canvas) -> tuple[Step, ...]:
    """`affine` about the centre of an image of `size`, which becomes the centre of the canvas."""
    width, height = size
    if canvas == "grow":
        width = ceil(abs(affine.a) * size.width + abs(affine.b) * size.height - _SLACK)
        height = ceil(abs(affine.d) * size.width + abs(affine.e) * size.height - _SLACK)
    middle = Affine.translation((width - size.width) / 2, (height - size.height) / 2)
    return (Warp(middle @ affine.about(size.width / 2, size.height / 2), Size(width, height)),)


def _fixed_number(amount: Amount) -> float:
    """`amount` as a number. Raises `UsageError` if it is not drawn yet."""
    if isinstance(amount, float):
        return amount
    raise ValueError(f"{amount!r}: want a number; draw a random step before it is planned")
