"""Renders some of the output images of a recipe on one contact sheet, to check it before a long run.

They are the images of the run itself, not others like them: the same samples take the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bboxprep.errors import ImageError
from bboxprep.images.draw.annotations import Cell, contact_sheet
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from bboxprep.model.splits import is_training
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.source.merge import classed, within_limit
from bboxprep.pipeline.source.near_duplicates import deduplicated
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.variants import with_variants
from bboxprep.pipeline.work.filtering import FilterPlan
from bboxprep.recipe.recipe import Recipe


def preview(source: Source, recipe: Recipe, count: int, progress: Callable[[int], None] = lambda _: None) -> bytes:
    """A PNG of at most `count` output images of `recipe` on `source`, with their objects drawn.

    Each has its name below it, and the reason where there would be none.
    """
    cells = []
    for done, sample in enumerate(drawn_samples(source, recipe, count), 1):
        cells.append(_cell(sample))
        progress(done)
    return contact_sheet(cells, source.dataset.categories.names)


def sheet(dataset: Dataset, count: int) -> bytes:
    """A PNG of at most `count` images of `dataset` as they are, evenly spaced, with their objects drawn."""
    rows = _evenly_spaced([[row] for row in range(len(dataset))], count)
    return contact_sheet([_cell(dataset[row]) for row in rows], dataset.categories.names)


def drawn_samples(source: Source, recipe: Recipe, count: int) -> list[Sample]:
    """At most `count` samples of `source` after `recipe`, as in a run.

    They are training images where there are any, from all over the dataset, each image with all that is made of it.
    """
    source = classed(source, recipe.classes)
    source = within_limit(deduplicated(source, recipe.filters.dedupe), recipe.filters.max_per_class)
    taken = with_variants(source, recipe)
    augmenter = Augmenter.of(recipe, taken)
    splits = [summary.key[0] for summary in taken.summaries]
    rows = [row for row, split in enumerate(splits) if is_training(split)] or list(range(len(splits)))
    filters = FilterPlan(recipe.filters, taken.dataset.categories.names, taken.dataset.flip_mapping)
    chosen = _evenly_spaced(_by_image(taken, rows), count)
    return [filters.applied(augmenter(taken.dataset[row]).sample) for row in chosen]


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
