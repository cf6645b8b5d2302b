"""How the pixels of a plan are made: what the plan itself, being geometry, does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from bboxprep.errors import UsageError

Kernel = Literal["auto", "nearest", "linear", "cubic", "lanczos"]
Pad = int | tuple[int, int, int] | Literal["edge", "reflect"]  # a gray level, an RGB colour, or the picture continued


@dataclass(frozen=True, slots=True)
class Effect:
    """What is done to the pixels of a finished picture: the `name` of a step, and its `options` by name.

    The options are settled, plain and hashable; `images.effects.apply` knows the names.
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()


AUGMENTATION = "albumentations"  # the effect that may move things, which is therefore done with its objects


@dataclass(frozen=True, slots=True)
class Rendering:
    """The resampling `kernel`, what fills the canvas around a picture (`pad`; 114 is the gray that trainers pad with),
    and the `effects` on the finished picture, margins included, in their order.

    "auto" takes the mean of what a pixel covers where a picture shrinks, a cubic where it grows or shrinks by a ninth
    at most (`images.raster.resample` says it in full); the others are antialiased where they shrink, "nearest" apart.
    """

    kernel: Kernel = "auto"
    pad: Pad = 114
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        if self.kernel not in get_args(Kernel):
            raise UsageError(f"kernel: have {self.kernel!r}, want one of {', '.join(get_args(Kernel))}")
        levels = self.pad if isinstance(self.pad, tuple) else (self.pad,)
        if self.pad not in ("edge", "reflect") and not all(level in range(256) for level in levels):
            raise UsageError(f"pad: have {self.pad!r}, want a level of 0 to 255, three of them, 'edge' or 'reflect'")


DEFAULT_RENDERING = Rendering()
