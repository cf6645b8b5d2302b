"""Refuses a source without a readable image or object, since its output would be images without objects."""

from __future__ import annotations

from collections.abc import Iterator

from bboxprep.errors import SourceError
from bboxprep.findings import Finding, Severity
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.source.open import Source


def check_usable(source: Source) -> None:
    """Raise `SourceError`, with the first fault, where no image of `source` or none of its objects can be read.

    Labels are read until the first object that can be. A dataset whose images have no labels is usable, and so is one
    whose labels are of other images: these are faults of the dataset, each with its count.
    """
    dataset = source.dataset
    if not any(summary.header for summary in source.summaries):
        faults = (finding for index in range(len(dataset)) for finding in _faults(dataset.outline(index).findings))
        _refuse(dataset, f"none of {len(dataset):,} images can be read", next(faults, None))
    lost: list[Finding] = []
    for sample in dataset:
        if len(sample.instances):
            return
        lost += [finding for finding in _faults(sample.findings) if finding.objects]
    if lost:
        count = sum(finding.objects for finding in lost)
        _refuse(dataset, f"none of {count:,} objects can be read", lost[0])


def _faults(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    return (finding for finding in findings if finding.severity is Severity.FAULT)


def _refuse(dataset: Dataset, words: str, first: Finding | None) -> None:
    reason = f"; the first: {first}" if first else ""
    raise SourceError(dataset.root, "", f"{words}{reason}")
