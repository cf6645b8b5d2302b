"""The options that an output is written with, and those that its record has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from bboxprep import formats
from bboxprep.findings import Finding
from bboxprep.formats.api import Format
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.output.run_record import RunRecord

_TOGETHER = 64  # images whose labels are read at a time


def writing_options(given: Mapping[str, Any], to: str, dataset: Dataset) -> dict[str, Any]:
    """The `given` options of the writer of the format `to`, and those that keep the kind of labels of `dataset`.

    Raises `UsageError` where `to` is no format that can be written.
    """
    return {**formats.load_written(to).options_for(dataset, given), **given}


def with_task(dataset: Dataset, given: Mapping[str, Any], to: str) -> Dataset:
    """`dataset` as one of the task obb, and a finding of it, where it states no task and all its objects are oriented
    boxes; as it is where the writer of the format `to` follows no task beside the `given` options.

    Labels are read up to the first object that is none, which is among the first in a dataset of upright boxes.
    """
    turned = replace(dataset, task="obb")
    if dataset.task or writing_options(given, to, turned) == writing_options(given, to, dataset):
        return dataset
    if not (count := _only_oriented(dataset)):
        return dataset
    words = f"all {count:,} objects are oriented boxes, and written as such; `write(task='detect')` makes them upright"
    return replace(turned, findings=(*dataset.findings, Finding("task-assumed", words)))


def _only_oriented(dataset: Dataset) -> int:
    """The number of oriented boxes of `dataset`; 0 where it has any other object that is no crowd region."""
    count, start, size = 0, 0, 1
    while start < len(dataset):
        for sample in dataset.at(range(start, min(start + size, len(dataset)))):
            oriented = sample.instances.has(Column.ORIENTED)
            if not (oriented | sample.instances.crowd).all():
                return 0
            count += int(oriented.sum())
        start, size = start + size, min(2 * size, _TOGETHER)
    return count


def written_with(record: RunRecord, format: Format) -> Any:
    """The recorded options of the writer of `format`; its defaults where they are invalid."""
    try:
        return format.write_options(**known_options(record.options, format.write_options))
    except (TypeError, ValueError):
        return format.write_options()


def known_options(options: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """The `options` that are fields of the dataclass `kind`."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in options.items() if name in names}
