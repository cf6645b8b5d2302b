"""The options that an output is written with, and those that its record has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bboxprep import formats
from bboxprep.formats.api import Format
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.output.run_record import RunRecord


def writing_options(given: Mapping[str, Any], to: str, dataset: Dataset) -> dict[str, Any]:
    """The `given` options of the writer of the format `to`, and those that keep the kind of labels of `dataset`.

    Raises `UsageError` where `to` is no format that can be written.
    """
    return {**formats.load_written(to).options_for(dataset, given), **given}


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
