"""Splits a recipe at its combination: the steps before it, which each of its images gets, and those after it.

A combination has no plan, since it makes one image of several. Steps before it are drawn for each image on its own,
since they may depend on its objects. Steps after it apply to the whole as one image.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Combination
from bboxprep.recipe.geometric import RecipeStep
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.recipe import Recipe


class CombinationSplit(msgspec.Struct, frozen=True):
    """The recipe of each image `before` the `combination`, and that of the whole `after` it. `place` is the number of
    the combination among the random steps; `without` is the recipe of a copy without it; `seed` determines its draws.
    """

    before: Recipe
    combination: Combination
    after: Recipe
    without: Recipe
    place: int
    seed: int

    def drawn(self, key: str, copy: int) -> Combination | None:
        """The drawn combination of copy number `copy` of the image `key`; None if it is not applied."""
        return self.combination.drawn(Draw(self.seed, key, copy, self.place), None)


@lru_cache(maxsize=8)
def split_at_combination(recipe: Recipe) -> CombinationSplit | None:
    """`recipe` split at its combination; None if it has none."""
    steps = recipe.augment.steps if recipe.augment else ()
    for place, step in enumerate(steps):
        if isinstance(step, Combination):
            first, last = steps[:place], steps[place + 1 :]
            before, after = _like(recipe, recipe.steps, first), _like(recipe, (), last)
            return CombinationSplit(
                before, step, after, _like(recipe, recipe.steps, (*first, *last)), place, recipe.seed
            )
    return None


def then(recipe: Recipe, *steps: RecipeStep) -> Recipe:
    """The drawn `recipe` with `steps` after its own."""
    return _like(recipe, (*recipe.steps, *steps), ())


def _like(recipe: Recipe, steps: tuple[RecipeStep, ...], augment: tuple[RecipeStep, ...]) -> Recipe:
    """A recipe of `steps` and `augment` with the other options of `recipe`."""
    return Recipe(
        *steps,
        upright=recipe.upright,
        pad=recipe.rendering.pad,
        kernel=recipe.rendering.kernel,
        augment=Augment(*augment) if augment else None,
        seed=recipe.seed,
    )
