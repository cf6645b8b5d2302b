"""The steps a recipe is made of. Each sees sizes only and answers with steps of a plan.

The rounding of letterbox, fit and fill is here and nowhere else; everyone else reads the plan. It is the rounding that
trainers use: with r the smaller of target / source, the picture is resized to ``round(w r) x round(h r)`` and the left
and top margins are half the rest, rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from bboxprep.errors import PlanError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, FLIP_VERTICAL, ROTATE_180
from bboxprep.geometry.plan import Orient, Place, Resample, Step

SizeLike = int | tuple[int, int]


class RecipeStep(Protocol):
    """One wish of the user."""

    name: ClassVar[str]

    def steps(self, size: Size) -> tuple[Step, ...]:
        """The steps for an upright picture of `size`. Raises `PlanError` where there are none."""

    def options(self) -> dict[str, Any]:
        """Its parameters as plain data."""

    def __str__(self) -> str:
        """It as one reads it in a summary."""


@dataclass(frozen=True)
class _Sized:
    """A step that has a target size: `size` is one number for a square, or (width, height)."""

    name: ClassVar[str]
    size: SizeLike

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", Size.of(self.size))

    @property
    def target(self) -> Size:
        """The size as a `Size`."""
        return Size.of(self.size)

    def options(self) -> dict[str, Any]:
        """The parameters as plain data."""
        return {"size": list(self.target)}

    def __str__(self) -> str:
        return f"{self.name} {self.target}"


class Resize(_Sized):
    """Stretch to the size, whatever the proportions."""

    name = "resize"

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002  # every step is asked the same way
        """One resample."""
        return (Resample(self.target),)


class Fit(_Sized):
    """Scale, keeping proportions, to the largest size inside the target; no margin."""

    name = "fit"

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One resample."""
        return (Resample(_scaled(size, self.target, min)),)


class Letterbox(_Sized):
    """Scale, keeping proportions, to fit inside the target, and centre on a canvas of exactly that size."""

    name = "letterbox"

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample and a placement."""
        return _centred(_scaled(size, self.target, min), self.target)


class Fill(_Sized):
    """Scale, keeping proportions, to cover the target, and cut what reaches over it on both sides."""

    name = "fill"

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample and a placement."""
        return _centred(_scaled(size, self.target, max), self.target)


@dataclass(frozen=True)
class Crop:
    """Keep the rectangle whose top left corner is (`x`, `y`), as far as it lies in the picture."""

    name: ClassVar[str] = "crop"
    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or self.x < 0 or self.y < 0:
            raise UsageError(f"crop: have {self.x},{self.y},{self.width},{self.height}, want X,Y >= 0 and W,H >= 1")

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One placement. Raises `PlanError` where the rectangle misses the picture."""
        width, height = min(self.width, size.width - self.x), min(self.height, size.height - self.y)
        if width < 1 or height < 1:
            raise PlanError(f"the crop at {self.x},{self.y} lies outside a picture of {size}")
        return (Place(Size(width, height), -self.x, -self.y),)

    def options(self) -> dict[str, Any]:
        """The parameters as plain data."""
        return {"x": self.x, "y": self.y, "width": self.width, "height": self.height}

    def __str__(self) -> str:
        return f"crop {self.x},{self.y},{self.width},{self.height}"


Axis = Literal["horizontal", "vertical", "both"]
_FLIPS = {"horizontal": FLIP_HORIZONTAL, "vertical": FLIP_VERTICAL, "both": ROTATE_180}


@dataclass(frozen=True)
class Flip:
    """Mirror left-right (`horizontal`), up-down (`vertical`) or both."""

    name: ClassVar[str] = "flip"
    axis: Axis = "horizontal"

    def __post_init__(self) -> None:
        if self.axis not in _FLIPS:
            raise UsageError(f"flip: have {self.axis!r}, want one of {', '.join(_FLIPS)}")

    @property
    def mirrors(self) -> bool:
        """Whether it makes left of right, as every flip but a half turn does."""
        return self.axis != "both"

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002  # every step is asked the same way
        """One turn."""
        return (Orient(_FLIPS[self.axis]),)

    def options(self) -> dict[str, Any]:
        """The parameters as plain data."""
        return {"axis": self.axis}

    def __str__(self) -> str:
        return f"flip {self.axis}"


def _scaled(size: Size, target: Size, choose: Any) -> Size:
    ratio = choose(target.width / size.width, target.height / size.height)
    return Size(max(1, round(size.width * ratio)), max(1, round(size.height * ratio)))


def _centred(size: Size, canvas: Size) -> tuple[Step, ...]:
    return Resample(size), Place(canvas, (canvas.width - size.width) // 2, (canvas.height - size.height) // 2)
