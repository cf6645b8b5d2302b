"""Renders some of the output images of a recipe on one contact sheet, to check it before a long run.

They are the images of the run itself, not others like them: the same samples take the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from bboxprep import formats
from bboxprep.errors import ImageError
from bboxprep.images.draw.annotations import Cell, contact_sheet
from bboxprep.model.batch import Batch
from bboxprep.model.columns import COLUMNS, Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.model.splits import is_training
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.output.written_options import with_task, writing_options
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.pipeline.source.merge import classed, within_limit
from bboxprep.pipeline.source.near_duplicates import deduplicated
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.variants import with_variants
from bboxprep.pipeline.work.filtering import FilterPlan
from bboxprep.recipe.recipe import Recipe

SIDE = 640  # px: the longer side of an image on the sheet


def preview(
    source: Source,
    recipe: Recipe,
    count: int,
    progress: Callable[[int], None] = lambda _: None,
    *,
    to: str = "",
    options: Mapping[str, Any] | None = None,
) -> bytes:
    """A PNG of at most `count` output images of `recipe` on `source`, of every split, with their objects drawn: all
    of them or, with `to`, what the writer of this format with its `options` would write, and no more.

    Each has its name below it, and the reason where there would be none.
    """
    dataset = classed(source, recipe.classes).dataset
    cells, several = [], len({summary.key[0] for summary in source.summaries}) > 1
    shown = Shown.of(dataset, to, options or {}) if to else None
    for done, sample in enumerate(drawn_samples(source, recipe, count), 1):
        cell = _cell(shown.written(sample) if shown else sample)
        cells.append(replace(cell, caption=f"{sample.split}: {cell.caption}") if several else cell)
        progress(done)
    return contact_sheet(cells, dataset.categories.names, SIDE)


class Shown(msgspec.Struct, frozen=True):
    """What a format holds of objects: columns, and crowd regions."""

    carries: frozenset[Column]
    crowd: CrowdPlan
    names: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset, to: str, options: Mapping[str, Any]) -> Shown:
        """What the writer of the format `to` with `options` holds of `dataset`."""
        target, dataset = formats.load_written(to), with_task(dataset, options, to)
        given = writing_options(options, to, dataset)
        made = formats.made_options(target.write_options, given, f"writing {target.title}")
        writer = formats.open_writer(target, dataset.folder, dataset, made)
        crowd = CrowdPlan.of(dataset.object_policy.crowd, writer, target, sidecar=False)
        return cls(writer.carries, crowd, dataset.categories.names)

    def written(self, sample: Sample) -> Sample:
        """`sample` with what is written of its objects."""
        kept = self.crowd.apply(Batch.of([sample]), lambda _: self.names)[0]
        every, held = kept.instances, [COLUMNS[column] for column in Column if column in self.carries]
        fields = {one.name: getattr(every, one.name) for spec in held for one in spec.fields if one.name != "boxes"}
        return kept.replace_fast(instances=Instances.from_arrays(every.boxes, labels=every.labels, **fields))


def sheet(dataset: Dataset, count: int) -> bytes:
    """A PNG of at most `count` images of `dataset` as they are, evenly spaced, with their objects drawn."""
    rows = _evenly_spaced([[row] for row in range(len(dataset))], count)
    return contact_sheet([_cell(dataset[row]) for row in rows], dataset.categories.names)


def drawn_samples(source: Source, recipe: Recipe, count: int) -> list[Sample]:
    """At most `count` samples of `source` after `recipe`, as in a run.

    They are of every split, as many of each as there are, from all over it; each image with all that is made of it.
    """
    source = classed(source, recipe.classes)
    source = within_limit(deduplicated(source, recipe.filters.dedupe), recipe.filters.max_per_class)
    taken = with_variants(source, recipe)
    augmenter = Augmenter.of(recipe, taken)
    filters = FilterPlan(recipe.filters, taken.dataset.categories.names, taken.dataset.flip_mapping)
    rows = _by_split(taken)
    shares = _shares([len(own) for own in rows], count)
    spaced = (_evenly_spaced(_by_image(taken, own), share) for own, share in zip(rows, shares, strict=True))
    chosen = [row for own in spaced for row in own]
    return [filters.applied(augmenter(taken.dataset[row]).sample) for row in chosen]


def _by_split(taken: Source) -> list[list[int]]:
    """The rows of each split, that of training first, so that it has what is over."""
    rows: dict[str, list[int]] = {}
    for row, summary in enumerate(taken.summaries):
        rows.setdefault(summary.key[0], []).append(row)
    return [rows[split] for split in sorted(rows, key=lambda split: not is_training(split))]


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many of `count` each of the splits has, which have `sizes`: as many as the others, if it has so many."""
    shares = [0] * len(sizes)
    while (left := count - sum(shares)) > 0 and shares != list(sizes):
        open_ = [place for place, size in enumerate(sizes) if shares[place] < size]
        for number, place in enumerate(open_):
            more = left // len(open_) + (number < left % len(open_))
            shares[place] = min(sizes[place], shares[place] + more)
    return shares


def _by_image(taken: Source, rows: Sequence[int]) -> list[list[int]]:
    """The `rows` grouped by source image."""
    images: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        outline = taken.dataset.outline(row)
        images.setdefault((outline.split, str(outline.path)), []).append(row)
    return list(images.values())


def _evenly_spaced(images: Sequence[Sequence[int]], count: int) -> list[int]:
    """At most `count` rows, of evenly spaced images."""
    most = max(map(len, images), default=1)
    wanted = min(len(images), -(-count // most))
    chosen = [images[number * len(images) // wanted] for number in range(wanted)]
    return [row for rows in chosen for row in rows][:count]


def _cell(sample: Sample) -> Cell:
    name = str(sample.name)
    if sample.header is None or sample.refusal:
        return Cell(f"{name}: {sample.refusal or 'cannot be read'}")
    try:
        return Cell(name, sample.pixels(), sample.instances)
    except ImageError as error:
        return Cell(f"{name}: {error.problem}")
