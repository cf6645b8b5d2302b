"""Counts the images, objects, classes and orientations of a source, for ``bboxprep inspect``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.model.sample import Frame
from bboxprep.pipeline.report.account import Account, came_of
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.source.survey import ImageSummary

UPRIGHT = "nothing to decide"


@dataclass(frozen=True)
class Inspection:
    """Counts of one source.

    `images` and `objects` by split, `classes` by (class, split), `orientations` by (EXIF code, frame, evidence),
    `sizes` the displayed sizes, `containers` by name, `columns` how many objects have what besides a box.
    """

    format: str
    splits: tuple[str, ...]
    names: tuple[str, ...]
    images: Counter[str]
    unlabelled: Counter[str]
    objects: Counter[str]
    classes: Counter[tuple[str, str]]
    orientations: Counter[tuple[int, str, str]]
    sizes: tuple[Size, ...]
    containers: Counter[str]
    columns: Counter[str]
    findings: tuple[Finding, ...]


def inspect(source: Source) -> Inspection:
    """The counts of `source`, whose labels are read for them."""
    summaries, dataset = source.summaries, source.dataset
    unlabelled: Counter[str] = Counter()
    account = Account()
    account.note_outside_samples(dataset.findings)
    for sample in dataset:
        unlabelled[sample.split] += not sample.labelled
        account.image_in(sample.split, sample.source_count, **came_of(sample, dataset.categories.names))
        account.note(sample.findings)
    headers = [summary.header for summary in summaries if summary.header]
    return Inspection(
        format=dataset.format,
        splits=tuple(dict.fromkeys(summary.key[0] for summary in summaries)),
        names=dataset.categories.names,
        images=Counter(summary.key[0] for summary in summaries),
        unlabelled=unlabelled,
        objects=account.source_count,
        classes=Counter({(name, split): count for (split, name), count in account.objects_in.items()}),
        orientations=Counter(_orientation(summary, source) for summary in summaries if summary.header),
        sizes=tuple(sorted(header.displayed for header in headers)),
        containers=Counter(header.container for header in headers),
        columns=account.columns,
        findings=tuple(account.findings),
    )


def _orientation(summary: ImageSummary, source: Source) -> tuple[int, str, str]:
    frame, evidence = source.frames.get(summary.key, (Frame.DISPLAYED, UPRIGHT))
    code = summary.header.orientation if summary.header else 1
    return (code, "either", UPRIGHT) if code == 1 else (code, str(frame), evidence)
