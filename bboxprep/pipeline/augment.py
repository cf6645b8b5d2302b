"""Recipes that make several images of one image, or use chance: copies, tiles, mosaics, random draws.

The dataset is made longer first: one sample for each image that will be written, all with the objects of their image.
The draw of each is made when it is its turn (`Augmenter`). It is keyed by the image and its copy, so that it depends
neither on the order nor on the workers, and it stands in the record of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from bboxprep.errors import PlanError, UsageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.images.effects.albumentations_adapter import Named, chance_in, loaded
from bboxprep.model.batch import Batch, FromText
from bboxprep.model.categories import require_class
from bboxprep.model.class_counts import ClassCounts
from bboxprep.model.dataset import Dataset
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.rendering import SETTLED
from bboxprep.model.sample import Frame, Sample
from bboxprep.model.splits import is_training
from bboxprep.model.variant import SampleVariant
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.source.survey import ImageSummary
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.crops import Mosaic
from bboxprep.recipe.geometric import Fill, Flip, RecipeStep
from bboxprep.recipe.mosaic_split import MosaicSplit, split_at_mosaic, then
from bboxprep.recipe.recipe import Drawn, ImageContext, Recipe
from bboxprep.transform.mosaic import assemble_mosaic, place_part
from bboxprep.transform.render import SampleRenderer

_MAX_TRIES = 16  # images that are tried for a place in a mosaic


def with_variants(source: Source, recipe: Recipe) -> Source:
    """`source` with one sample for each output image of `recipe` (copies, tiles); unchanged if it makes neither."""
    if recipe.is_fixed and not recipe.is_tiled:
        return source
    variants = [
        variant
        for row, (summary, copies) in enumerate(zip(source.summaries, copies_of_images(source, recipe), strict=True))
        for variant in _variants(row, summary, source.frame_of(summary), recipe, copies)
    ]
    taken = _VariantSamples(source.dataset, tuple(variant for _, variant in variants))
    rows = list(enumerate(row for row, _ in variants))
    dataset = replace(
        source.dataset,
        samples=LazySamples(rows, taken),
        outlines=LazySamples(rows, taken.outlines),
    )
    summaries = tuple(
        source.summaries[row].replace_fast(
            key=(source.summaries[row].key[0], _named(source.summaries[row].key[1], variant))
        )
        for row, variant in variants
    )
    return msgspec.structs.replace(source, dataset=dataset, summaries=summaries)


def copies_of_images(source: Source, recipe: Recipe) -> list[int]:
    """The number of copies of each image of `source`."""
    plain = [recipe.copies(summary.key[0]) if summary.header else 1 for summary in source.summaries]
    if not (recipe.augment and recipe.augment.counts_classes):
        return plain
    rows = [row for row, one in enumerate(source.summaries) if is_training(one.key[0]) and one.header]
    shown = ClassCounts.of(source.dataset.batches()).by_image()
    keys, names = ["/".join(source.summaries[row].key) for row in rows], source.dataset.categories.names
    copies = recipe.augment.copies_by_image(keys, [shown[row] for row in rows], names)
    for row, own in zip(rows, copies, strict=True):
        plain[row] = own
    return plain


def _variants(
    row: int, summary: ImageSummary, frame: Frame, recipe: Recipe, copies: int
) -> Iterator[tuple[int, SampleVariant]]:
    key = "/".join(summary.key)
    header = summary.header
    try:
        turn = recipe.turn_of(header.turn, frame) if header else IDENTITY
        tiles = [tile for tile, _ in recipe.tiles(header.size, turn)] if header else [""]
    except PlanError:  # the image has a finding when it is planned
        tiles = [""]
    for copy in range(copies):
        for tile in tiles:
            yield row, SampleVariant(key, copy, tile)


class _VariantSamples(msgspec.Struct, frozen=True):
    """The samples of a dataset, once for each variant."""

    dataset: Dataset
    variants: tuple[SampleVariant, ...]

    def __call__(self, places: Sequence[tuple[int, int]]) -> Batch:
        return self._varied(self.dataset.at([row for _, row in places]), places)

    def outlines(self, places: Sequence[tuple[int, int]]) -> Batch:
        return self._varied(self.dataset.outlines_at([row for _, row in places]), places)

    def _varied(self, batch: Batch, places: Sequence[tuple[int, int]]) -> Batch:
        variants = [self.variants[number] for number, _ in places]
        names = list(map(_named, batch.names, variants))
        ids = [0 if variant.name else own for variant, own in zip(variants, batch.values("id"), strict=True)]
        return batch.with_columns(variant=variants, name=FromText(names, PurePosixPath), id=ids)


def _named(name: str, variant: SampleVariant) -> str:
    path = PurePosixPath(name)
    return str(path.with_stem(path.stem + variant.name)) if variant.name else name


class AugmentedSample(msgspec.Struct, frozen=True):
    """A transformed sample, and the samples of the source in it, its own first."""

    sample: Sample
    sources: tuple[Sample, ...]


class AugmentedBatch(msgspec.Struct, frozen=True):
    """Transformed `samples`, and all samples of the source in them (those of all parts of a mosaic)."""

    samples: Batch
    sources: Batch


class Augmenter(msgspec.Struct, frozen=True):
    """Transforms each sample of `dataset` by the recipe drawn for it. `training` are the rows of the images (or tiles)
    that a mosaic may contain.
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
        source.dataset.object_policy.check(source.dataset.categories.names)
        rows: list[int] = []
        if split_at_mosaic(recipe):
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
        mosaic_split, mosaic = self._mosaic_of(sample)
        if mosaic_split and mosaic:
            return self._assembled(sample, mosaic_split, mosaic)
        return AugmentedSample(
            self._transformed(sample, mosaic_split.without if mosaic_split else self.recipe, _variant_of(sample)),
            (sample,),
        )

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
        """The other samples of the mosaic of `sample`."""
        if sample.header is None or sample.refusal:
            return ()
        _, mosaic = self._mosaic_of(sample)
        return self._picked(sample, mosaic) if mosaic else ()

    def _mosaic_of(self, sample: Sample) -> tuple[MosaicSplit | None, Mosaic | None]:
        """The recipe of `sample` split at its mosaic, and the drawn mosaic; (None, None) without one."""
        mosaic_split, augment = split_at_mosaic(self.recipe), self.recipe.augment
        if mosaic_split is None or not is_training(sample.split):
            return None, None
        variant = _variant_of(sample)
        if augment and augment.plain and variant.copy == 0:
            return None, None
        return mosaic_split, mosaic_split.drawn(_key(variant), variant.copy)

    def _transformed(self, sample: Sample, recipe: Recipe, variant: SampleVariant, *steps: RecipeStep) -> Sample:
        """`sample` transformed by `recipe` as drawn for `variant`, and by `steps`; refused where that is impossible.

        A flip that `Flip.keep` prevents is a finding.
        """
        try:
            drawn = self._drawn(sample, recipe, variant)
        except PlanError as error:
            finding = Finding("crop-outside", str(error), path=sample.relative_path, split=sample.split)
            return sample.replace_fast(refusal=finding.code, findings=(*sample.findings, finding))
        if drawn.kept:
            note = Finding("flip-kept", "not flipped, for what it shows", path=sample.relative_path, split=sample.split)
            sample = sample.replace_fast(findings=(*sample.findings, note))
        if sample.variant or steps:
            sample = sample.replace_fast(
                variant=msgspec.structs.replace(variant, recipe=_chained(variant.recipe, drawn.recipe.options()))
            )
        return sample.transform(then(drawn.recipe, *steps) if steps else drawn.recipe)

    def _drawn(self, sample: Sample, recipe: Recipe, variant: SampleVariant) -> Drawn:
        header = sample.header
        if header is None or (recipe.is_fixed and not variant.tile):
            return Drawn(recipe)
        names = frozenset(self.dataset.categories.names[label] for label in sample.instances.labels.tolist())
        turn = recipe.turn_of(header.turn, sample.frame)
        if not sample.parts:
            recipe = dict(recipe.tiles(header.size, turn))[variant.tile]
        return recipe.drawn(_key(variant), variant.copy, ImageContext.of(sample, names, turn), split=sample.split)

    def _assembled(self, sample: Sample, mosaic_split: MosaicSplit, mosaic: Mosaic) -> AugmentedSample:
        """The mosaic of `sample` and three other samples, each with its own draw, and the steps after it."""
        variant, canvas = _variant_of(sample), Size.of(mosaic.size)
        sources, parts = (sample, *self._picked(sample, mosaic)), list[Sample]()
        for number, (source, (left, top, quarter)) in enumerate(zip(sources, mosaic.quarters, strict=True)):
            own = (
                msgspec.structs.replace(_variant_of(source), key=f"{_key(variant)}#part{number}", copy=variant.copy)
                if number
                else variant
            )
            part = self._transformed(source, mosaic_split.before, own, Fill(quarter))
            parts.append(part if part.refusal else place_part(part, canvas, left, top))
        if parts[0].refusal:
            return AugmentedSample(parts[0], (sample,))
        used = [number for number, part in enumerate(parts) if not part.refusal]
        whole = assemble_mosaic([parts[number] for number in used], canvas)
        earlier = _chained(_variant_of(parts[0]).recipe, {"steps": [{mosaic.name: mosaic.options()}]})
        made = self._transformed(
            whole, mosaic_split.after, SampleVariant(f"{_key(variant)}#mosaic", variant.copy, recipe=earlier)
        )
        made = made.replace_fast(variant=msgspec.structs.replace(variant, recipe=_variant_of(made).recipe))
        return AugmentedSample(made, tuple(sources[number] for number in used))

    def _picked(self, sample: Sample, mosaic: Mosaic) -> tuple[Sample, ...]:
        """The three other samples of a `mosaic`, all different where the training set has enough."""
        chosen = [sample]
        for pick in mosaic.others or ():
            chosen.append(self._other(pick, chosen))
        return tuple(chosen[1:])

    def _other(self, pick: float, chosen: Sequence[Sample]) -> Sample:
        """The sample at the position `pick`, 0 to 1, or the next usable one that is not yet `chosen`; one of these
        where there is none near.
        """
        first, known = int(pick * len(self.training)), {_shown(one) for one in chosen}
        found = chosen[0]
        for step in range(min(len(self.training), _MAX_TRIES)):
            other = self.dataset[self.training[(first + step) % len(self.training)]]
            if other.header and not other.refusal:
                if _shown(other) not in known:
                    return other
                found = other
        return found


def _check(recipe: Recipe, names: Sequence[str]) -> None:
    """Raise `UsageError` for faults that would otherwise be found during the run."""
    recipe.filters.check(names)
    for name, _ in recipe.augment.copies_of if recipe.augment else ():
        require_class("augment: copies", name, names)
    for step in _all_steps(recipe):
        for name in step.keep if isinstance(step, Flip) else ():
            require_class("flip: keep", name, names)
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
