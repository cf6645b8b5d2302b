"""What is written beside every output: `bboxprep.images.jsonl`, one row an image, and `bboxprep.json`, written last.

The presence of `bboxprep.json` means that the output is complete; while a run is under way, or after it died,
`bboxprep.incomplete` stands in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.geometry.affine import Affine
from bboxprep.io.atomic import write_bytes
from bboxprep.io.paths import is_within, read_bytes, relative_path, resolved
from bboxprep.model.sample import Sample
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.work.image_writer import ImageFile

RECORD = "bboxprep.json"
IMAGES = "bboxprep.images.jsonl"
INCOMPLETE = "bboxprep.incomplete"
MOST_RECORD_BYTES = 1 << 30  # findings of ten million objects

_Row = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


def image_row(
    sample: Sample, root: Path, *, output: str | None, objects: int, image: ImageFile | None
) -> dict[str, Any]:
    """The row of one image of the source in the folder `root`.

    `objects` is how many the writer wrote. `sha256` is of the source file where its bytes were read, null where the
    output is a link to it; `made` says how the `image` came about.
    `affine` maps points from the plane the labels were drawn in to the output picture, as a, b, c, d, e, f of
    ``x' = a x + b y + c, y' = d x + e y + f``; it is null where no such map does, and `not_affine` says why. `mirrored`
    stands where left and right have changed places. Of a mosaic, each of the `parts` has its own.
    """
    dropped: Counter[str] = Counter()
    for finding in sample.findings:
        if finding.objects:
            dropped[finding.code] += finding.objects
    row: dict[str, Any] = {
        "source": escape_surrogates(relative_path(sample.path, root)),
        "split": sample.split,
        "sha256": image.digest if image else None,
        "output": output,
        "objects": {
            "in": sample.source_count,
            "out": objects,
            "dropped": dict(sorted(dropped.items())),
        },
    }
    if sample.header:
        row |= {
            "size": list(sample.header.size),
            "orientation": sample.header.orientation,
            "frame": sample.frame.value,
            "evidence": sample.evidence,
        }
    if output:
        row |= {"made": image.made} if image else {}
        row |= _way(None if sample.parts else sample.affine, sample) | {"output_size": list(sample.size)}
        row |= {"mirrored": True} if sample.mirrored and not sample.parts else {}
        row |= {"copy": sample.variant.copy} if sample.variant and sample.variant.recipe else {}
        row |= _drawn(sample)
        row |= {"parts": [_part_row(part, sample, root) for part in sample.parts]} if sample.parts else {}
    return row


def _way(affine: Affine | None, sample: Sample) -> dict[str, Any]:
    """The map to the picture of `sample`, or why there is none."""
    if affine:
        return {"affine": list(affine.coefficients)}
    problem = sample.base_image.problem if sample.base_image else ""
    return {"affine": None, "not_affine": problem or "a mosaic shows several pictures"}


def _drawn(sample: Sample) -> dict[str, Any]:
    """Which outcome of its image a picture is, and what was drawn for it."""
    said: dict[str, Any] = {"recipe": sample.variant.recipe} if sample.variant and sample.variant.recipe else {}
    return said | ({"tile": sample.variant.tile} if sample.variant and sample.variant.tile else {})


def _part_row(part: Sample, whole: Sample, root: Path) -> dict[str, Any]:
    """What is in a mosaic: the image that it was made of, how that came to its place in the output, what was drawn."""
    affine = whole.affine and part.affine and whole.affine @ part.affine
    mirrored = {"mirrored": True} if part.mirrored != whole.mirrored else {}
    said = {"source": escape_surrogates(relative_path(part.path, root)), "frame": str(part.frame)}
    return said | _way(affine, whole) | mirrored | _drawn(part)


def write_record(root: Path, content: Mapping[str, Any]) -> None:
    """Write `bboxprep.json` into `root`."""
    write_bytes(root / RECORD, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n", lasting=True)


def encode_report(account: Account, names: Sequence[str]) -> bytes:
    """The books of a run as JSON: by split, by class, and every finding."""
    return msgspec.json.format(msgspec.json.encode(account_data(account, names)), indent=2) + b"\n"


def account_data(account: Account, names: Sequence[str]) -> dict[str, Any]:
    """The books of a run as plain data."""
    return {
        "splits": account.rows(),
        "images_made": dict(sorted(account.made.items())),
        "classes": account.class_rows(names),
        "findings": [_finding_row(finding) for finding in account.findings],
    }


def read_record(root: Path) -> dict[str, Any] | None:
    """The record of the complete output at `root`, or None where there is none that can be read."""
    path = root / RECORD
    if not path.is_file() or not is_within(path, resolved(root)):
        return None
    try:
        content = msgspec.json.decode(read_bytes(path, MOST_RECORD_BYTES))
        msgspec.convert(content, _Shape)
    except (AnnotationError, ValueError, RecursionError):
        return None
    return dict(content)


class _Mirror(msgspec.Struct):
    category_ids: list[int | None] = []
    labels: list[_Row] = []
    keypoints: list[list[_Row]] = []

    def __post_init__(self) -> None:
        if len(self.category_ids) not in (0, len(self.labels)) or max(self.labels, default=-1) >= len(self.labels):
            raise ValueError("mirror: want an id and a label for each class")


class _Classes(msgspec.Struct):
    rename: dict[str, str] = {}
    only: list[str] = []
    drop: list[str] = []


class _Change(msgspec.Struct):
    classes: _Classes = msgspec.field(default_factory=_Classes)


class _Rules(msgspec.Struct):
    swap_classes: list[tuple[str, str]] = []


class _Shape(msgspec.Struct):
    """The kinds of what is read again from a record; msgspec copies the defaults."""

    source: str | None = None
    sources: list[str] = []
    origin: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    reading: dict[str, Any] = {}
    changes: list[_Change] | None = None
    recipe: dict[str, Any] = {}
    options: dict[str, Any] = {}
    rules: _Rules = msgspec.field(default_factory=_Rules)
    names: list[str] = []
    mirror: _Mirror = msgspec.field(default_factory=_Mirror)
    splits: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    entries: list[str] = []


_FINDING = tuple(each.name for each in fields(Finding))


def _finding_row(finding: Finding) -> dict[str, Any]:
    """A finding as plain data, its severity with it and empty fields left out."""
    said = {name: value for name in _FINDING if (value := getattr(finding, name))}
    return {"severity": str(finding.severity)} | said
