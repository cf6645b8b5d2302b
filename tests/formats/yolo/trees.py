"""Small YOLO datasets made of text; their images are empty files whose headers come from a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bboxprep.errors import ImageError
from bboxprep.formats.yolo import FORMAT, YoloReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Sample

SIZE = Size(200, 100)
ROW = "0 0.5 0.5 0.2 0.4\n"
EDGES = [80.0, 30.0, 120.0, 70.0]


def probe(path: Path, declared: Size | None = None) -> Header:
    """A header of `SIZE` for any file that is there."""
    if not path.is_file():
        raise ImageError(path, "", "no such file")
    return Header(SIZE)


def grow(root: Path, files: Mapping[str, str]) -> Path:
    """Write `files` below `root` as they are, without a change of line ends."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    return root


def read(root: Path, options: YoloReadOptions | None = None) -> Dataset:
    """The dataset at `root`."""
    dataset: Dataset = FORMAT.read(root, probe, options or YoloReadOptions())
    return dataset


def contents(dataset: Dataset) -> dict[str, int | None]:
    """The objects of each image as ``split/name``; None where it is not labelled."""
    return {f"{sample.split}/{sample.name}": len(sample.instances) if sample.labelled else None for sample in dataset}


def codes(of: Dataset | Sample) -> list[str]:
    """The codes of the findings of a dataset (its samples apart) or a sample."""
    return [finding.code for finding in of.findings]


def balances(dataset: Dataset) -> bool:
    """Whether each image's rows are its objects and those of its findings."""
    return all(
        sample.source_count == len(sample.instances) + sum(finding.objects for finding in sample.findings)
        for sample in dataset
    )


def rows_accounted(dataset: Dataset) -> int:
    """The rows that a dataset accounts for: those of its images and those without one."""
    return sum(sample.source_count for sample in dataset) + sum(finding.objects for finding in dataset.findings)


def lost_by_class(dataset: Dataset) -> Counter[str]:
    """The objects of label files without an image."""
    lost: Counter[str] = Counter()
    for finding in dataset.findings:
        lost[finding.category] += finding.objects
    return +lost
