"""Sizes that models want: sides that are multiples of a number, and no more pixels than a limit.

**Sources.** Processors of vision-language models stretch an image to whole patches and limit its pixels: `smart_resize`
of Qwen2-VL in transformers (``models/qwen2_vl/image_processing_qwen2_vl.py``; 28 px for Qwen2-VL and Qwen2.5-VL, 32 for
Qwen3-VL). Trainers of detectors pad a batch to the stride of their model: torchvision's `GeneralizedRCNNTransform`
(``size_divisible=32``) at the right and bottom, the `LetterBox` of Ultralytics (``auto``, ``stride=32``) on all sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any, Literal, get_args

from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Resample, Step
from bboxprep.recipe.geometric import Position, RecipeStep, placed
from bboxprep.recipe.values import OptionError, check_choice

How = Literal["stretch", "pad"]
_MOST = 1024  # px; the patches and strides of models are far smaller


@dataclass(frozen=True)
class Multiple(RecipeStep):
    """Make both sides multiples of `of` px, and the image no larger than `max_pixels`, where that is given.

    `how`: "stretch" each side to the nearest multiple, or "pad" it to the next one, with the image in the `place`
    "centre" or "top-left". An image that has more than `max_pixels` after that is shrunk to so many, and each side is
    rounded down to a multiple. These are the sizes of Qwen2-VL's `smart_resize`, which leaves the output as it is.
    """

    name = "multiple"
    pads = True
    of: int = 1
    how: How = "stretch"
    max_pixels: int | None = None
    place: Position = "centre"

    def __post_init__(self) -> None:
        if type(self.of) is not int or not 1 <= self.of <= _MOST:
            raise OptionError(self.name, "of", f"have {self.of!r}, want a whole number of px, 2 to {_MOST:,}")
        check_choice(self.name, "how", self.how, get_args(How))
        check_choice(self.name, "place", self.place, get_args(Position))
        if self.max_pixels is None and self.of == 1:
            raise OptionError(self.name, "of", "have none, want a whole number of px, as in 28, or max_pixels")
        if self.place != "centre" and self.how != "pad":
            raise OptionError(self.name, "place", f"have {self.place!r}, but nothing is padded; want how: pad")
        if self.max_pixels is not None:
            self._check_limit(self.max_pixels)

    def _check_limit(self, most: Any) -> None:
        if self.how == "pad":
            raise OptionError(self.name, "max_pixels", "have it with how: pad, want it with how: stretch")
        if type(most) is not int or most < self.of**2:
            want = f"a whole number of {self.of**2:,} (one multiple a side) or more"
            raise OptionError(self.name, "max_pixels", f"have {most!r}, want {want}")

    @property
    def has_margin(self) -> bool:
        """Whether it pads."""
        return self.how == "pad"

    def steps(self, size: Size) -> tuple[Step, ...]:
        """A resample, or a placement."""
        if self.how == "pad":
            return placed(size, Size(*(-(-side // self.of) * self.of for side in size)), self.place)
        nearest = Size(*(max(1, round(side / self.of)) * self.of for side in size))
        if self.max_pixels is None or nearest.pixels <= self.max_pixels:
            return (Resample(nearest),)
        return (Resample(_shrunk(size, self.of, self.max_pixels)),)

    def __str__(self) -> str:
        words = [f"multiple {self.of}" + (" padded" if self.how == "pad" else "")] if self.of > 1 else []
        words += [f"at most {self.max_pixels:,} pixels"] if self.max_pixels else []
        return ", ".join(words) + (" top-left" if self.place != "centre" else "")


def _shrunk(size: Size, of: int, most: int) -> Size:
    """The multiples below the sides of an image of `size` that is shrunk to `most` pixels; at least one a side, even
    where the other has to become shorter for it.
    """
    sides = [max(of, isqrt(side * side * most // size.pixels) // of * of) for side in size]
    short, long = min(sides), max(sides)
    return Size(*(min(side, most // short // of * of) if side == long else side for side in sides))
