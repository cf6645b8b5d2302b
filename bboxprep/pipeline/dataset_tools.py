"""What a dataset of `bboxprep.read` does with packages above its own: writing, joining, sheets, tables, torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bboxprep.errors import MissingPackageError, UsageError
from bboxprep.model.dataset import Dataset, TableRows
from bboxprep.model.sample import Picture, Sample
from bboxprep.pipeline.run_options import Outcome
from bboxprep.pipeline.source.merge import assemble
from bboxprep.pipeline.source.open import source_of
from bboxprep.pipeline.work.convert import write


class _Tools:
    """`model.dataset.DatasetTools` of the datasets of `read`."""

    def write(self, dataset: Dataset, dest: str | Path, to: str, **options: Any) -> Outcome:
        return write(dataset, dest, to, **options)

    def joined(self, datasets: Sequence[Dataset]) -> Dataset:
        return replace(assemble([source_of(dataset) for dataset in datasets]).dataset, tools=self)

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
        _optional("torch")
        return TorchDataset(dataset, first_label)


TOOLS = _Tools()
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
        raise MissingPackageError(f"{name} is not installed; pip install {name} brings it") from error


@dataclass(frozen=True)
class TorchDataset:
    """The images and targets of `Dataset.to_torch`, as plain data, which `DataLoader` pickles for its workers."""

    dataset: Dataset
    first_label: int

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        torch, sample = _optional("torch"), self.dataset[index]
        pixels = np.atleast_3d(sample.image)
        image = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).transpose(2, 0, 1))
        objects = sample.instances
        target = {
            "boxes": objects.boxes.astype(np.float32),
            "labels": objects.labels + self.first_label,
            "image_id": np.array(index % len(self)),
            "area": np.array([one.area for one in objects], dtype=np.float32),
            "iscrowd": objects.crowd.astype(np.int64),
        }
        return torch.from_numpy(image), {name: torch.as_tensor(value) for name, value in target.items()}
