"""The recipe: preprocessing steps in order, augmentation, and the kernel and pad of the pixels.

**Two parts.** `steps` apply to all images and draw nothing. `augment` applies to training images in addition,
`Augment.copies` times, drawn anew each time. `Recipe.drawn` draws one copy: the result is a recipe without random
steps, which can be planned, executed, recorded and repeated.

**Why `upright` is a switch and not a step.** Crops and sizes are meant on the image as it is displayed, so the EXIF
orientation can only be applied first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from itertools import compress
from typing import Any, Literal

import msgspec
import numpy as np

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.hashed_once import hashed_once
from bboxprep.geometry.plan import Orient, Plan
from bboxprep.geometry.shapes import Boxes, clip_boxes, map_boxes
from bboxprep.model.class_mapping import AS_THEY_ARE, ClassPolicy
from bboxprep.model.filters import NO_FILTERS, Filters
from bboxprep.model.rendering import SETTLED, Effect, Kernel, Pad, Rendering, pad_text, plain_pad
from bboxprep.model.sample import Frame, Sample
from bboxprep.model.splits import TRAIN, is_training
from bboxprep.recipe import plugins
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.augment import Augment, listed_steps, options_of
from bboxprep.recipe.class_rules import class_words
from bboxprep.recipe.combining import Combination
from bboxprep.recipe.crops import Tile
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep, StepContext
from bboxprep.recipe.inside import BoxMove
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.step_order import check_order

Upright = bool | Literal["auto"]


@dataclass(frozen=True)
class ImageContext:
    """The facts about an image that random steps need: its stored `size`, its EXIF `turn`, and of its objects the
    `boxes` (N, 4) in px of the stored image, the class `names`, and what `StepContext` has of classes.
    """

    size: Size
    turn: Dihedral = IDENTITY
    boxes: Boxes = field(default_factory=lambda: np.zeros((0, 4)), compare=False)
    names: frozenset[str] = frozenset()
    box_classes: tuple[str | None, ...] = ()
    sided: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, sample: Sample, table: Sequence[str], turn: Dihedral = IDENTITY, sided: Iterable[str] = ()
    ) -> ImageContext:
        """The context of `sample`, whose labels are rows of the class `table` and whose image is turned by `turn`; for
        a sample of several images, that of its canvas."""
        objects = sample.instances
        classes = [table[label] for label in objects.labels.tolist()]
        boxed = [name if alone else None for name, alone in zip(classes, objects.have_box_alone.tolist(), strict=True)]
        named = (frozenset(classes), tuple(boxed), frozenset(sided))
        if sample.parts or sample.header is None:
            return cls(sample.size, IDENTITY, objects.boxes, *named)
        return cls(sample.header.size, turn, map_boxes(sample.to_stored, objects.boxes), *named)


class Drawn(msgspec.Struct, frozen=True):
    """The drawn recipe of one copy: a `recipe` without random steps, `kept`, the number of flips that were not applied
    because the image has an object of a class in `Flip.keep`, and `still`, the number of objects that a step inside
    boxes leaves as they are.
    """

    recipe: Recipe
    kept: int = 0
    still: int = 0


@hashed_once
@dataclass(frozen=True, init=False)
class Recipe:
    """``Recipe(Letterbox(640), Flip("horizontal"), pad=0)``: steps in order, also given as one list.

    `upright` applies the EXIF orientation of each image first; without it the stored pixels are used and the tag is
    dropped. With "auto" an image whose labels are drawn in the stored plane is left as stored: its tag is likely stale.
    `pad` fills margins (a gray level, an RGB triple, "edge" or "reflect"), `kernel` is used to resample.
    `augment` is for training images alone, and `seed` determines its draws (0 without it). `filters` leave out objects
    and images of the output; `classes` changes the class table of the source, before all else. Raises `UsageError` for
    a random step outside of `augment`.
    """

    steps: tuple[RecipeStep, ...]
    upright: Upright
    rendering: Rendering
    augment: Augment | None
    seed: int
    filters: Filters
    classes: ClassPolicy

    def __init__(
        self,
        *steps: RecipeStep | Sequence[RecipeStep],
        upright: Upright = True,
        pad: Pad = 114,
        kernel: Kernel = "auto",
        augment: Augment | None = None,
        seed: int = 0,
        filters: Filters = NO_FILTERS,
        classes: ClassPolicy = AS_THEY_ARE,
    ) -> None:
        listed = tuple(map(_without_seed, listed_steps("Recipe", steps)))
        check_order(listed, augment, seed)
        object.__setattr__(self, "steps", listed)
        if upright not in (True, False, "auto"):
            raise UsageError(f"upright: have {upright!r}, want true, false or 'auto'")
        object.__setattr__(self, "upright", upright)
        object.__setattr__(self, "rendering", Rendering(kernel, pad, tuple(map(_effect, self.appearance))))
        object.__setattr__(self, "augment", augment)
        object.__setattr__(self, "seed", seed if augment else 0)
        object.__setattr__(self, "filters", filters)
        object.__setattr__(self, "classes", classes)

    @cached_property
    def is_fixed(self) -> bool:
        """Whether it has no random step: each image has one output."""
        return self.augment is None and all(step.is_fixed for step in self.steps)

    @property
    def is_drawn(self) -> bool:
        """Whether it has a random step."""
        return not self.without_augment.is_fixed or bool(self.augment and self.augment.steps)

    @cached_property
    def is_tiled(self) -> bool:
        """Whether it cuts images into tiles, or into images of single objects."""
        return any(isinstance(step, Tile | Isolate) for step in self.steps)

    @cached_property
    def isolate(self) -> Isolate | None:
        """Its step that makes images of single objects."""
        return next((step for step in self.steps if isinstance(step, Isolate)), None)

    @cached_property
    def chooses_size(self) -> bool:
        """Whether it chooses one of several sizes for each image."""
        return any(isinstance(step, Letterbox) and len(step.canvases) > 1 for step in self.steps)

    @cached_property
    def appearance(self) -> tuple[RecipeStep, ...]:
        """The steps that apply to the pixels after the plan, in order. Only albumentations may also move pixels."""
        return tuple(step for step in self.steps if not step.geometric)

    @cached_property
    def mirrors(self) -> bool:
        """Whether it exchanges left and right: it has an odd number of steps that mirror the image. An EXIF turn does
        not count.

        For a recipe with random steps: whether it may, inside boxes too.
        """
        if self.is_fixed:
            return sum(step.mirrors and step.geometric for step in self.steps) % 2 == 1
        steps = (*self.steps, *(self.augment.steps if self.augment else ()))
        return any(step.mirrors for step in steps)

    def of_split(self, split: str) -> Recipe:
        """This recipe for images of `split`: with the letterbox of that split, if it has one for each. Raises
        `UsageError` where it has none for `split`.
        """
        return (
            _of_split(self, split)
            if any(isinstance(step, Letterbox) and step.by_split for step in self.steps)
            else self
        )

    @cached_property
    def without_augment(self) -> Recipe:
        """The recipe of val and test images: this one without `augment`."""
        return self._with(self.steps)

    @cached_property
    def without_filters(self) -> Recipe:
        """This recipe without its filters and its change of classes."""
        return self._with(self.steps, self.augment, self.seed) if self.filters or self.classes else self

    def copies(self, split: str) -> int:
        """The number of copies of an image of `split` that shows no class with copies of its own, without balance;
        tiles do not count.
        """
        return self.augment.copies if self.augment and is_training(split) else 1

    def turn_of(self, turn: Dihedral, frame: Frame) -> Dihedral:
        """The turn to plan with for an image of EXIF `turn` whose labels are drawn in the plane `frame`."""
        return IDENTITY if self.upright == "auto" and frame is Frame.STORED else turn

    def plan(self, size: Size, turn: Dihedral) -> Plan:
        """The plan for an image of stored `size` and EXIF `turn`. Raises `PlanError` where a step cannot be applied,
        and `UsageError` for a recipe with random steps: plan the recipe that `drawn` returns.
        """
        if not self.is_fixed:
            raise UsageError("recipe: have random steps, want the recipe of one copy of an image (Recipe.drawn)")
        return _plan(self, size, turn)

    def drawn(self, key: str, copy: int = 0, image: ImageContext | None = None, *, split: str = TRAIN) -> Drawn:
        """The recipe of copy number `copy` of the image `key` (``split/name``), without random steps.

        It depends on seed, key, copy and `image` alone. Raises `UsageError` where a step needs the size or the objects
        and `image` is None, and for a recipe with a mosaic or the like: draw its parts (`recipe.combination_split`).
        """
        if self.is_fixed:
            return Drawn(self)
        plain = self.augment is not None and self.augment.plain and copy == 0
        augment = self.augment if is_training(split) and not plain else None
        steps, kept = list[RecipeStep](), 0
        for number, step in enumerate((*self.steps, *(augment.steps if augment else ()))):
            if isinstance(step, Combination):
                words = "several images become one, want a draw of each part (`recipe.combination_split`)"
                raise UsageError(f"{step.name}: {words}")
            if step.needs_context and image is None:
                raise UsageError(f"{step.name}: want the size and the objects of the image to draw from")
            context = self._context_after(steps, image) if image and step.needs_context else None
            draw = Draw(self.seed, key, copy, number - len(self.steps))
            found = plugins.drawn(step, draw, context)
            kept += found is None and isinstance(step, Flip) and replace(step, keep=()).drawn(draw, context) is not None
            steps += [found] if found else []
        still = 0
        if image and any(step.needs_boxes for step in steps):
            outcome = self._context_after(steps, image)
            still = max([int((~step.moved(outcome)).sum()) for step in steps if isinstance(step, BoxMove)], default=0)
            steps = [found for step in steps if (found := step.within(outcome))]
        return Drawn(self._with(steps), kept, still)

    def _context_after(self, steps: Iterable[RecipeStep], image: ImageContext) -> StepContext:
        """The image after the drawn `steps`."""
        return self._with(step for step in steps if step.geometric).step_context(image)

    def step_context(self, image: ImageContext) -> StepContext:
        """The image after this fixed recipe: its size and the boxes of its objects, clipped at its edges."""
        plan = _plan(self, image.size, image.turn)
        boxes = clip_boxes(map_boxes(plan.affine, image.boxes), plan.seen)
        left = np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        return StepContext(plan.size, boxes[left], image.names, tuple(compress(image.box_classes, left)), image.sided)

    def tiles(self, size: Size, turn: Dihedral) -> tuple[tuple[str, Recipe], ...]:
        """For each tile of an image of stored `size` and EXIF `turn` its name, as in ``r0c1``, and its recipe with a
        `Crop` in place of `Tile`; for a recipe without `Tile`, "" and itself.
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

    def isolated(self, size: Size, turn: Dihedral, boxes: Boxes) -> Recipe:
        """The recipe of the image of the objects in `boxes` (M, 4) px of the stored image of `size` and EXIF `turn`,
        with a `Crop` in place of `Isolate`. Raises `PlanError` where nothing of them is left before that step.
        """
        if self.isolate is None:
            return self
        place = self.steps.index(self.isolate)
        plan = _plan(self._with(self.steps[:place]), size, turn)
        made = self.isolate.made_of(clip_boxes(map_boxes(plan.affine, boxes), plan.seen), plan.size)
        return self._with((*self.steps[:place], *made, *self.steps[place + 1 :]), self.augment, self.seed)

    def options(self) -> dict[str, Any]:
        """The recipe as plain data, for the run record; `recipe.load.recipe_of` is the inverse."""
        how = {"pad": plain_pad(self.rendering.pad), "kernel": self.rendering.kernel}
        how |= {"filters": self.filters.options()} if self.filters else {}
        how |= {"classes": self.classes.options()} if self.classes else {}
        if self.augment is None:
            return {"upright": self.upright, "steps": options_of(self.steps), **how}
        parts = {"preprocess": options_of(self.steps), "augment": self.augment.options()}
        return {"upright": self.upright, **parts, **how, "seed": self.seed}

    def __str__(self) -> str:
        words = [{"auto": "upright auto", True: "upright", False: "as stored"}[self.upright], *map(str, self.steps)]
        for place, step in enumerate(self.steps, start=1):
            if step.has_margin:
                words[place] += f" pad {pad_text(self.rendering.pad)}"
                break
        parts = [" > ".join(words), *(str(part) for part in (self.augment, self.filters) if part)]
        parts += [class_words(self.classes)] if self.classes else []
        return " | ".join(parts)

    def _with(self, steps: Iterable[RecipeStep], augment: Augment | None = None, seed: int = 0) -> Recipe:
        pad, kernel = self.rendering.pad, self.rendering.kernel
        return Recipe(*steps, upright=self.upright, pad=pad, kernel=kernel, augment=augment, seed=seed)


def _without_seed(step: RecipeStep) -> RecipeStep:
    """A pipeline that is always applied with a seed, so that there is nothing to draw. That nothing of it depends on
    the seed is checked where it can be run (`images.effects.albumentations_adapter.chance_in`).
    """
    is_steady = isinstance(step, Albumentations) and step.p == 1.0 and step.seed is None
    return replace(step, seed=SETTLED) if is_steady and isinstance(step, Albumentations) else step


@lru_cache(maxsize=64)
def _of_split(recipe: Recipe, split: str) -> Recipe:
    steps = [step.of_split(split) if isinstance(step, Letterbox) else step for step in recipe.steps]
    return Recipe(
        steps,
        upright=recipe.upright,
        pad=recipe.rendering.pad,
        kernel=recipe.rendering.kernel,
        augment=recipe.augment,
        seed=recipe.seed,
        filters=recipe.filters,
        classes=recipe.classes,
    )


def _effect(step: RecipeStep) -> Effect:
    """An appearance step as the plain `Effect` that the lower packages execute."""
    if isinstance(step, BoxMove):
        return Effect(step.name, (("boxes", step.boxes), ("still", step.still), ("step", step)))
    options = ((each.name, getattr(step, each.name)) for each in fields(step) if each.name != "p")
    return plugins.effect_of(step) or Effect(step.name, tuple(options))


@lru_cache(maxsize=4096)
def _plan(recipe: Recipe, size: Size, turn: Dihedral) -> Plan:
    plan = Plan(size)
    if recipe.upright:
        plan = plan.then(Orient(turn))
    for step in recipe.steps:
        plan = plan.then(*plugins.plan_steps(step, plan.size))
    return plan
