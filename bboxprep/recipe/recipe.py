"""A recipe: the user's steps in order, and how their pixels are made.

**Two parts.** What all pictures go through (`steps`: each has one outcome), and what a training picture goes through
on top, as often as `Augment.copies` says, drawn anew each time. `Recipe.drawn` settles one such copy: what comes of it
is a recipe without chance, that can be planned, executed, kept in a record and repeated.

**Why `upright` is a switch and not a step.** Crops and sizes are meant on the picture as people see it, so the turn
that EXIF asks for can only come first; there is nothing to place it by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.plan import Orient, Plan
from bboxprep.geometry.shapes import Boxes, clip_boxes, map_boxes
from bboxprep.model.rendering import Effect, Kernel, Pad, Rendering
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN, is_training
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.crops import Mosaic, Tile
from bboxprep.recipe.geometric import Flip, RecipeStep, StepContext
from bboxprep.recipe.random_draw import Draw


@dataclass(frozen=True)
class Augment:
    """``Augment(Flip(p=0.5), copies=3)``: steps of chance, of which each training picture gets `copies` draws.

    `plain`: the first copy has none of them. Raises `UsageError` for a number of copies that cannot be.
    """

    steps: tuple[RecipeStep, ...]
    copies: int
    plain: bool

    def __init__(self, *steps: RecipeStep, copies: int = 1, plain: bool = False) -> None:
        if type(copies) is not int or not 1 <= copies <= 10_000:
            raise UsageError(f"augment: copies: have {copies!r}, want a whole number of 1 to 10,000")
        if plain not in (True, False) or (plain and copies == 1):
            raise UsageError(f"augment: plain: have {plain!r} with {copies} copies, want true with 2 or more, or false")
        if not steps:
            raise UsageError("augment: steps: have none, want at least one")
        object.__setattr__(self, "steps", tuple(steps))
        object.__setattr__(self, "copies", copies)
        object.__setattr__(self, "plain", plain)

    def options(self) -> dict[str, Any]:
        """As plain data, for the record of a run."""
        return {"copies": self.copies, "plain": self.plain, "steps": _options(self.steps)}

    def __str__(self) -> str:
        plain = ", first plain" if self.plain else ""
        return f"augment {TRAIN} x{self.copies}{plain}: {' > '.join(map(str, self.steps))}"


@dataclass(frozen=True, slots=True)
class ImageContext:
    """What a draw may have to see of an image: its stored `size` and the `turn` that displays it, and of its objects
    the `boxes` (N, 4) in the stored plane and the class `names`.
    """

    size: Size
    turn: Dihedral = IDENTITY
    boxes: Boxes = field(default_factory=lambda: np.zeros((0, 4)), compare=False)
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sample: Sample, names: frozenset[str]) -> ImageContext:
        """That of `sample`, whose objects have the class `names`. One made of several pictures is taken as it is."""
        if sample.parts or sample.header is None:
            return cls(sample.size, boxes=sample.instances.boxes, names=names)
        boxes = map_boxes(sample.to_stored, sample.instances.boxes)
        return cls(sample.header.size, sample.header.turn, boxes, names)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One copy of one image settled: a `recipe` without chance, and how many flips were `kept` back because of what the
    image shows.
    """

    recipe: Recipe
    kept: int = 0


@dataclass(frozen=True, init=False)
class Recipe:
    """``Recipe(Letterbox(640), Flip("horizontal"), pad=0)``: steps in order.

    `upright` turns each picture as its EXIF orientation asks, before all else; without it the stored pixels are taken
    as they are and the tag is dropped. `pad` fills the margins (a gray level, an RGB triple, "edge" or "reflect"),
    `kernel` resamples. `augment` is for training pictures alone, and `seed` is the key of all chance in it (0 without
    it). Raises `UsageError` for a step of chance outside of `augment`.
    """

    steps: tuple[RecipeStep, ...]
    upright: bool
    rendering: Rendering
    augment: Augment | None
    seed: int

    def __init__(
        self,
        *steps: RecipeStep,
        upright: bool = True,
        pad: Pad = 114,
        kernel: Kernel = "auto",
        augment: Augment | None = None,
        seed: int = 0,
    ) -> None:
        _check(steps, augment, seed)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "upright", upright)
        object.__setattr__(self, "rendering", Rendering(kernel, pad, tuple(_effect(step) for step in self.appearance)))
        object.__setattr__(self, "augment", augment)
        object.__setattr__(self, "seed", seed if augment else 0)

    @cached_property
    def is_fixed(self) -> bool:
        """Whether it has one outcome for each picture, whatever it shows."""
        return self.augment is None and all(step.is_fixed for step in self.steps)

    @cached_property
    def is_tiled(self) -> bool:
        """Whether it cuts pictures into several."""
        return any(isinstance(step, Tile) for step in self.steps)

    @cached_property
    def appearance(self) -> tuple[RecipeStep, ...]:
        """The steps that are done on the finished picture, in order. They change what its pixels look like; one of
        albumentations may move them too.
        """
        return tuple(step for step in self.steps if not step.geometric)

    @cached_property
    def mirrors(self) -> bool:
        """Whether left and right change places: an odd number of steps that mirror. An EXIF turn is none of them.

        Of a recipe that is not fixed, whether they may.
        """
        if self.is_fixed:
            return sum(isinstance(step, Flip) and step.mirrors for step in self.steps) % 2 == 1
        steps = (*self.steps, *(self.augment.steps if self.augment else ()))
        return any(isinstance(step, Flip) and step.mirrors for step in steps)

    @cached_property
    def without_augment(self) -> Recipe:
        """What pictures that no training sees go through."""
        return self._with(self.steps)

    @cached_property
    def _hash(self) -> int:
        return hash((self.steps, self.upright, self.rendering, self.augment, self.seed))

    def __hash__(self) -> int:
        return self._hash

    def copies(self, split: str) -> int:
        """How many outcomes an image of `split` has, tiles not counted."""
        return self.augment.copies if self.augment and is_training(split) else 1

    def plan(self, size: Size, turn: Dihedral) -> Plan:
        """The plan for a picture stored at `size` that `turn` displays. Raises `PlanError` where a step has none, and
        `UsageError` where there is chance in the recipe: then plan what `drawn` gives.
        """
        if not self.is_fixed:
            raise UsageError(
                "recipe: it has chance in it, want one that is drawn for an image and a copy (Recipe.drawn)"
            )
        return _plan(self, size, turn)

    def drawn(self, key: str, copy: int = 0, sight: ImageContext | None = None, *, split: str = TRAIN) -> Drawn:
        """Copy number `copy` of the image `key` (``split/name``), without chance; a fixed recipe as it is.

        The same for the same seed, key and copy, whatever else is drawn. Raises `UsageError` where a step has to see
        the image and no `sight` of it is given, and where it has a mosaic: then draw the parts (`recipe.mosaic_split`).
        """
        if self.is_fixed:
            return Drawn(self)
        plain = self.augment is not None and self.augment.plain and copy == 0
        augment = self.augment if is_training(split) and not plain else None
        settled, kept = self._with(()), 0
        for number, step in enumerate((*self.steps, *(augment.steps if augment else ()))):
            if isinstance(step, Mosaic):
                raise UsageError("mosaic: several pictures become one, want draws of its parts (`recipe.mosaic_split`)")
            scene = settled.scene(sight) if sight and step.needs_context else None
            if step.needs_context and scene is None:
                raise UsageError(f"{step.name}: want a sight of the image to draw from")
            draw = Draw(self.seed, key, copy, number - len(self.steps))
            found = step.drawn(draw, scene)
            kept += found is None and isinstance(step, Flip) and replace(step, keep=()).drawn(draw, scene) is not None
            settled = settled._with((*settled.steps, *((found,) if found else ())))
        return Drawn(settled, kept)

    def scene(self, sight: ImageContext) -> StepContext:
        """What is seen of an image after this fixed recipe: its objects in boxes around them, cut at its edges."""
        plan = _plan(self, sight.size, sight.turn)
        boxes = clip_boxes(map_boxes(plan.affine, sight.boxes), plan.seen)
        left = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return StepContext(plan.size, boxes[left], sight.names)

    def tiles(self, size: Size, turn: Dihedral) -> tuple[tuple[str, Recipe], ...]:
        """The recipe once for each tile that its `Tile` makes of a picture stored at `size`, and the tile's name,
        ``r0c1``; where it has no `Tile`, itself and "".
        """
        places = [place for place, step in enumerate(self.steps) if isinstance(step, Tile)]
        if not places:
            return (("", self),)
        before, tile, after = self.steps[: places[0]], self.steps[places[0]], self.steps[places[0] + 1 :]
        crops = tile.crops(_plan(self._with(before), size, turn).size) if isinstance(tile, Tile) else ()
        return tuple(
            (f"r{row}c{column}", self._with((*before, crop, *after), self.augment, self.seed))
            for (row, column), crop in crops
        )

    def options(self) -> dict[str, Any]:
        """The recipe as plain data, for the record of a run; `reading.recipe_of` makes the recipe of it again."""
        how = {"pad": _plain_pad(self.rendering.pad), "kernel": self.rendering.kernel}
        if self.augment is None:
            return {"upright": self.upright, "steps": _options(self.steps), **how}
        parts = {"preprocess": _options(self.steps), "augment": self.augment.options()}
        return {"upright": self.upright, **parts, **how, "seed": self.seed}

    def __str__(self) -> str:
        words = ["upright" if self.upright else "as stored", *map(str, self.steps)]
        for place, step in enumerate(self.steps, start=1):
            if step.pads:
                words[place] += f" pad {_pad_text(self.rendering.pad)}"
                break
        return " > ".join(words) + (f" | {self.augment}" if self.augment else "")

    def _with(self, steps: Iterable[RecipeStep], augment: Augment | None = None, seed: int = 0) -> Recipe:
        pad, kernel = self.rendering.pad, self.rendering.kernel
        return Recipe(*steps, upright=self.upright, pad=pad, kernel=kernel, augment=augment, seed=seed)


def _check(steps: tuple[RecipeStep, ...], augment: Augment | None, seed: int) -> None:
    """Raise `UsageError` for steps that cannot stand where they do."""
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise UsageError(f"seed: have {seed!r}, want a whole number of 0 or more, below 2**63")
    for step in steps:
        if not (step.is_fixed or (isinstance(step, Flip) and replace(step, keep=()).is_fixed)):
            raise UsageError(f"{step.name}: have chance in what every split goes through, want it under augment")
    order = (*steps, *(augment.steps if augment else ()))
    first = next((place for place, step in enumerate(order) if isinstance(step, Albumentations)), len(order))
    for late in (step for step in order[first:] if step.geometric):
        raise UsageError(
            f"{late.name}: have it after albumentations, want it before: a pipeline gets the finished picture"
        )
    if sum(isinstance(step, Tile) for step in steps) > 1:
        raise UsageError("tile: have it twice, want it once")
    if augment and any(isinstance(step, Tile) for step in augment.steps):
        raise UsageError("tile: have it under augment, want it in what every split goes through")
    if any(isinstance(step, Mosaic) for step in steps):
        raise UsageError("mosaic: have it in what every split goes through, want it under augment")
    if sum(isinstance(step, Mosaic) for step in order) > 1:
        raise UsageError("mosaic: have it twice, want it once")


def _effect(step: RecipeStep) -> Effect:
    """A step of appearance as plain data, which the floors that cannot know it do."""
    said = ((each.name, getattr(step, each.name)) for each in fields(step) if each.name != "p")
    return Effect(step.name, tuple(said))


@lru_cache(maxsize=4096)
def _plan(recipe: Recipe, size: Size, turn: Dihedral) -> Plan:
    plan = Plan(size)
    if recipe.upright:
        plan = plan.then(Orient(turn))
    for step in recipe.steps:
        plan = plan.then(*step.steps(plan.size))
    return plan


def _options(steps: Iterable[RecipeStep]) -> list[dict[str, Any]]:
    return [{step.name: step.options()} for step in steps]


def _plain_pad(pad: Pad) -> Any:
    return list(pad) if isinstance(pad, tuple) else pad


def _pad_text(pad: Pad) -> str:
    return ",".join(map(str, pad)) if isinstance(pad, tuple) else str(pad)
