"""Reading, ``bboxprep convert`` and its preview as functions of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from bboxprep.errors import UsageError, WrongTypeError
from bboxprep.frames.resolve import LabelsIn
from bboxprep.images.codecs.codec import Encoding, ImageFormat, ImagePolicy
from bboxprep.io.copying import ImagePlacement
from bboxprep.io.remote import open_path
from bboxprep.model.class_mapping import AS_THEY_ARE, ClassPolicy
from bboxprep.model.dataset import Dataset
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.sample import Picture
from bboxprep.pipeline.dataset_tools import TOOLS
from bboxprep.pipeline.output.naming import NameStyle
from bboxprep.pipeline.report.preflight import OnError
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.merge import assemble
from bboxprep.pipeline.source.open import Source, open_source, source_of
from bboxprep.pipeline.source.split import SplitPolicy
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.recipe.recipe import Recipe

Place = str | Path | Dataset
Sources = Place | Sequence[Place]
_UNCHANGED = Recipe()


def read(
    path: str | Path,
    format: str | None = None,
    *,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
    **options: Any,
) -> Dataset:
    """The labelled dataset at `path`.

    `format` is one of `bboxprep formats`, found from the files if None. `labels_in` says which plane the labels of
    photos with an EXIF orientation were drawn in ("stored", "displayed", or "auto": decided from evidence).
    `image_policy` says how 16-bit, transparent and multi-frame images are decoded, `object_policy` what becomes of
    crowd regions, boxes over the edge and the like; `options` are those of the format's reader. Raises `SourceError`
    (the files) and `UsageError` (the arguments).
    """
    if not isinstance(path, str | PurePath):
        raise WrongTypeError(f"read: have a {type(path).__name__}, want the path of a dataset")
    dataset = open_source(
        open_path(path),
        format,
        labels_in=labels_in,
        image_policy=image_policy,
        object_policy=object_policy,
        follow_links=options.get("follow_links", ""),
        options=lambda _: options,
    ).dataset
    return replace(dataset, tools=TOOLS)


def convert(
    sources: Sources,
    dest: str | Path,
    to: str,
    recipe: Recipe = _UNCHANGED,
    *,
    format: str | None = None,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
    classes: ClassPolicy = AS_THEY_ARE,
    split: SplitPolicy | Mapping[str, float] | str | None = None,
    workers: int = 1,
    engine: Engine | None = None,
    on_error: OnError = "skip",
    strict: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    dry_run: bool = False,
    quality: int | None = None,
    strip_metadata: bool = False,
    sidecar: bool = True,
    labels_only: bool = False,
    images: ImagePlacement = "copy",
    image_format: ImageFormat = "keep",
    names: NameStyle = "keep",
    **options: Any,
) -> Outcome:
    """Write the datasets at `sources`, as one, through `recipe` to the folder `dest` as the format `to`.

    A source is a path, or a `Dataset` or a part of one that no recipe or function has changed. Unlike `write`, which
    writes a dataset in memory, this runs the command ``convert``: training images are augmented by the random steps of
    `recipe`, a stopped run can be resumed, and only changed images are written again. `split` divides the images anew,
    as in ``{"train": 0.8, "val": 0.2}`` or ``"train=0.8,val=0.2"``. `images` is the placement of images whose bytes do
    not change; with "none", and with `labels_only`, no image is opened whose size the labels state. All images are
    written in the `image_format` (see `Encoding`). For `on_error`, `strict`, `overwrite`, `dry_run` and `names` see
    `RunOptions`. The work runs in an `engine` in place of `workers` processes. `options` are those of the format's
    writer, the others those of `read` and `write`. Raises `SourceError`, `UsageError` and other `BboxprepError` where
    the run cannot be done.
    """
    _check_type("convert", "recipe", recipe, Recipe, "a Recipe, as in Recipe(Letterbox(640)) or read_recipe(path)")
    _check_type("convert", "classes", classes, ClassPolicy, "a ClassPolicy, as in ClassPolicy(rename={'Car': 'car'})")
    _check_type("convert", "dest", dest, str | PurePath, "the path of a folder")
    division = SplitPolicy.parse(split) if isinstance(split, str) else split
    division = SplitPolicy(division) if isinstance(division, Mapping) else division
    _check_type("convert", "split", division, SplitPolicy | None, "shares as in 'train=0.8,val=0.2', or a SplitPolicy")
    run_options = RunOptions(
        workers,
        on_error=on_error,
        strict=strict,
        overwrite=overwrite,
        resume=resume,
        dry_run=dry_run,
        encoding=Encoding(quality, strip_metadata, image_format),
        sidecar=sidecar,
        labels_only=labels_only,
        images=images,
        names=names,
        engine=engine,
    )
    how = {"format": format, "labels_in": labels_in, "image_policy": image_policy, "object_policy": object_policy}
    opened = _opened("convert", sources, how, run_options.chosen_engine, run_options.trusts_labels)
    source = assemble(opened, classes, division, recipe.classes, run_options.chosen_engine)
    return convert_source(source, open_path(dest), to, recipe, run_options=run_options, options=options)


def preview(
    sources: Sources,
    recipe: Recipe,
    count: int = 9,
    *,
    format: str | None = None,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
) -> Picture:
    """A PNG of at most `count` of the images that `convert` would make, with their objects drawn in.

    The draws are those of the run. Raises `SourceError` and `UsageError`.
    """
    from bboxprep.pipeline.preview import preview as sheet_of  # its fonts take as long to load as NumPy

    _check_type("preview", "recipe", recipe, Recipe, "a Recipe, as in Recipe(Letterbox(640)) or read_recipe(path)")
    how = {"format": format, "labels_in": labels_in, "image_policy": image_policy, "object_policy": object_policy}
    return Picture(sheet_of(assemble(_opened("preview", sources, how, Local())), recipe, count))


def _opened(
    what: str, sources: Sources, how: Mapping[str, Any], engine: Engine, labels_only: bool = False
) -> list[Source]:
    """The `sources` of the function `what`, each read as `how` says."""
    listed: list[Any] = list(sources) if isinstance(sources, list | tuple) else [sources]
    for source in listed:
        words = "the path of a dataset, a Dataset, or a list of these"
        _check_type(what, "sources", source, str | PurePath | Dataset, words)
    if not listed:
        raise UsageError(f"{what}: have no source, want the path of a dataset, a Dataset, or a list of these")
    return [
        _as_read(what, source, how, engine)
        if isinstance(source, Dataset)
        else open_source(open_path(source), engine=engine, labels_only=labels_only, **how)
        for source in listed
    ]


def _as_read(what: str, dataset: Dataset, how: Mapping[str, Any], engine: Engine) -> Source:
    """The source of a `dataset` that was read. Raises `UsageError` for one that was changed by more than its choice of
    images: the record of the run could not say how.
    """
    if given := [name for name, value in how.items() if value not in (None, "auto")]:
        raise UsageError(
            f"{what}: have {', '.join(given)} beside a Dataset, which is read already; give it to bboxprep.read"
        )
    if dataset.is_changed:
        words = "want one as it was read, or a part; `Dataset.write` writes this one"
        raise UsageError(f"{what}: have a Dataset that a recipe or a function has changed, {words}")
    return source_of(dataset, engine)


def _check_type(what: str, name: str, value: object, kind: Any, wanted: str) -> None:
    if not isinstance(value, kind):
        raise WrongTypeError(f"{what}: have the {name} {value!r:.80}, want {wanted}")
