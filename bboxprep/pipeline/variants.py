"""Makes a dataset longer: one sample for each image that a recipe makes of an image (copies, tiles).

All samples of an image have its objects; the draw of each is made when it is its turn (`pipeline.augment`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath

import msgspec
import numpy as np

from bboxprep.errors import PlanError
from bboxprep.findings import Finding
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.io.safe_names import distinct_names
from bboxprep.model.batch import Batch, FromText
from bboxprep.model.dataset import Dataset
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Frame, Sample
from bboxprep.model.splits import is_training
from bboxprep.model.validation import Location, check_boxes, drop_findings_by_class
from bboxprep.model.variant import SampleVariant
from bboxprep.pipeline.output.naming import FOLDER_MARK
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.source.survey import ImageSummary, counted_classes
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.recipe import Recipe


def with_variants(source: Source, recipe: Recipe) -> Source:
    """`source` with one sample for each output image of `recipe` (copies, tiles, objects); unchanged if none."""
    if recipe.is_fixed and not recipe.is_tiled:
        return source
    made = [(row, one) for row, one in enumerate(copies_of_images(source, recipe))]
    findings = source.dataset.findings
    if recipe.isolate:
        names, step = source.dataset.categories.names, recipe.isolate
        folders = distinct_names(names) if step.has_one_class else [""] * len(names)
        findings += tuple(_respelled(names, folders)) if step.has_one_class else ()
        shown = chain.from_iterable(source.dataset.batches())
        objects = (_isolated_variants(sample, isolated_rows(step, sample, names), folders) for sample in shown)
        variants = [
            (row, msgspec.structs.replace(one, copy=copy))
            for (row, copies), own in zip(made, objects, strict=True)
            for copy in range(copies)
            for one in own
        ]
    else:
        variants = [
            variant
            for row, copies in made
            for variant in _variants(row, source.summaries[row], source.frame_of(source.summaries[row]), recipe, copies)
        ]
    taken = _VariantSamples(source.dataset, tuple(variant for _, variant in variants))
    rows = list(enumerate(row for row, _ in variants))
    dataset = replace(
        source.dataset,
        findings=findings,
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


def isolated_rows(step: Isolate, sample: Sample, names: Sequence[str]) -> list[tuple[int, ...]]:
    """The rows of the objects in each image that `step` makes of `sample`, whose labels are rows of `names`."""
    objects = sample.instances
    if sample.header is None or sample.refusal:
        return []
    sides = objects.boxes[:, 2:] - objects.boxes[:, :2]
    fitting = check_boxes(objects, sample.size)[0] & ~objects.crowd & (sides >= step.min_size).all(axis=1)
    rows = [
        row
        for row in np.flatnonzero(fitting).tolist()
        if not step.classes or names[objects.labels[row]] in step.classes
    ]
    return ([tuple(rows)] if rows else []) if step.together else [(row,) for row in rows]


def _isolated_variants(
    sample: Sample, groups: Sequence[tuple[int, ...]], folders: Sequence[str]
) -> list[SampleVariant]:
    """The variants of `sample`, one for each of the `groups` of its objects, in the folder of the class of the first;
    one of the whole image, which is left out, where there are none.
    """
    key, labels = f"{sample.split}/{sample.name}", sample.instances.labels
    return [
        SampleVariant(key, tile=f"o{number}", rows=group, folder=folders[labels[group[0]]])
        for number, group in enumerate(groups)
    ] or [SampleVariant(key)]


def _respelled(names: Sequence[str], folders: Sequence[str]) -> Iterator[Finding]:
    for name, folder in zip(names, folders, strict=True):
        if folder != name:
            yield Finding("class-respelled", f"{name!r}: its images are in the folder {folder!r}", category=name)


def copies_of_images(source: Source, recipe: Recipe) -> list[int]:
    """The number of copies of each image of `source`."""
    plain = [recipe.copies(summary.key[0]) if summary.header else 1 for summary in source.summaries]
    if not (recipe.augment and recipe.augment.counts_classes):
        return plain
    rows = [row for row, one in enumerate(source.summaries) if is_training(one.key[0]) and one.header]
    shown = counted_classes(source.dataset)
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
        own = recipe.of_split(summary.key[0])
        tiles = [tile for tile, _ in own.tiles(header.size, turn)] if header else [""]
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
    """The name of the image: in the folder of its class no sub-folder is kept, for readers of class folders take the
    first or the last one."""
    path = PurePosixPath(name)
    path = path.with_stem(path.stem + variant.name) if variant.name else path
    return f"{variant.folder}/{FOLDER_MARK.join(path.parts)}" if variant.folder else str(path)


def isolated(sample: Sample, step: Isolate, names: Sequence[str]) -> Sample:
    """`sample` with the objects alone that its image is made of by `step`. The first image of its source also has those
    of which no image is made; they are dropped, with a finding for each class.
    """
    variant, objects = sample.variant or SampleVariant(""), sample.instances
    made = set(chain.from_iterable(isolated_rows(step, sample, names)))
    held = [row for row in range(len(objects)) if row in variant.rows or (variant.is_first and row not in made)]
    valid, _ = check_boxes(objects, sample.size)  # others are dropped as ever
    kept = [row for row in held if row in variant.rows or not valid[row]]
    left_out = np.isin(np.arange(len(objects)), held) & ~np.isin(np.arange(len(objects)), kept)
    location = Location(sample.relative_path, sample.split, names)
    found = drop_findings_by_class("object-unisolated", objects, left_out, location, "no image is made of it")
    return sample.replace_fast(
        instances=objects.select(kept),
        findings=(*sample.findings, *found) if variant.is_first else (),
        source_count=sample.source_count - len(objects) + len(held) if variant.is_first else len(held),
        variant=msgspec.structs.replace(variant, rows=tuple(map(kept.index, variant.rows))),
    )


def not_isolated(sample: Sample) -> Sample:
    """`sample`, of which no image is made, refused with a finding."""
    finding = Finding("image-filtered", "shows no object to isolate", path=sample.relative_path, split=sample.split)
    return sample.replace_fast(refusal=finding.code, findings=(*sample.findings, finding))
