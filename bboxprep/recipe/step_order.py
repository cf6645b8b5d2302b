"""Which steps may stand where in a recipe."""

from __future__ import annotations

from dataclasses import replace

from bboxprep.errors import UsageError
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Combination, CopyPaste
from bboxprep.recipe.crops import Tile
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep
from bboxprep.recipe.isolate import Isolate


def check_order(steps: tuple[RecipeStep, ...], augment: Augment | None, seed: int) -> None:
    """Raise `UsageError` for steps in the wrong order or part of the recipe."""
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise UsageError(f"seed: have {seed!r}, want a whole number of 0 or more, below 2**63")
    for step in steps:
        steady = step.is_fixed or isinstance(step, Letterbox)
        if not (steady or (isinstance(step, Flip) and replace(step, keep=()).is_fixed)):
            raise UsageError(f"{step.name}: have a random step for all splits, want it under augment")
    order = (*steps, *(augment.steps if augment else ()))
    first = next((place for place, step in enumerate(order) if isinstance(step, Albumentations)), len(order))
    for late in (step for step in order[first:] if step.geometric):
        raise UsageError(f"{late.name}: have it after albumentations, want it before: a pipeline gets the output image")
    cuts = [step.name for step in steps if isinstance(step, Tile | Isolate)]
    if len(cuts) > 1:
        words = "twice, want it once" if cuts[0] == cuts[1] else f"beside {cuts[0]}, want one of them"
        raise UsageError(f"{cuts[1]}: have it {words}")
    for step in augment.steps if augment else ():
        if isinstance(step, Tile | Isolate):
            raise UsageError(f"{step.name}: have it under augment, want it in the steps for all splits")
    combinations = [step for step in order if isinstance(step, Combination)]
    for step in combinations:
        if step in steps:
            raise UsageError(f"{step.name}: have it in the steps for all splits, want it under augment")
    if "isolate" in cuts and any(isinstance(step, CopyPaste) for step in combinations):
        raise UsageError("copy_paste: have it beside isolate, want one of them: it takes objects of whole images")
    for other in combinations[1:]:
        name = combinations[0].name
        words = "twice, want it once" if other.name == name else f"beside {name}, want one step that takes other images"
        raise UsageError(f"{other.name}: have it {words}")
    before = order[: order.index(combinations[0])] if combinations else ()
    if early := next((step for step in before if step.needs_boxes), None):
        taking = combinations[0].name
        raise UsageError(f"{early.name}: inside: have it before {taking}, which moves boxes, want it after")
    if late_one := next((step for step in order[first:] if step.needs_boxes), None):
        raise UsageError(f"{late_one.name}: inside: have it after albumentations, which may move boxes, want it before")
