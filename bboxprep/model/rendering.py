"""How the pixels of a plan are made: what the plan itself, being geometry, does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from bboxprep.errors import UsageError

Kernel = Literal["nearest", "linear", "cubic", "lanczos"]
Pad = int | tuple[int, int, int] | Literal["edge", "reflect"]  # a gray level, an RGB colour, or the picture continued


@dataclass(frozen=True, slots=True)
class Rendering:
    """The resampling `kernel`, antialiased where it shrinks, and what fills the canvas around a picture.

    114 is the gray that trainers pad with.
    """

    kernel: Kernel = "cubic"
    pad: Pad = 114

    def __post_init__(self) -> None:
        if self.kernel not in get_args(Kernel):
            raise UsageError(f"kernel: have {self.kernel!r}, want one of {', '.join(get_args(Kernel))}")
        levels = self.pad if isinstance(self.pad, tuple) else (self.pad,)
        if self.pad not in ("edge", "reflect") and not all(level in range(256) for level in levels):
            raise UsageError(f"pad: have {self.pad!r}, want a level of 0 to 255, three of them, 'edge' or 'reflect'")


DEFAULT_RENDERING = Rendering()
