"""The step that makes an image of each object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal, get_args

from bboxprep.errors import PlanError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Step
from bboxprep.geometry.shapes import Boxes, clip_boxes
from bboxprep.model.rendering import BACKGROUND
from bboxprep.recipe.appearance import AppearanceStep
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import RecipeStep
from bboxprep.recipe.values import Bounds, OptionError, check_choice

Others = Literal["drop", "keep"]
Fill = Literal["keep", "pad"]  # of the background
_SLACK = 1e-6  # px; an error of float64


@dataclass(frozen=True)
class FilledBackground(AppearanceStep):
    """Fill what lies outside of the outlines of objects with the pad: in the recipe drawn for an image, after the crop
    around its objects. It draws nothing, and no recipe is given it: it is an option of `Isolate`.
    """

    name = BACKGROUND


@dataclass(frozen=True)
class Isolate(RecipeStep):
    """Make an image of each object: its box with a `margin` on each side, a share of the longer side of the box (also
    ``"10%"``), in whole px, cut at the edges of the image.

    With `square` the shorter side grows to the longer one, as far as the image reaches. Of `classes`, if there are any,
    and not smaller than `min_size` px on any side in the source image; crowd regions are no objects. The labels of
    `others` are dropped, so that each image has one object, or kept as a tile keeps them. `together`: one image of all
    objects of the classes, in place of one of each. `background`: what lies outside of the labelled objects of the
    image, of their polygons, else their masks, oriented boxes or boxes, is kept or filled with the pad of the recipe.
    """

    name = "isolate"
    margin: float = 0.0
    square: bool = False
    classes: tuple[str, ...] = ()
    min_size: int = 0
    others: Others = "drop"
    together: bool = False
    background: Fill = "keep"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "margin", Bounds(0.0, 10.0).number(self.name, "margin", _share(self.margin)))
        given: object = self.classes
        names = (given,) if isinstance(given, str) else given
        if not isinstance(names, tuple | list) or not all(isinstance(each, str) for each in names):
            raise OptionError(self.name, "classes", f"have {given!r}, want names of classes")
        object.__setattr__(self, "classes", tuple(dict.fromkeys(names)))
        if type(self.min_size) is not int or not 0 <= self.min_size < 2**31:
            raise OptionError(self.name, "min_size", f"have {self.min_size!r}, want a whole number of px, 0 or more")
        check_choice(self.name, "others", self.others, get_args(Others))
        check_choice(self.name, "background", self.background, get_args(Fill))
        for option in ("square", "together"):
            check_choice(self.name, option, getattr(self, option), (False, True))

    @property
    def has_one_class(self) -> bool:
        """Whether each image has one object, and so one class."""
        return self.others == "drop" and not self.together

    def crop(self, boxes: Boxes, size: Size) -> Crop:
        """The crop around `boxes` (M, 4) px in an image of `size`. Raises `PlanError` where none of them is in it."""
        seen = clip_boxes(boxes, size)
        seen = seen[(seen[:, 2:] > seen[:, :2]).all(axis=1)]
        if not len(seen):
            raise PlanError(f"isolate: nothing of the object is in the image of {size}")
        low, high = seen[:, :2].min(axis=0), seen[:, 2:].max(axis=0)
        margin = self.margin * float((high - low).max())
        spans = [
            (max(0, floor(first - margin + _SLACK)), min(side, ceil(last + margin - _SLACK)))
            for first, last, side in zip(low.tolist(), high.tolist(), size, strict=True)
        ]
        longest = max(last - first for first, last in spans)
        if self.square:
            spans = [_grown(span, longest, side) for span, side in zip(spans, size, strict=True)]
        (left, right), (top, bottom) = spans
        return Crop(left, top, right - left, bottom - top)

    def made_of(self, boxes: Boxes, size: Size) -> tuple[RecipeStep, ...]:
        """The steps that make the image of `boxes` (M, 4) px of an image of `size`. Raises `PlanError` as `crop`."""
        return (self.crop(boxes, size), *([FilledBackground()] if self.background == "pad" else []))

    def steps(self, size: Size) -> tuple[Step, ...]:
        """Raises `UsageError`: there is one plan for each object, and none for all."""
        raise UsageError(f"isolate: an image of {size} becomes several, want a plan for one of `Recipe.isolated`")

    def options(self) -> dict[str, Any]:
        """The options that are not at their defaults, and the margin."""
        defaults = Isolate()
        options = super().options()
        return {name: value for name, value in options.items() if name == "margin" or value != getattr(defaults, name)}

    def __str__(self) -> str:
        words = [", ".join(self.classes)] if self.classes else []
        words += [f"margin {self.margin:g}"] if self.margin else []
        words += [word for word, said in (("square", self.square), ("together", self.together)) if said]
        words += [f"of {self.min_size} px or more"] if self.min_size else []
        words += ["background filled"] if self.background == "pad" else []
        return " ".join(["isolate", *words, *(["others kept"] if self.others == "keep" else [])])


def _share(margin: object) -> object:
    """The share that a text such as ``10%`` states; `margin` itself if it is no such text."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)%\s*", margin, re.ASCII) if isinstance(margin, str) else None
    return float(found[1]) / 100.0 if found else margin


def _grown(span: tuple[int, int], length: int, side: int) -> tuple[int, int]:
    """`span` grown to `length` about its middle, moved into 0 to `side`; all of it where that is shorter."""
    length = min(length, side)
    first = span[0] - (length - (span[1] - span[0])) // 2
    first = min(max(0, first), side - length)
    return first, first + length
