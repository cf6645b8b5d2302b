"""The options that an output was written with, as its record has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bboxprep.formats.api import Format
from bboxprep.pipeline.output.run_record import RunRecord


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
