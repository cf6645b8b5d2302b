"""Reading, ``bboxprep convert`` and its preview as functions of Python, and what a dataset does with the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from bboxprep.errors import UsageError, WrongTypeError
from bboxprep.frames.resolve import LabelsIn
from bboxprep.images.codecs.codec import Encoding, ImageFormat, ImagePolicy
from bboxprep.io.copying import ImagePlacement
from bboxprep.io.remote import open_path
from bboxprep.model.class_mapping import AS_THEY_ARE, ClassPolicy
from bboxprep.model.dataset import Dataset, TableRows
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.sample import Picture, Sample
from bboxprep.pipeline.output.naming import NameStyle
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.merge import assemble
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.source.survey import survey
from bboxprep.pipeline.work.convert import convert_source, write
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.recipe.recipe import Recipe

Sources = str | Path | Sequence[str | Path]
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
    return replace(dataset, tools=_TOOLS)


def convert(
    sources: Sources,
    dest: str | Path,
    to: str,
    recipe: Recipe = _UNCHANGED,
    *,
    labels_in: LabelsIn = "auto",
    image_policy: ImagePolicy | None = None,
    object_policy: ObjectPolicy | None = None,
    classes: ClassPolicy = AS_THEY_ARE,
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
) -> Picture:
    """A PNG of at most `count` of the images that `convert` would make, with their objects drawn in.

    The draws are those of the run. Raises `SourceError` and `UsageError`.
    """
    from bboxprep.pipeline.preview import preview as sheet_of  # its fonts take as long to load as NumPy

    return Picture(sheet_of(assemble(_opened(sources, labels_in, image_policy, object_policy, Local())), recipe, count))


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


class _Tools:
    """`model.dataset.DatasetTools` of the datasets of `read`."""

    def write(self, dataset: Dataset, dest: str | Path, to: str, **options: Any) -> Outcome:
        return write(dataset, dest, to, **options)

    def joined(self, datasets: Sequence[Dataset]) -> Dataset:
        sources = [Source(dataset, survey(dataset), {}) for dataset in datasets]
        return replace(assemble(sources).dataset, tools=self)

    def sheet(self, dataset: Dataset, count: int) -> Picture:
        from bboxprep.pipeline.preview import sheet  # its fonts take as long to load as NumPy

        return Picture(sheet(dataset, count))

    def table(self, dataset: Dataset, rows: TableRows) -> Any:
        if rows not in ("objects", "images"):
            raise UsageError(f"rows: have {rows!r}, want objects or images")
        pandas = _optional("pandas")
        if rows == "images":
            return pandas.DataFrame(_image_rows(dataset), columns=_IMAGE_COLUMNS)
        return pandas.DataFrame(_object_rows(dataset), columns=_OBJECT_COLUMNS)

    def torch_dataset(self, dataset: Dataset, first_label: int) -> TorchDataset:
        return TorchDataset(dataset, first_label, _optional("torch"))


_TOOLS = _Tools()
_PLACE_COLUMNS = ("split", "image", "width", "height")
_OBJECT_COLUMNS = (*_PLACE_COLUMNS, "label", "class", "x0", "y0", "x1", "y1", "area", "crowd", "id")
_IMAGE_COLUMNS = (*_PLACE_COLUMNS, "path", "objects")


def _object_rows(dataset: Dataset) -> list[tuple[Any, ...]]:
    return [
        (*_place(sample), one.label, dataset.classes[one.label], *one.box.tolist(), one.area, one.crowd, one.id)
        for sample in dataset
        for one in sample.instances
    ]


def _image_rows(dataset: Dataset) -> list[tuple[Any, ...]]:
    return [(*_place(sample), str(sample.path), len(sample.instances)) for sample in dataset]


def _place(sample: Sample) -> tuple[str, str, int | None, int | None]:
    """Split, name, width and height of an image; the size is None where the file cannot be read."""
    return (*sample.key, *(sample.size if sample.header else (None, None)))


def _optional(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"{name} is not installed; pip install {name} brings it") from error


@dataclass(frozen=True)
class TorchDataset:
    """The images and targets of `Dataset.to_torch`; `torch` is the module."""

    dataset: Dataset
    first_label: int
    torch: Any

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        sample = self.dataset[index]
        pixels = np.atleast_3d(sample.image)
        image = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).transpose(2, 0, 1))
        objects = sample.instances
        target = {
            "boxes": objects.boxes.astype(np.float32),
            "labels": objects.labels + self.first_label,
            "image_id": np.array(index),
            "area": np.array([one.area for one in objects], dtype=np.float32),
            "iscrowd": objects.crowd.astype(np.int64),
        }
        return self.torch.from_numpy(image), {name: self.torch.as_tensor(value) for name, value in target.items()}
