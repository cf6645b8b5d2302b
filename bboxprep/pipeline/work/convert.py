"""Converts a source or a dataset to a format: applies the recipe, and runs a `Conversion`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import PlanError, WrongTypeError
from bboxprep.images.codecs.codec import Encoding, ImageFormat
from bboxprep.io.copying import ImagePlacement
from bboxprep.io.remote import open_path
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.output.naming import NameStyle
from bboxprep.pipeline.output.written_options import with_task, writing_options
from bboxprep.pipeline.report.preflight import OnError
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.merge import classed, within_limit
from bboxprep.pipeline.source.near_duplicates import deduplicated, near_duplicates
from bboxprep.pipeline.source.open import Source, image_policy_of
from bboxprep.pipeline.source.survey import ImageSummary, checked, survey
from bboxprep.pipeline.variants import with_variants
from bboxprep.pipeline.work.conversion import Conversion
from bboxprep.recipe.recipe import Recipe


def convert_source(
    source: Source,
    dest: Path,
    to: str,
    recipe: Recipe,
    *,
    run_options: RunOptions,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Write `source` through `recipe` to `dest` as the format `to`, whose writer takes `options`.

    Options that are not given keep the kind of labels of the source (`Format.options_for`). `progress` is called with
    the number of images done. Once `stop` returns True, the images at work are finished, no
    other is begun and `StoppedError` is raised. Raises other `BboxprepError` where the run cannot be done.
    """
    options = options or {}
    return planned_conversion(
        source, dest, to, recipe, run_options=run_options, options=options, progress=progress, stop=stop
    ).run()


def planned_conversion(
    source: Source,
    dest: Path,
    to: str,
    recipe: Recipe,
    *,
    run_options: RunOptions,
    options: Mapping[str, Any],
    progress: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Conversion:
    """The conversion that `convert_source` runs."""

    def touched(summary: ImageSummary) -> bool:
        """Whether the pixels of an image change."""
        if summary.header is None:
            return False
        try:
            if recipe.is_tiled or recipe.appearance or recipe.is_drawn:
                return True
            turn = recipe.turn_of(summary.header.turn, source.frame_of(summary))
            return not recipe.without_augment.plan(summary.header.size, turn).is_identity
        except PlanError:
            return False

    source = deduplicated(classed(source, recipe.classes), recipe.filters.dedupe, run_options.chosen_engine)
    dataset = source.dataset if run_options.trusts_labels else checked(source.dataset, source.summaries)
    if recipe.filters.dedupe:
        alike = near_duplicates(source.summaries, dataset.folder, dataset.findings).findings
        dataset = replace(dataset, findings=(*dataset.findings, *alike))
    dataset = with_task(replace(dataset, findings=dataset.transform(recipe.without_filters).findings), options, to)
    source = msgspec.structs.replace(source, dataset=dataset)
    source = with_variants(within_limit(source, recipe.filters.max_per_class), recipe)
    return Conversion(
        source.dataset,
        source.summaries,
        dest,
        to,
        run_options,
        writing_options(options, to, dataset),
        touched,
        Augmenter.of(recipe, source),
        source.image_policy,
        progress,
        stop,
    )


def write(
    dataset: Dataset,
    dest: str | Path,
    to: str,
    *,
    workers: int = 1,
    on_error: OnError = "skip",
    strict: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    quality: int | None = None,
    strip_metadata: bool = False,
    sidecar: bool = True,
    images: ImagePlacement = "copy",
    image_format: ImageFormat = "keep",
    names: NameStyle = "keep",
    **options: Any,
) -> Outcome:
    """Write `dataset`, transformed or not, to the folder `dest` as the format `to`.

    Samples that were not transformed are turned upright. An image that no step touches keeps its bytes and is placed in
    the output by the method `images` (see `RunOptions`). `image_format` and `names` are those of `convert`. A JPEG that
    is only turned or padded is so without loss where its blocks allow it, unless `quality` is given; other JPEGs are
    encoded with `quality`, by default 95. `options` are those of the format's writer; where they are not given, labels
    keep their kind (`Format.options_for`). With `sidecar`, data that the format cannot hold is written beside the
    output, and read with it again. Records that cannot be used are skipped and listed in the outcome's account, unless
    `on_error` is "stop"; `strict`, `overwrite` and `dry_run` are those of `RunOptions`. Raises `BboxprepError` where
    nothing can be written.
    """
    if not isinstance(dataset, Dataset):
        raise WrongTypeError(f"write: have a {type(dataset).__name__}, want a Dataset, as bboxprep.read returns it")
    planned = dataset.with_samples(_planned)
    run_options = RunOptions(
        workers,
        on_error=on_error,
        strict=strict,
        overwrite=overwrite,
        dry_run=dry_run,
        encoding=Encoding(quality, strip_metadata, image_format),
        sidecar=sidecar,
        images=images,
        names=names,
    )
    summaries = survey(planned, run_options.chosen_engine)
    dataset, target = with_task(checked(planned, summaries), options, to), open_path(dest)
    options = writing_options(options, to, dataset)
    policy = image_policy_of(dataset)
    return Conversion(
        dataset, summaries, target, to, run_options, options, lambda summary: summary.touched, image_policy=policy
    ).run()


def _planned(sample: Sample) -> Sample:
    return sample if sample.plan else sample.transform(Recipe())
