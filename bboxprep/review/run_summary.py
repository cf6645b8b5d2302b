"""The books of a run as its record keeps them, read back and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.pipeline.output.run_record import RECORD


class SplitCount(msgspec.Struct, frozen=True):
    """The account of one split."""

    split: str
    images_in: int
    images_out: int
    objects_in: int
    objects_out: int
    dropped: dict[str, int] = {}


class ClassCount(msgspec.Struct, frozen=True):
    """The account of one class."""

    name: str = msgspec.field(name="class")
    objects_in: int
    objects_out: int
    dropped: dict[str, int] = {}


class Noted(msgspec.Struct, frozen=True):
    """One finding of the run."""

    code: str
    message: str
    severity: str = "note"
    path: str = ""
    where: str = ""
    split: str = ""


class RunSummary(msgspec.Struct, frozen=True):
    """What `bboxprep.json` says of the run as a whole; fields that are not here are passed over."""

    source: str = ""
    source_format: str = msgspec.field(name="from", default="")
    format: str = msgspec.field(name="to", default="")
    versions: dict[str, str] = {}
    recipe: dict[str, Any] = {}
    splits: tuple[SplitCount, ...] = ()
    classes: tuple[ClassCount, ...] = ()
    findings: tuple[Noted, ...] = ()


def run_summary_of(root: Path, record: Mapping[str, Any]) -> RunSummary:
    """The books in the `record` of the output at `root`. Raises `AnnotationError`."""
    try:
        return msgspec.convert(dict(record), RunSummary)
    except msgspec.ValidationError as error:
        raise AnnotationError(root / RECORD, "", f"is not the record of a run ({error})") from error
