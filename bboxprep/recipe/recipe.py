"""A recipe: the user's steps in order, and how their pixels are made.

**Why `upright` is a switch and not a step.** Crops and sizes are meant on the picture as people see it, so the turn
that EXIF asks for can only come first; there is nothing to place it by.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Plan
from bboxprep.model.rendering import Kernel, Pad, Rendering
from bboxprep.recipe.steps import Flip, RecipeStep


@dataclass(frozen=True, init=False)
class Recipe:
    """``Recipe(Letterbox(640), Flip("horizontal"), pad=0)``: steps in order.

    `upright` turns each picture as its EXIF orientation asks, before all else; without it the stored pixels are taken
    as they are and the tag is dropped. `pad` fills the margins (a gray level, an RGB triple, "edge" or "reflect"),
    `kernel` resamples.
    """

    steps: tuple[RecipeStep, ...]
    upright: bool
    rendering: Rendering

    def __init__(self, *steps: RecipeStep, upright: bool = True, pad: Pad = 114, kernel: Kernel = "cubic") -> None:
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "upright", upright)
        object.__setattr__(self, "rendering", Rendering(kernel, pad))

    def plan(self, size: Size, turn: Dihedral) -> Plan:
        """The plan for a picture stored at `size` that `turn` displays. Raises `PlanError` where a step has none."""
        return _plan(self, size, turn)

    @property
    def mirrors(self) -> bool:
        """Whether left and right change places: an odd number of steps that mirror. An EXIF turn is none of them."""
        return sum(isinstance(step, Flip) and step.mirrors for step in self.steps) % 2 == 1

    def options(self) -> dict[str, Any]:
        """The recipe as plain data, for the record of a run."""
        return {
            "upright": self.upright,
            "steps": [{step.name: step.options()} for step in self.steps],
            "pad": self.rendering.pad,
            "kernel": self.rendering.kernel,
        }

    def __str__(self) -> str:
        words = ["upright" if self.upright else "as stored", *map(str, self.steps)]
        if any(step.name == "letterbox" for step in self.steps):
            words = [f"{word} pad {_pad_text(self.rendering.pad)}" if "letterbox" in word else word for word in words]
        return " > ".join(words)


@lru_cache(maxsize=4096)
def _plan(recipe: Recipe, size: Size, turn: Dihedral) -> Plan:
    plan = Plan(size)
    if recipe.upright:
        plan = plan.then(Orient(turn))
    for step in recipe.steps:
        plan = plan.then(*step.steps(plan.size))
    return plan


def _pad_text(pad: Pad) -> str:
    return ",".join(map(str, pad)) if isinstance(pad, tuple) else str(pad)
