"""Makes a dataset longer: one sample for each image that a recipe makes of an image (copies, tiles).

All samples of an image have its objects; the draw of each is made when it is its turn (`pipeline.augment`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import msgspec

from bboxprep.errors import PlanError
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.model.batch import Batch, FromText
from bboxprep.model.class_counts import ClassCounts
from bboxprep.model.dataset import Dataset
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Frame
from bboxprep.model.splits import is_training
from bboxprep.model.variant import SampleVariant
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.source.survey import ImageSummary
from bboxprep.recipe.recipe import Recipe


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
