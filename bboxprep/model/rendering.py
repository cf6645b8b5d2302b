"""Options of resampling, padding, effects and layers. A plan holds geometry alone; they say how its pixels are made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, get_args

import msgspec

from bboxprep.errors import UsageError

ChannelOrder = Literal["RGB", "BGR"]  # of the last axis of pixels
Kernel = Literal["auto", "nearest", "linear", "cubic", "lanczos"]
Pad = int | tuple[int, int, int] | Literal["edge", "reflect"]  # a gray level, an RGB colour, or the image continued


class Cover(StrEnum):
    """What an image covers of the canvas that it is a part of: where it is seen, all of it, margins included, or the
    shapes of its objects.
    """

    SEEN = "seen"
    CANVAS = "canvas"
    OBJECTS = "objects"


class Effect(msgspec.Struct, frozen=True):
    """A change of pixel values after the plan: the `name` of a recipe step, and its `options` by name.

    The options are fixed (nothing is left to draw) and hashable; `images.effects.apply` implements each name. A
    step that moves the pixels of boxes within them is an option itself, which says how they move in a box; `PLUGIN` has
    a function of pixels.
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()


AUGMENTATION = "albumentations"  # the one effect that may move objects, so it is applied to pixels and objects together
PLUGIN = "of a plugin"  # the effect of a step of another distribution
BACKGROUND = "background"  # the one effect that depends on the objects: it fills what lies outside of their outlines
SETTLED = 0  # the seed of a pipeline that has nothing to draw


@dataclass(frozen=True, slots=True)
class Rendering:
    """The resampling `kernel`, the `pad` that fills the canvas around an image (114 is the gray that trainers use), and
    the `effects` that are applied to the whole canvas, in their order.

    "auto" is the area mean where an image shrinks, a cubic where it grows or shrinks by a ninth at most
    (`images.raster.execute`). The other kernels are antialiased where they shrink, except "nearest".
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


def plain_pad(pad: Pad) -> Any:
    """`pad` in the types of JSON and YAML."""
    return list(pad) if isinstance(pad, tuple) else pad


def pad_text(pad: Pad) -> str:
    """`pad` as text for a summary."""
    return ",".join(map(str, pad)) if isinstance(pad, tuple) else str(pad)
