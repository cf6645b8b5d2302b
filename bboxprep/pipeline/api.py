"""``bboxprep convert`` and its preview as functions of Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from bboxprep.frames.resolve import LabelsIn
from bboxprep.images.codecs.codec import Encoding, ImageFormat, ImagePolicy
from bboxprep.io.copying import ImagePlacement
from bboxprep.io.remote import open_path
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.pipeline.output.naming import NameStyle
from bboxprep.pipeline.preview import preview as sheet_of
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.merge import NO_RULES, assemble
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.recipe.recipe import Recipe

Sources = str | Path | Sequence[str | Path]
_UNCHANGED = Recipe()


def convert(
    sources: Sources,
    dest: str | Path,
    to: str,
    recipe: Recipe = _UNCHANGED,
    *,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
    classes: ClassPolicy = NO_RULES,
    workers: int = 1,
    engine: Engine | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quality: int | None = None,
    strip_metadata: bool = False,
    sidecar: bool = True,
    images: ImagePlacement = "copy",
    image_format: ImageFormat = "keep",
    names: NameStyle = "keep",
    **options: Any,
) -> Outcome:
    """Write the datasets at `sources`, as one, through `recipe` to the folder `dest` as the format `to`.

    Unlike `write`, which writes a dataset in memory, this runs the command ``convert``: training images are augmented
    by the random steps of `recipe`, a stopped run can be resumed, and only changed images are written again. `images`
    is the placement of images whose bytes do not change (see `RunOptions`); with "none" no image is opened whose size
    the labels state. All images are written in the `image_format` (see `Encoding`), with `names` that keep or replace
    their sub-folders (see `RunOptions`). The work runs in an `engine` in place of `workers` processes. `options` are
    those of the format's writer, the others those of `read` and `write`. Raises `SourceError`, `UsageError` and other
    `BboxprepError` where the run cannot be done.
    """
    run_options = RunOptions(
        workers,
        overwrite=overwrite,
        resume=resume,
        encoding=Encoding(quality, strip_metadata, image_format),
        sidecar=sidecar,
        images=images,
        names=names,
        engine=engine,
    )
    opened = _opened(
        sources, labels_in, image_policy, object_policy, run_options.chosen_engine, run_options.trusts_labels
    )
    source = assemble(opened, classes)
    return convert_source(source, open_path(dest), to, recipe, run_options=run_options, options=options)


def preview(
    sources: Sources,
    recipe: Recipe,
    count: int = 9,
    *,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
) -> bytes:
    """A PNG of at most `count` of the images that `convert` would make, with their objects drawn in.

    The draws are those of the run. Raises `SourceError` and `UsageError`.
    """
    return sheet_of(assemble(_opened(sources, labels_in, image_policy, object_policy, Local())), recipe, count)


def _opened(
    sources: Sources,
    labels_in: LabelsIn,
    image_policy: ImagePolicy | None,
    object_policy: ObjectPolicy | None,
    engine: Engine,
    labels_only: bool = False,
) -> list[Source]:
    paths = [sources] if isinstance(sources, str | PurePath) else sources
    how: dict[str, Any] = {
        "labels_in": labels_in,
        "image_policy": image_policy,
        "object_policy": object_policy,
        "engine": engine,
        "labels_only": labels_only,
    }
    return [open_source(open_path(path), **how) for path in paths]
