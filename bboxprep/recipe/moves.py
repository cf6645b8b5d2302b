"""Steps that turn, scale, move and lean a picture about its middle. All fold into one map and one resampling."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal, get_args

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Step, Warp
from bboxprep.recipe.geometric import ChanceStep, centred
from bboxprep.recipe.values import Amount, Amounts, Bounds, check_choice

Canvas = Literal["keep", "grow"]
_QUARTERS = {90.0: 6, 180.0: 3, 270.0: 8}  # clockwise degrees as the EXIF orientation that asks for them
_SLACK = 1e-6  # px of a canvas that the rounding of float64 may add


@dataclass(frozen=True)
class Rotate(ChanceStep):
    """Turn clockwise by `degrees`.

    A right angle is exact, pixel for pixel, and the canvas turns along. Any other turns the picture on a canvas of the
    old size ("keep", which cuts corners) or one that holds all of it ("grow").
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
        """One turn, or one warp; nothing for no turn at all."""
        degrees = _settled(self.degrees) % 360.0
        if degrees == 0.0:
            return ()
        if degrees in _QUARTERS:
            return (Orient(Dihedral.from_exif(_QUARTERS[degrees])),)
        return _about_middle(Affine.rotation(degrees), size, self.canvas)


@dataclass(frozen=True)
class Scale(ChanceStep):
    """Make the picture `factor` times as large, to whole pixels, in the middle of a canvas that stays as it is."""

    name = "scale"
    pads = True
    amounts: ClassVar[Amounts] = {"factor": Bounds(0.01, 100.0)}
    factor: Amount

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample and a placement."""
        factor = _settled(self.factor)
        return centred(Size(max(1, round(size.width * factor)), max(1, round(size.height * factor))), size)


@dataclass(frozen=True)
class Translate(ChanceStep):
    """Move the picture to the right by `x` of its width and down by `y` of its height, by whole pixels."""

    name = "translate"
    pads = True
    amounts: ClassVar[Amounts] = {"x": Bounds(-1.0, 1.0), "y": Bounds(-1.0, 1.0)}
    x: Amount = 0.0
    y: Amount = 0.0

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One placement."""
        return (Place(size, round(_settled(self.x) * size.width), round(_settled(self.y) * size.height)),)


@dataclass(frozen=True)
class Shear(ChanceStep):
    """Lean upright lines by `x` degrees, their lower end to the right, then level ones by `y`, their right end down."""

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
        """One warp; nothing for no lean at all."""
        x, y = _settled(self.x), _settled(self.y)
        return _about_middle(Affine.shear(x, y), size, self.canvas) if x or y else ()


def _about_middle(affine: Affine, size: Size, canvas: Canvas) -> tuple[Step, ...]:
    """`affine` about the middle of a picture of `size`, which becomes the middle of the canvas."""
    width, height = size
    if canvas == "grow":
        width = ceil(abs(affine.a) * size.width + abs(affine.b) * size.height - _SLACK)
        height = ceil(abs(affine.d) * size.width + abs(affine.e) * size.height - _SLACK)
    middle = Affine.translation((width - size.width) / 2, (height - size.height) / 2)
    return (Warp(middle @ affine.about(size.width / 2, size.height / 2), Size(width, height)),)


def _settled(amount: Amount) -> float:
    """The number that a drawn `amount` is."""
    if isinstance(amount, float):
        return amount
    raise ValueError(f"{amount!r}: a step of chance is drawn before it is planned")
