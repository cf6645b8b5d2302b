"""Steps with a mistake each, which the checks of steps must catch."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing import parent_process
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL
from bboxprep.geometry.plan import Orient, Place, Resample, Step, Warp
from bboxprep.recipe.appearance import AppearanceStep
from bboxprep.recipe.geometric import ChanceStep, RecipeStep

Pixels = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB


@dataclass(frozen=True)
class Negative(AppearanceStep):
    """The inverse of each level; right."""

    name = "negative"
    of: tuple[int, ...] = (255,)

    def apply(self, pixels: Pixels) -> Pixels:
        pixels[:] = self.of[0] - pixels  # it was given a copy
        return pixels


@dataclass(frozen=True)
class Moving(Negative):
    """It moves pixels."""

    def apply(self, pixels: Pixels) -> Pixels:
        return np.roll(pixels, 2, axis=1)


@dataclass(frozen=True)
class Shrinking(Negative):
    """It makes another size."""

    def apply(self, pixels: Pixels) -> Pixels:
        return pixels[::2]


@dataclass(frozen=True)
class Widening(Negative):
    """It makes another type."""

    def apply(self, pixels: Pixels) -> Any:
        return pixels / 2.0


@dataclass(frozen=True)
class Raising(Negative):
    """It cannot do it."""

    def apply(self, pixels: Pixels) -> Pixels:
        return pixels[..., 5]


_CALLS = [0]


@dataclass(frozen=True)
class Changing(Negative):
    """It does it otherwise each time."""

    def apply(self, pixels: Pixels) -> Pixels:
        _CALLS[0] += 1
        return pixels + np.uint8(_CALLS[0] % 100)


@dataclass(frozen=True)
class Elsewhere(Negative):
    """It does it otherwise in another process."""

    def apply(self, pixels: Pixels) -> Pixels:
        return pixels ^ np.uint8(bool(parent_process()))


@dataclass(frozen=True)
class Forgetful(Negative):
    """Its record does not hold its options."""

    def options(self) -> dict[str, Any]:
        return {}


class Undecorated(Negative):
    """It is no dataclass by itself, so that an option of its own would be none."""

    name = "undecorated"
    size: int = 3


@dataclass(frozen=True)
class Moved(ChanceStep):
    """The plan steps that it is given; right, where they are."""

    name = "moved"
    by: str = "place"

    def steps(self, size: Size) -> Any:
        made: dict[str, tuple[Any, ...]] = {
            "place": (Place(Size(size.width + 9, size.height), 4, 0),),
            "turn": (Warp(Affine(0.9, 0.2, 0.0, -0.2, 0.9, 0.1 * size.width), size),),
            "mirror": (Orient(FLIP_HORIZONTAL),),
            "pair": (Resample((5, 5)),),  # type: ignore[arg-type]  # as it must not be
            "half": (Place(size, 0.5, 0),),  # type: ignore[arg-type]
            "words": ("place",),
            "nothing": (Resample(Size(0, 3)),),
        }
        return made[self.by]


@dataclass(frozen=True)
class Mirrored(ChanceStep):
    """A mirror that says so."""

    name = "mirrored"
    mirrors = True

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002
        return (Orient(FLIP_HORIZONTAL),)


@dataclass(frozen=True)
class Cutout(RecipeStep):
    """Its name is taken."""

    name = "cutout"

    def steps(self, size: Size) -> tuple[Step, ...]:
        return (Place(size, 0, 0),)


@dataclass(frozen=True)
class Idle(RecipeStep):
    """It does nothing."""

    name = "idle"
