"""Recipes that make several images of one, or one of several, or use chance: copies, tiles, mosaics, random draws.

The dataset is made longer first, one sample for each image that will be written (`pipeline.variants`).
The draw of each is made when it is its turn (`Augmenter`). It is keyed by the image and its copy, so that it depends
neither on the order nor on the workers, and it stands in the record of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import PlanError, UsageError
from bboxprep.findings import Finding
from bboxprep.images.effects.albumentations_adapter import Named, chance_in, loaded
from bboxprep.model.batch import Batch
from bboxprep.model.categories import require_class
from bboxprep.model.dataset import Dataset
from bboxprep.model.rendering import SETTLED
from bboxprep.model.sample import Part, Sample
from bboxprep.model.splits import is_training
from bboxprep.model.variant import SampleVariant
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.variants import isolated, not_isolated
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.combination_split import CombinationSplit, split_at_combination, then
from bboxprep.recipe.combining import Combination, CopyPaste
from bboxprep.recipe.geometric import Flip, RecipeStep
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.recipe import Drawn, ImageContext, Recipe
from bboxprep.transform.combine import combine, pastable_rows, place_part, with_objects_alone
from bboxprep.transform.render import SampleRenderer

_MAX_TRIES = 16  # images that are tried for a place in an image of several


class AugmentedSample(msgspec.Struct, frozen=True):
    """A transformed sample, and the samples of the source in it, its own first."""

    sample: Sample
    sources: tuple[Sample, ...]


class AugmentedBatch(msgspec.Struct, frozen=True):
    """Transformed `samples`, and all samples of the source in them (those of all parts of each)."""

    samples: Batch
    sources: Batch


class Augmenter(msgspec.Struct, frozen=True):
    """Transforms each sample of `dataset` by the recipe drawn for it. `training` are the rows of the images (or tiles)
    that an image of several may contain.
    """

    recipe: Recipe
    dataset: Dataset
    training: Sequence[int] = ()

    @classmethod
    def of(cls, recipe: Recipe, source: Source) -> Augmenter:
        """The one for the samples of `source`, which has a sample for each image that `recipe` makes.

        Raises `UsageError` where the recipe keeps a class from being flipped that `source` has not, or a pipeline of
        albumentations cannot be had.
        """
        _check(recipe, source.dataset.categories.names)
        recipe.filters.check(source.dataset.categories.names, source.dataset.splits)
        if recipe.filters.only_images:
            recipe.filters.check_images(source.dataset.outlines_at(range(len(source.dataset))).relative_paths)
        for split in source.dataset.splits:
            recipe.of_split(split)
        source.dataset.object_policy.check(source.dataset.categories.names)
        rows: list[int] = []
        if split_at_combination(recipe):
            seen = [
                row for row, one in enumerate(source.summaries) if is_training(one.key[0]) and one.header is not None
            ]
            variants = source.dataset.outlines_at(seen).values("variant")
            rows = [row for row, variant in zip(seen, variants, strict=True) if not (variant and variant.copy)]
        return cls(recipe, source.dataset, tuple(rows))

    @property
    def runs_pipelines(self) -> bool:
        """Whether a step of the recipe is a pipeline of albumentations."""
        return any(isinstance(step, Albumentations) for step in _all_steps(self.recipe))

    def __call__(self, sample: Sample) -> AugmentedSample:
        """`sample` transformed by the recipe drawn for it."""
        if sample.header is None or sample.refusal:
            return AugmentedSample(sample.transform(self.recipe.without_augment), (sample,))
        sample = self._with_own_objects(sample)
        split, step = self._combination_of(sample)
        if split and step:
            return self._combined(sample, split, step)
        recipe = split.without if split else self.recipe
        return AugmentedSample(self._transformed(sample, recipe, _variant_of(sample)), (sample,))

    def transform_all(self, batch: Batch) -> AugmentedBatch:
        """All of `batch` transformed, the samples of a recipe without chance and tiles together."""
        renderers = batch.values("renderer")
        renderer = renderers[0] if all(one is renderers[0] for one in renderers) else None
        if isinstance(renderer, SampleRenderer) and self.recipe.is_fixed and not self.recipe.is_tiled:
            return AugmentedBatch(renderer.transform_all(batch, self.recipe), batch)
        each = list(map(self, batch))
        sources = Batch.of(source for one in each for source in one.sources)
        return AugmentedBatch(Batch.of(one.sample for one in each), sources)

    def others(self, sample: Sample) -> tuple[Sample, ...]:
        """The other samples in the image that is made of `sample`."""
        if sample.header is None or sample.refusal:
            return ()
        _, step = self._combination_of(sample)
        return self._picked(sample, step) if step else ()

    def _combination_of(self, sample: Sample) -> tuple[CombinationSplit | None, Combination | None]:
        """The recipe of `sample` split at its combination, and the drawn combination; (None, None) without one."""
        split, augment = split_at_combination(self.recipe), self.recipe.augment
        if split is None or not is_training(sample.split):
            return None, None
        variant = _variant_of(sample)
        if augment and augment.plain and variant.copy == 0:
            return None, None
        return split, split.drawn(_key(variant), variant.copy)

    def _with_own_objects(self, sample: Sample) -> Sample:
        """`sample` without the objects that are not of its image, where the recipe isolates them."""
        step = self.recipe.isolate
        if step is None or step.others == "keep" or not _variant_of(sample).rows:
            return sample
        return isolated(sample, step, self._source_names(mirrored=False))

    def _transformed(self, sample: Sample, recipe: Recipe, variant: SampleVariant, *steps: RecipeStep) -> Sample:
        """`sample` transformed by `recipe` as drawn for `variant`, and by `steps`; refused where that is impossible.

        A flip that `Flip.keep` prevents is a finding.
        """
        if recipe.isolate and not variant.rows:
            return not_isolated(sample)
        recipe = recipe.of_split(sample.split)
        try:
            drawn = self._drawn(sample, recipe, variant)
        except PlanError as error:
            finding = Finding("crop-outside", str(error), path=sample.relative_path, split=sample.split)
            return sample.replace_fast(refusal=finding.code, findings=(*sample.findings, finding))
        sample = sample.with_findings(*_left_as_they_are(sample, drawn))
        if sample.variant or steps:
            sample = sample.replace_fast(
                variant=msgspec.structs.replace(variant, recipe=_chained(variant.recipe, drawn.recipe.options()))
            )
        return sample.transform(then(drawn.recipe, *steps) if steps else drawn.recipe)

    def _drawn(self, sample: Sample, recipe: Recipe, variant: SampleVariant) -> Drawn:
        header = sample.header
        if header is None or (recipe.is_fixed and not variant.tile):
            return Drawn(recipe)
        table, sided = self.dataset.categories.names, chain(*self.dataset.object_policy.swap_classes)
        turn = recipe.turn_of(header.turn, sample.frame)
        context = ImageContext.of(sample, table, turn, sided)
        if recipe.isolate:
            recipe = recipe.isolated(header.size, turn, context.boxes[list(variant.rows)])
        elif not sample.parts:
            recipe = dict(recipe.tiles(header.size, turn))[variant.tile]
        return recipe.drawn(_key(variant), variant.copy, context, split=sample.split)

    def _combined(self, sample: Sample, split: CombinationSplit, step: Combination) -> AugmentedSample:
        """The image that the drawn `step` makes of `sample` and others, each with its own draw, and the steps after it.

        Without any other image that fits, it has one part, and a finding says so.
        """
        variant, canvas, parts, used = _variant_of(sample), step.canvas, list[Part](), list[Sample]()
        others = tuple(map(self._with_own_objects, self._picked(sample, step)))
        if len(others) < step.wanted:
            sample = sample.with_findings(_alone(sample, step))
        for number, source in enumerate((sample, *others)):
            layer, own = step.layer(number, canvas), variant
            if number:
                own = msgspec.structs.replace(
                    _variant_of(source), key=f"{_key(variant)}#part{number}", copy=variant.copy
                )
                source = _pasted(source, step)
            part = self._transformed(source, split.before, own, *layer.steps)
            if part.refusal and not number:
                return AugmentedSample(part, (sample,))
            if not part.refusal:
                canvas = canvas or part.size
                placed = place_part(part, canvas, layer.left, layer.top)
                parts.append(Part(placed, layer.covers, layer.weight))
                used.append(source)
        whole = combine(parts, canvas or sample.size, self.dataset.object_policy, self._source_names)
        earlier = _chained(_variant_of(parts[0].sample).recipe, {"steps": [{step.name: step.options()}]})
        key = f"{_key(variant)}#{step.name}"
        made = self._transformed(whole, split.after, SampleVariant(key, variant.copy, recipe=earlier))
        made = made.replace_fast(variant=msgspec.structs.replace(variant, recipe=_variant_of(made).recipe))
        return AugmentedSample(made, tuple(used))

    def _source_names(self, mirrored: bool) -> Sequence[str]:
        """The classes of the labels of a sample as they were before a flip."""
        return self.dataset.flip_mapping.source_names(self.dataset.categories.names, mirrored)

    def _picked(self, sample: Sample, step: Combination) -> tuple[Sample, ...]:
        """The other samples that `step` wants, all different where the training set has enough. Fewer where it does not
        have them, and the step wants no image twice.
        """
        chosen = [sample]
        for pick in step.others or ():
            other = self._other(pick, chosen, step)
            chosen += [other] if other else []
        return tuple(chosen[1:])

    def _other(self, pick: float, chosen: Sequence[Sample], step: Combination) -> Sample | None:
        """The sample at the position `pick`, 0 to 1, or the next usable one that is not yet `chosen`; where there is
        none near, one of these, or None where `step` does not repeat images.
        """
        first, known = int(pick * len(self.training)), {_shown(one) for one in chosen}
        found = chosen[0]
        for number in range(min(len(self.training), _MAX_TRIES)):
            other = self.dataset[self.training[(first + number) % len(self.training)]]
            if other.header and not other.refusal and _has_what_is_wanted(other, step):
                if _shown(other) not in known:
                    return other
                found = other
        return found if step.repeats else None


def _left_as_they_are(sample: Sample, drawn: Drawn) -> Iterator[Finding]:
    """The findings of what the recipe drawn for `sample` does not move."""
    if drawn.kept:
        yield Finding("flip-kept", "not flipped, for what it shows", path=sample.relative_path, split=sample.split)
    if drawn.still:
        count = f"{drawn.still} object{'s are' if drawn.still > 1 else ' is'}"
        words = f"{count} left as before inside the box: with an outline, keypoints, a crowd region or a kept class"
        yield Finding("object-unmoved", words, path=sample.relative_path, split=sample.split)


def _has_what_is_wanted(sample: Sample, step: Combination) -> bool:
    return not isinstance(step, CopyPaste) or bool(pastable_rows(sample, boxes=step.boxes))


def _pasted(sample: Sample, step: Combination) -> Sample:
    """`sample` with the objects alone that `step` pastes; as it is for another step."""
    if not isinstance(step, CopyPaste):
        return sample
    return with_objects_alone(sample, step.chosen(pastable_rows(sample, boxes=step.boxes)))


def _alone(sample: Sample, step: Combination) -> Finding:
    words = f"{step.name}: not done, for no other training image near the one that was drawn fits"
    words += "" if not isinstance(step, CopyPaste) or step.boxes else " (want objects with a polygon or a mask)"
    return Finding("combined-with-none", words, path=sample.relative_path, split=sample.split)


def _check(recipe: Recipe, names: Sequence[str]) -> None:
    """Raise `UsageError` for faults that would otherwise be found during the run."""
    for name, _ in recipe.augment.copies_of if recipe.augment else ():
        require_class("augment: copies", name, names)
    for step in _all_steps(recipe):
        for name in step.keep if isinstance(step, Flip) else ():
            require_class("flip: keep", name, names)
        for name in step.classes if isinstance(step, Isolate) else ():
            require_class("isolate: classes", name, names)
        if isinstance(step, Albumentations):
            named = Named(str(step.pipeline) if step.pipeline else None, step.object)
            loaded(named)
            if step.seed == SETTLED and (why := chance_in(named)):
                raise UsageError(f"albumentations: {why}, which is chance for all splits; want it under augment")


def _all_steps(recipe: Recipe) -> tuple[RecipeStep, ...]:
    return (*recipe.steps, *(recipe.augment.steps if recipe.augment else ()))


def _shown(sample: Sample) -> tuple[Path, str]:
    """The file that a sample shows, and the tile of it."""
    return sample.path, _variant_of(sample).tile


def _variant_of(sample: Sample) -> SampleVariant:
    return sample.variant or SampleVariant(f"{sample.split}/{sample.name}")


def _key(variant: SampleVariant) -> str:
    """The key of the draws of `variant`, besides the number of its copy."""
    return f"{variant.key}#{variant.tile}" if variant.tile else variant.key


def _chained(earlier: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    """The recipe drawn `earlier`, as plain data, with the steps of `more` after it."""
    return {**earlier, "steps": [*earlier["steps"], *more["steps"]]} if earlier else more
