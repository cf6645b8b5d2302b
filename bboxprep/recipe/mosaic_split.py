"""A recipe taken apart around its mosaic, which makes one picture of several and so has no plan of its own.

Each of the pictures goes through what stands before the mosaic as it is drawn for itself: what one of them shows, and
where a crop of it may lie, says nothing about the others. What stands after the mosaic sees all of it, as one picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bboxprep.recipe.crops import Mosaic
from bboxprep.recipe.geometric import RecipeStep
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.recipe import Augment, Recipe


@dataclass(frozen=True)
class MosaicSplit:
    """What each picture goes through `before` the `mosaic`, which is step number `place` of the draws, and what all of
    it goes through `after`; `without`: the recipe where chance makes no mosaic. `seed` is the key of its chance.
    """

    before: Recipe
    mosaic: Mosaic
    after: Recipe
    without: Recipe
    place: int
    seed: int

    def drawn(self, key: str, copy: int) -> Mosaic | None:
        """The mosaic of copy number `copy` of the image `key`; None where chance says no."""
        return self.mosaic.drawn(Draw(self.seed, key, copy, self.place), None)


@lru_cache(maxsize=8)
def split_at_mosaic(recipe: Recipe) -> MosaicSplit | None:
    """`recipe` around its mosaic; None where it has none."""
    steps = recipe.augment.steps if recipe.augment else ()
    for place, step in enumerate(steps):
        if isinstance(step, Mosaic):
            first, last = steps[:place], steps[place + 1 :]
            before, after = _like(recipe, recipe.steps, first), _like(recipe, (), last)
            return MosaicSplit(before, step, after, _like(recipe, recipe.steps, (*first, *last)), place, recipe.seed)
    return None


def then(recipe: Recipe, *steps: RecipeStep) -> Recipe:
    """The drawn `recipe`, and `steps` after its own."""
    return _like(recipe, (*recipe.steps, *steps), ())


def _like(recipe: Recipe, steps: tuple[RecipeStep, ...], augment: tuple[RecipeStep, ...]) -> Recipe:
    """A recipe of other steps in the manner of `recipe`."""
    return Recipe(
        *steps,
        upright=recipe.upright,
        pad=recipe.rendering.pad,
        kernel=recipe.rendering.kernel,
        augment=Augment(*augment) if augment else None,
        seed=recipe.seed,
    )
