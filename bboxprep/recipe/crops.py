"""Crop, random crop and tiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Any, ClassVar, Literal

from bboxprep.errors import PlanError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Place, Step
from bboxprep.geometry.shapes import visible_fractions
from bboxprep.recipe.geometric import ChanceStep, Fit, RecipeStep, SizeLike, StepContext
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Amount, Amounts, Bounds, OptionError, check_choice

_TRIES = 20
_MOST_TILES = 100  # along an axis
_SHARE_SLACK = 1e-9


@dataclass(frozen=True)
class Crop(RecipeStep):
    """Keep the part of the image in the rectangle with the top left corner (`x`, `y`), px of the upright image.

    With the `unit` "%" all four are per cent of the sides, rounded to whole px edge by edge; so are texts as in
    ``Crop("10%", "0%", "80%", "100%")``.
    """

    name = "crop"
    x: float
    y: float
    width: float
    height: float
    unit: Literal["px", "%"] = "px"

    def __post_init__(self) -> None:
        values: tuple[object, ...] = (self.x, self.y, self.width, self.height)
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) == 4 and all(re.fullmatch(r"\s*[0-9]+(\.[0-9]+)?\s*%\s*", text, re.ASCII) for text in texts):
            for option, text in zip(("x", "y", "width", "height"), texts, strict=True):
                object.__setattr__(self, option, float(text.strip().removesuffix("%")))
            object.__setattr__(self, "unit", "%")
        check_choice(self.name, "unit", self.unit, ("px", "%"))
        self._check((self.x, self.y, self.width, self.height))

    def _check(self, values: tuple[Any, ...]) -> None:
        have, kinds = ",".join(map(str, values)), (int,) if self.unit == "px" else (int, float)
        x, y, width, height = values if all(type(value) in kinds for value in values) else (-1, -1, -1, -1)
        if self.unit == "%":
            if not (min(x, y) >= 0 and min(width, height) > 0 and max(x + width, y + height) <= 100.0 + _SHARE_SLACK):
                raise OptionError(self.name, "x", f"have {have} per cent, want a rectangle of 0% to 100%")
            for option, value in zip(("x", "y", "width", "height"), values, strict=True):
                object.__setattr__(self, option, float(value))
        elif min(x, y) < 0 or min(width, height) < 1:
            option = "x" if width and height else "width"
            raise OptionError(self.name, option, f"have {have}, want X,Y >= 0 and W,H >= 1, or all four in %")

    def _edges(self, size: Size) -> tuple[int, int, int, int]:
        """The rectangle in an image of `size`: left, top, right, bottom in whole px."""
        if self.unit == "px":
            x, y, width, height = int(self.x), int(self.y), int(self.width), int(self.height)
            return x, y, min(x + width, size.width), min(y + height, size.height)
        across = (round(edge * size.width / 100.0) for edge in (self.x, min(100.0, self.x + self.width)))
        down = (round(edge * size.height / 100.0) for edge in (self.y, min(100.0, self.y + self.height)))
        (left, right), (top, bottom) = across, down
        return left, top, right, bottom

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One placement. Raises `PlanError` where the rectangle misses the image."""
        left, top, right, bottom = self._edges(size)
        if right <= left or bottom <= top:
            where = "is empty in" if self.unit == "%" else "lies outside"
            raise PlanError(f"the {self} {where} an image of {size}")
        return (Place(Size(right - left, bottom - top), -left, -top),)

    def options(self) -> dict[str, Any]:
        """The four numbers, and the unit if it is not px."""
        options = super().options()
        return options if options.pop("unit") == "px" else {**options, "unit": "%"}

    def __str__(self) -> str:
        mark = "%" if self.unit == "%" else ""
        return "crop " + ",".join(f"{value:g}{mark}" for value in (self.x, self.y, self.width, self.height))


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
class Tile(RecipeStep):
    """Cut into tiles of `size` px, or into `rows` and `columns`, that overlap by at least `overlap` of their side.

    The tiles are evenly spaced from edge to edge. An image that is smaller than a tile is one tile of its own size.
    `crops` lists the tiles; `Recipe.tiles` makes a recipe for each.
    """

    name = "tile"
    size: SizeLike | None = None
    overlap: float = 0.0
    rows: int = 0
    columns: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "overlap", Bounds(0.0, 0.9).number(self.name, "overlap", self.overlap))
        if self.size is not None:
            object.__setattr__(self, "size", Fit(self.size).target)
        counts = (self.rows, self.columns)
        if (self.size is None) == (counts == (0, 0)):
            raise OptionError(self.name, "size", "want the size of the tiles, or rows and columns")
        if self.size is None and not all(type(count) is int and 1 <= count <= _MOST_TILES for count in counts):
            have = f"have {self.rows!r} rows and {self.columns!r} columns"
            raise OptionError(self.name, "rows", f"{have}, want 1 to {_MOST_TILES} of each")

    def crops(self, size: Size) -> tuple[tuple[tuple[int, int], Crop], ...]:
        """The (row, column) and the crop of each tile of an image of `size`."""
        if self.size is None:
            (width, columns), (height, rows) = (
                _parts(side, count, self.overlap) for side, count in zip(size, (self.columns, self.rows), strict=True)
            )
        else:
            target = Size.of(self.size)
            columns, rows = (_starts(side, tile, self.overlap) for side, tile in zip(size, target, strict=True))
            width, height = min(size.width, target.width), min(size.height, target.height)
        return tuple(
            ((row, column), Crop(x, y, width, height)) for row, y in enumerate(rows) for column, x in enumerate(columns)
        )

    def steps(self, size: Size) -> tuple[Step, ...]:
        """Raises `UsageError`: there is one plan for each tile, and none for all."""
        raise UsageError(f"tile: an image of {size} becomes several, want a plan for one of `Recipe.tiles`")

    def options(self) -> dict[str, Any]:
        """The size, or rows and columns, and the overlap."""
        unset = ("rows", "columns") if self.size is not None else ("size",)
        return {name: value for name, value in super().options().items() if name not in unset}

    def __str__(self) -> str:
        words = f"{self.rows} rows, {self.columns} columns" if self.size is None else str(self.size)
        return f"tile {words}" + (f" overlap {self.overlap:g}" if self.overlap else "")


def _starts(side: int, tile: int, overlap: float) -> list[int]:
    """The first pixel of each tile along an axis of length `side`."""
    rest = side - tile
    if rest <= 0:
        return [0]
    gaps = ceil(rest / max(1, floor(tile * (1.0 - overlap))))
    return [round(rest * place / gaps) for place in range(gaps + 1)]


def _parts(side: int, count: int, overlap: float) -> tuple[int, list[int]]:
    """The length of `count` tiles along an axis of length `side`, at most one for each px, and the first px of each."""
    count = min(count, side)
    length = min(side, ceil(side / (1.0 + (count - 1) * (1.0 - overlap)) - _SHARE_SLACK))
    return length, [round((side - length) * place / max(1, count - 1)) for place in range(count)]
