"""What is in a source, counted: the answer of ``bboxprep inspect``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Column
from bboxprep.model.sample import Frame
from bboxprep.pipeline.reading import Glimpse, Source

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
    columns: Counter[Column]
    findings: tuple[Finding, ...]


def inspect(source: Source) -> Inspection:
    """The counts of `source`, reading its labels once more for their findings."""
    glimpses, dataset = source.glimpses, source.dataset
    unlabelled: Counter[str] = Counter()
    findings = list(dataset.findings)
    for sample in dataset:
        unlabelled[sample.split] += not sample.labelled
        findings += sample.findings
    columns: Counter[Column] = Counter()
    for glimpse in glimpses:
        columns.update(dict(glimpse.columns))
    classes: Counter[tuple[str, str]] = Counter()
    for glimpse in glimpses:
        classes.update({(name, glimpse.key[0]): count for name, count in glimpse.objects})
    headers = [glimpse.header for glimpse in glimpses if glimpse.header]
    return Inspection(
        format=dataset.format,
        splits=tuple(dict.fromkeys(glimpse.key[0] for glimpse in glimpses)),
        names=dataset.categories.names,
        images=Counter(glimpse.key[0] for glimpse in glimpses),
        unlabelled=unlabelled,
        objects=_listed(glimpses),
        classes=classes,
        orientations=Counter(_orientation(glimpse, source) for glimpse in glimpses if glimpse.header),
        sizes=tuple(sorted(header.displayed for header in headers)),
        containers=Counter(header.container for header in headers),
        columns=columns,
        findings=tuple(findings),
    )


def _listed(glimpses: Sequence[Glimpse]) -> Counter[str]:
    objects: Counter[str] = Counter()
    for glimpse in glimpses:
        objects[glimpse.key[0]] += glimpse.listed
    return objects


def _orientation(glimpse: Glimpse, source: Source) -> tuple[int, str, str]:
    frame, evidence = source.frames.get(glimpse.key, (Frame.DISPLAYED, UPRIGHT))
    code = glimpse.header.orientation if glimpse.header else 1
    return (code, "either", UPRIGHT) if code == 1 else (code, str(frame), evidence)
