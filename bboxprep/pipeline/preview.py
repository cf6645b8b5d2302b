"""Renders some of the output images of a recipe on one contact sheet, to check it before a long run.

They are the images of the run itself, not others like them: the same samples take the same draws. For a target format
they are written to a temporary folder and read from there, as a trainer reads them: nothing is drawn that the format
does not hold.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import ImageError, NothingLeftError
from bboxprep.images.draw.annotations import Cell, contact_sheet
from bboxprep.images.draw.lettering import in_latin
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from bboxprep.model.splits import is_training, order
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.merge import classed, within_limit
from bboxprep.pipeline.source.near_duplicates import deduplicated
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.variants import with_variants
from bboxprep.pipeline.work.convert import planned_conversion
from bboxprep.pipeline.work.filtering import FilterPlan
from bboxprep.recipe.recipe import Recipe

NO_OPTIONS: Mapping[str, Any] = {}


class Preview(msgspec.Struct, frozen=True):
    """A contact sheet as a PNG, and the names that are drawn in Latin letters, each with what is drawn."""

    sheet: bytes
    in_latin: Mapping[str, str]


def preview(source: Source, recipe: Recipe, count: int, progress: Callable[[int], None] = lambda _: None) -> bytes:
    """A PNG of at most `count` output images of `recipe` on `source`, with all their objects drawn.

    Each has its name below it, and the reason where there would be none.
    """
    cells = []
    for done, sample in enumerate(drawn_samples(source, recipe, count), 1):
        cells.append(_cell(sample))
        progress(done)
    return contact_sheet(cells, source.dataset.categories.names)


def preview_as_written(
    source: Source,
    recipe: Recipe,
    count: int,
    to: str,
    *,
    run_options: RunOptions,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Callable[[int], None] = lambda _: None,
) -> Preview:
    """At most `count` of the images that `convert_source` writes of all splits, with the objects that the format `to`
    holds; `options` are those of its writer. An image that is left out is named with the reason. Raises
    `BboxprepError` where the run cannot be done.
    """
    with tempfile.TemporaryDirectory(prefix="bboxprep-") as folder:
        dest = Path(folder) / "out"
        own = msgspec.structs.replace(run_options, workers=1, engine=None, images="copy", overwrite=False, resume=False)
        whole = planned_conversion(source, dest, to, recipe, run_options=own, options=options)
        augmenter = whole.augmenter or Augmenter.of(recipe, source)
        filters = FilterPlan(recipe.filters, whole.dataset.categories.names, whole.dataset.flip_mapping)
        rows = _spread(_by_image(whole.dataset), count)
        samples = {row: filters.applied(augmenter(whole.dataset[row]).sample) for row in rows}
        written = [row for row, sample in samples.items() if sample.header and not sample.refusal]
        summaries = [whole.summaries[row] for row in written]
        part = replace(whole, dataset=whole.dataset.select(written), summaries=summaries, progress=progress)
        left_out = [_cell(sample) for row, sample in samples.items() if row not in written]
        dataset = _written(lambda: part.run(), dest, to) if written else None
        cells = [*_cells(dataset), *left_out] if dataset else left_out
        names = dataset.categories.names if dataset else ()
        return Preview(contact_sheet(cells, names), in_latin([*names, *(cell.caption for cell in cells)]))


def _written(run: Callable[[], Any], dest: Path, to: str) -> Dataset | None:
    """What is read of the output that `run` writes to `dest` in the format `to`; None where it writes no image."""
    try:
        run()
    except NothingLeftError:
        return None
    return open_source(dest, to, labels_in="displayed", sidecar=False).dataset


def _cells(dataset: Dataset) -> Iterator[Cell]:
    """The images of `dataset`, in the order of the splits."""
    several = len(dataset.splits) > 1
    for sample in sorted(dataset, key=lambda sample: order(sample.split)):
        cell = _cell(sample)
        yield replace(cell, caption=f"{sample.split}: {cell.caption}") if several else cell


def sheet(dataset: Dataset, count: int) -> bytes:
    """A PNG of at most `count` images of `dataset` as they are, from all splits, with their objects drawn."""
    return contact_sheet([_cell(dataset[row]) for row in _spread(_by_image(dataset), count)], dataset.categories.names)


def drawn_samples(source: Source, recipe: Recipe, count: int, *, only_training: bool = False) -> list[Sample]:
    """At most `count` samples of `source` after `recipe`, as in a run, from all over the dataset and every split, each
    image with all that is made of it. `only_training`: training images, where there are any.
    """
    source = classed(source, recipe.classes)
    source = within_limit(deduplicated(source, recipe.filters.dedupe), recipe.filters.max_per_class)
    taken = with_variants(source, recipe)
    augmenter = Augmenter.of(recipe, taken)
    images = _by_image(taken.dataset)
    if only_training:
        images = {split: own for split, own in images.items() if is_training(split)} or images
    filters = FilterPlan(recipe.filters, taken.dataset.categories.names, taken.dataset.flip_mapping)
    return [filters.applied(augmenter(taken.dataset[row]).sample) for row in _spread(images, count)]


def _by_image(dataset: Dataset) -> dict[str, list[list[int]]]:
    """The rows of each source image, by the split of the image, in the order of the splits."""
    images: dict[tuple[str, str], list[int]] = {}
    for row in range(len(dataset)):
        outline = dataset.outline(row)
        images.setdefault((outline.split, str(outline.path)), []).append(row)
    splits = sorted({split for split, _ in images}, key=order)
    return {split: [rows for (own, _), rows in images.items() if own == split] for split in splits}


def _spread(images: Mapping[str, Sequence[Sequence[int]]], count: int) -> list[int]:
    """At most `count` rows, of evenly spaced images of each split: as many as its share, and one at least."""
    splits = list(images)[:count]
    total, free = sum(len(images[split]) for split in splits), count - len(splits)
    shares = Counter({split: 1 + free * len(images[split]) // total for split in splits})
    shares[splits[0]] += count - shares.total() if splits else 0
    return [row for split in splits for row in _evenly_spaced(images[split], shares[split])]


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
