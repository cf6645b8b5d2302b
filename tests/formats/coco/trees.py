"""COCO trees on disk, written by hand, and the accounts that every reading of one must keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from bboxprep.findings import Finding
from bboxprep.formats.coco import FORMAT
from bboxprep.formats.coco.options import CocoReadOptions, CocoWriteOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from tests.formats.filing import file_labels

Json = dict[str, Any]
SIZE = Size(64, 48)
CLASSES = Categories(
    (
        Category("person", 1, "", ("nose", "eye"), ((1, 2),), {"color": "red"}),
        Category("cat", 17, "animal"),
        Category("dog", 18, "animal"),
    )
)
CAT_AND_DOG = ({"id": 3, "name": "cat"}, {"id": 7, "name": "dog"})


def probe(path: Path, declared: Size | None = None) -> Header:
    """Every image is of one size here; what lies in its file is of no matter."""
    return Header(SIZE)


def picture(path: Path) -> Path:
    """A file at `path`, for `probe` to answer for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def image(number: Any, name: str | None, **more: Any) -> Json:
    """An image record."""
    return {"id": number, **({} if name is None else {"file_name": name}), "width": 64, "height": 48, **more}


def box(number: Any, image_id: Any, category: Any = 3, bbox: Any = (1, 2, 10, 20), **more: Any) -> Json:
    """An annotation record."""
    return {"id": number, "image_id": image_id, "category_id": category, "bbox": bbox, **more}


def document(
    path: Path, images: Sequence[Any], annotations: Sequence[Any], categories: Sequence[Any] = CAT_AND_DOG, **more: Any
) -> Path:
    """A COCO document at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {"info": {}, "images": images, "annotations": annotations, "categories": categories, **more}
    path.write_text(json.dumps(text), encoding="utf-8")
    return path


def read(root: Path) -> Dataset:
    """The dataset at `root`, whose accounts have been checked."""
    dataset: Dataset = FORMAT.read(root, probe, CocoReadOptions())
    check_accounts(dataset)
    return dataset


def check_accounts(dataset: Dataset) -> None:
    """Assert that every record of every image is an object or counted by a finding, and the order of the samples."""
    for sample in dataset:
        assert sample.source_count == len(sample.instances) + sum(finding.objects for finding in sample.findings)
        assert all(finding.split == sample.split for finding in sample.findings)
        assert ".." not in sample.name.parts
        assert not sample.name.is_absolute()
        assert (sample.header is None) == any(finding.code.startswith("image-") for finding in sample.findings)
    places = [(sample.split, str(sample.name).encode()) for sample in dataset]
    assert places == sorted(set(places))
    assert list(dataset.splits) == sorted(dataset.splits)


def records_of(dataset: Dataset) -> int:
    """How many records the accounts of `dataset` come to."""
    return sum(sample.source_count for sample in dataset) + sum(finding.objects for finding in dataset.findings)


def one_sample(folder: Path, *annotations: Any, categories: Sequence[Any] = CAT_AND_DOG, **more: Any) -> Sample:
    """The sample of an image that has `annotations`."""
    picture(folder / "a.jpg")
    document(folder / "labels.json", [image(1, "a.jpg")], annotations, categories, **more)
    return read(folder)[0]


def codes(findings: Sequence[Finding]) -> list[str]:
    """The codes of `findings`."""
    return [finding.code for finding in findings]


def copy(dataset: Dataset, root: Path) -> Path:
    """`dataset` written to `root`, its images with it."""
    writer = FORMAT.write(root, dataset, CocoWriteOptions())
    for sample in dataset:
        (place,) = writer.paths(sample.split, str(sample.name))
        picture(root / place)
        count, _ = file_labels(writer, root, sample, place)
        assert count == len(sample.instances)
    writer.close()
    return root


def written(root: Path, split: str = "train") -> Mapping[str, Any]:
    """The document that stands at `root` for `split`."""
    found: Mapping[str, Any] = json.loads((root / "annotations" / f"instances_{split}.json").read_bytes())
    return found


def dataset_of(*samples: Sample, categories: Categories = CLASSES, **more: Any) -> Dataset:
    """A dataset of `samples`."""
    splits = tuple(sorted({sample.split for sample in samples})) or ("train",)
    return Dataset(Path(), more.pop("format", "coco"), categories, samples, splits, **more)


def sample_of(instances: Instances, name: str = "a.jpg", **more: Any) -> Sample:
    """An image with `instances`."""
    return Sample(PurePosixPath(name), Path(name), probe(Path(name)), instances, **more)


def bytes_of(root: Path) -> dict[str, bytes]:
    """The documents at `root`."""
    return {path.name: path.read_bytes() for path in (root / "annotations").iterdir()}
