"""The health check of a dataset: one page that stands alone, for ``bboxprep inspect --html``.

It has the overview of a review, leaks and near duplicates, where the boxes of each class lie, and the worst pictures.
It loads nothing: styles and pictures are in it, so that it can be sent around.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from markupsafe import Markup

from bboxprep.errors import ImageError
from bboxprep.findings import Severity, one_a_place
from bboxprep.images.draw.annotations import Cell, contact_sheet
from bboxprep.io.paths import resolved
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.run_record import RecordedFinding
from bboxprep.pipeline.source.inspect import Inspection
from bboxprep.pipeline.source.open import Source
from bboxprep.recipe.recipe import Recipe
from bboxprep.review.build import ASSETS
from bboxprep.review.display import displayed
from bboxprep.review.image_cards import Card, Side
from bboxprep.review.js_encoding import without_surrogates
from bboxprep.review.page import Subject, filled
from bboxprep.review.statistics import Statistics

_WORST = 12  # pictures
_DOUBLED = ("split-leak", "split-near-leak", "image-near-duplicate")
_UPRIGHT = Recipe()


def health_page(source: Source, seen: Inspection, turned: str, progress: Callable[[int], None] = lambda _: None) -> str:
    """The HTML of the health check of `source`, which was inspected as `seen`; `turned` are words about turned photos.

    `progress` is called with the number of images done.
    """
    dataset, statistics = source.dataset, Statistics()
    notes = [RecordedFinding.of(finding) for finding in one_a_place(seen.findings)]
    of_image: dict[str, list[RecordedFinding]] = {}
    for note in notes:
        of_image.setdefault(note.path, []).append(note)
    paths = list[str]()
    for number, sample in enumerate(dataset, 1):
        statistics.add(_card(sample, tuple(of_image.get(sample.relative_path, ()))))
        paths.append(sample.relative_path)
        progress(number)
    worst = _worst_rows(paths, of_image)
    subject = Subject(
        name=without_surrogates(resolved(dataset.root).name),
        format=dataset.format,
        classes=tuple(replace(one, name=without_surrogates(one.name)) for one in dataset.categories),
        record=None,
        compared=False,
        notes=notes,
        unassigned=[note for note in notes if note.path not in set(paths)],
    )
    return filled(
        "health.html",
        subject,
        statistics,
        linked=False,
        turned=turned,
        style=Markup((ASSETS / "review.css").read_text(encoding="utf-8")),
        compared=_compared(seen),
        doubled=[note for note in notes if note.code in _DOUBLED],
        worst=_sheet([dataset[row] for row in worst], dataset.classes),
        worst_names=[paths[row] for row in worst],
    )


def _compared(seen: Inspection) -> str:
    if seen.near.compared:
        return f"Equal files of several splits; and of {seen.near.compared:,} pictures those that look alike."
    return "Equal files of several splits; pictures were not compared."


def _card(sample: Sample, notes: tuple[RecordedFinding, ...]) -> Card:
    """The card of `sample`, without image files."""
    header = sample.header
    classes = range(1 + int(sample.instances.labels.max(initial=0)))
    side = Side(displayed(sample, header, classes), None) if header else None
    return Card(
        split=without_surrogates(sample.split),
        name=without_surrogates(str(sample.name)),
        orientation=header.orientation if header else 1,
        frame=str(sample.frame),
        evidence=sample.evidence,
        after=side,
        before=None,
        notes=notes,
        thumb=False,
        origin="",
    )


def _worst_rows(paths: list[str], of_image: dict[str, list[RecordedFinding]]) -> list[int]:
    """The rows of the images at `paths` with most faults, then with most notes, each at least one."""

    def weight(row: int) -> tuple[int, int]:
        severities = Counter(note.severity for note in of_image.get(paths[row], ()))
        return -severities[str(Severity.FAULT)], -severities[str(Severity.NOTE)]

    rows = [row for row in range(len(paths)) if weight(row) != (0, 0)]
    return sorted(rows, key=lambda row: (*weight(row), row))[:_WORST]


def _sheet(samples: list[Sample], names: tuple[str, ...]) -> str:
    """A data URI of the `samples` with their objects drawn; "" without any."""
    if not samples:
        return ""
    return "data:image/png;base64," + b64encode(contact_sheet(list(map(_cell, samples)), names)).decode("ascii")


def _cell(sample: Sample) -> Cell:
    upright = sample.transform(_UPRIGHT)
    if upright.header is None:
        return Cell(f"{sample.name}: cannot be read")
    try:
        return Cell(str(sample.name), upright.pixels(), upright.instances)
    except ImageError as error:
        return Cell(f"{sample.name}: {error.problem}")
