"""Random crop and tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import ClassVar

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Step
from bboxprep.geometry.shapes import visible_fractions
from bboxprep.recipe.geometric import ChanceStep, Crop, RecipeStep, Sized, StepContext
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Amount, Amounts, Bounds

_TRIES = 20
_SHARE_SLACK = 1e-9


@dataclass(frozen=True)
class RandomCrop(ChanceStep):
    """A crop of `area` times the area and `aspect` times the aspect ratio of the image.

    At least `min_visibility` of each box stays in it (1: all; 0: objects may be lost). If no drawn position satisfies
    that, the crop grows as needed and is placed around all objects.
    """

    name = "random_crop"
    amounts: ClassVar[Amounts] = {"area": Bounds(0.01, 1.0), "aspect": Bounds(0.1, 10.0)}
    area: Amount = (0.5, 1.0)
    aspect: Amount = (0.75, 4 / 3)
    min_visibility: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        share = Bounds(0.0, 1.0).number(self.name, "min_visibility", self.min_visibility)
        object.__setattr__(self, "min_visibility", share)

    @property
    def is_fixed(self) -> bool:
        """Never."""
        return False

    @property
    def needs_context(self) -> bool:
        """Always: the crop depends on the size and the objects."""
        return True

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:
        """The drawn `Crop`; None if it is not applied."""
        if context is None:
            raise UsageError("random_crop: want the size and the objects of the image to draw from")
        if draw.uniform("p") >= self.p:
            return None
        for crop in self._tries(draw, context.size):
            region = (crop.x, crop.y, crop.x + crop.width, crop.y + crop.height)
            shares = visible_fractions(context.boxes, tuple(map(float, region)))  # type: ignore[arg-type]  # of four
            if (shares >= self.min_visibility - _SHARE_SLACK).all():
                return crop
        return _around_all(crop, context, draw)

    def _tries(self, draw: Draw, size: Size) -> Iterator[Crop]:
        for number in range(_TRIES):
            area, aspect = draw.amount(f"area {number}", self.area), draw.amount(f"aspect {number}", self.aspect)
            width = min(size.width, max(1, round(size.width * sqrt(area * aspect))))
            height = min(size.height, max(1, round(size.height * sqrt(area / aspect))))
            x = int(draw.uniform(f"x {number}") * (size.width - width + 1))
            y = int(draw.uniform(f"y {number}") * (size.height - height + 1))
            yield Crop(x, y, width, height)


def _around_all(crop: Crop, context: StepContext, draw: Draw) -> Crop:
    """A crop of the size of `crop` or larger that holds all objects of `context`."""
    low, high = context.boxes[:, :2].min(axis=0), context.boxes[:, 2:].max(axis=0)
    sides = []
    for axis, (length, side) in enumerate(zip((crop.width, crop.height), context.size, strict=True)):
        first, last = max(0, floor(low[axis])), min(side, ceil(high[axis]))
        length = min(side, max(length, last - first))
        least, most = max(0, last - length), min(first, side - length)
        sides.append((least + int(draw.uniform(f"around {axis}") * (most - least + 1)), length))
    (x, width), (y, height) = sides
    return Crop(x, y, width, height)


@dataclass(frozen=True)
class Tile(Sized):
    """Cut into tiles of `size` px that overlap by at least `overlap` of their side.

    The tiles are evenly spaced from edge to edge. An image that is smaller than a tile is one tile of its own size.
    `crops` lists the tiles; `Recipe.tiles` makes a recipe for each.
    """

    name = "tile"
    overlap: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "overlap", Bounds(0.0, 0.9).number(self.name, "overlap", self.overlap))

    def crops(self, size: Size) -> tuple[tuple[tuple[int, int], Crop], ...]:
        """The (row, column) and the crop of each tile of an image of `size`."""
        columns, rows = (_starts(side, tile, self.overlap) for side, tile in zip(size, self.target, strict=True))
        width, height = min(size.width, self.target.width), min(size.height, self.target.height)
        return tuple(
            ((row, column), Crop(x, y, width, height)) for row, y in enumerate(rows) for column, x in enumerate(columns)
        )

    def steps(self, size: Size) -> tuple[Step, ...]:
        """Raises `UsageError`: there is one plan for each tile, and none for all."""
        raise UsageError(f"tile: an image of {size} becomes several, want a plan for one of `Recipe.tiles`")

    def __str__(self) -> str:
        return f"tile {self.target}" + (f" overlap {self.overlap:g}" if self.overlap else "")


def _starts(side: int, tile: int, overlap: float) -> list[int]:
    """The first pixel of each tile along an axis of length `side`."""
    rest = side - tile
    if rest <= 0:
        return [0]
    gaps = ceil(rest / max(1, floor(tile * (1.0 - overlap))))
    return [round(rest * place / gaps) for place in range(gaps + 1)]
