"""Renders the page: computes its tables and charts, and passes them to a template that escapes all text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bboxprep.findings import CODES, Severity
from bboxprep.model.categories import Category
from bboxprep.model.splits import order
from bboxprep.pipeline.output.run_record import RecordedFinding, RunRecord
from bboxprep.review import charts
from bboxprep.review.image_cards import CHUNK
from bboxprep.review.js_encoding import encode
from bboxprep.review.statistics import ASPECTS, CROWDING, SIDES, Statistics
from bboxprep.review.wording import recipe_words
from bboxprep.verification.faults import FAULTS, meaning
from bboxprep.version import __version__

TEMPLATES = Path(__file__).parent / "templates"
_MAPPED = 12  # classes that have a heat map of their own


@dataclass(frozen=True)
class Subject:
    """The dataset of the page: its name, format and classes, the record of its run (None without one), and whether it
    is `compared` with its source. `notes` are all findings and faults, `unassigned` those that belong to no image.
    """

    name: str
    format: str
    classes: Sequence[Category]
    record: RunRecord | None
    compared: bool
    notes: Sequence[RecordedFinding] = ()
    unassigned: Sequence[RecordedFinding] = ()


def render(subject: Subject, statistics: Statistics) -> str:
    """The HTML of the page."""
    splits = splits_of(statistics)
    site = Markup(encode(_site(subject, statistics, splits)))  # encode escapes for a script element
    return filled("index.html", subject, statistics, linked=True, site=site)


def filled(template: str, subject: Subject, statistics: Statistics, **values: Any) -> str:
    """The `template` filled with the tables and charts of the dataset, and with `values`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    splits = splits_of(statistics)
    classes = _class_rows(subject, statistics, splits)
    return environment.get_template(template).render(
        subject=subject,
        record=subject.record,
        recipe=recipe_words(subject.record.recipe) if subject.record else [],
        splits=splits,
        statistics=statistics,
        classes=classes,
        findings=_finding_rows(subject.notes, statistics),
        unused=[row["name"] for row in classes if not row["used"]],
        unassigned=subject.unassigned,
        orientations=_orientation_rows(statistics),
        sides=charts.histogram(statistics.sides, SIDES, unit=" px", labelled=(8, 32, 96, 256, 1024)),
        aspects=charts.histogram(statistics.aspects, ASPECTS, unit="", labelled=(0.25, 0.5, 1, 2, 4)),
        crowding=charts.histogram(statistics.crowding, CROWDING, unit=" objects", labelled=(1, 4, 16, 64, 256)),
        heat=charts.heat_map(statistics.heat),
        heats=_heats(statistics, subject.classes),
        sizes=charts.scatter(statistics.sizes, statistics.source_sizes),
        version=__version__,
        **values,
    )


def splits_of(statistics: Statistics) -> list[str]:
    """The splits with images, in the order of `splits.order`."""
    return sorted(statistics.images, key=order)


def _site(subject: Subject, statistics: Statistics, splits: list[str]) -> dict[str, Any]:
    """The data that the scripts need before they load an image."""
    return {
        "chunk": CHUNK,
        "compared": subject.compared,
        "splits": splits,
        "classes": [
            {"name": category.name, "skeleton": [list(pair) for pair in category.skeleton]}
            for category in subject.classes
        ],
        "codes": {code: words for (_, code) in sorted(statistics.codes) if (words := _meaning(code))},
    }


def _class_rows(subject: Subject, statistics: Statistics, splits: list[str]) -> list[dict[str, Any]]:
    """One row a class, the most frequent first: its account, and its count and share in each split."""
    totals: Counter[str] = Counter()
    for (_, split), count in statistics.objects.items():
        totals[split] += count
    account = {row.name: row for row in subject.record.classes} if subject.record else {}
    top = max((statistics.objects[key] / totals[key[1]] for key in statistics.objects), default=1.0)
    rows = []
    for number, category in enumerate(subject.classes):
        counts = [statistics.objects[number, split] for split in splits]
        shares = [count / totals[split] if totals[split] else 0.0 for count, split in zip(counts, splits, strict=True)]
        rows.append(
            {
                "number": number,
                "name": category.name,
                "account": account.get(category.name),
                "splits": [
                    {"count": count, "share": share, "length": 100 * share / top}
                    for count, share in zip(counts, shares, strict=True)
                ],
                "total": sum(counts),
                "used": any(counts) or (category.name in account and account[category.name].objects_in > 0),
            }
        )
    return sorted(rows, key=lambda row: -row["total"])


def _finding_rows(notes: Sequence[RecordedFinding], statistics: Statistics) -> list[dict[str, Any]]:
    """One row a code, faults first: how often and in how many images it was found, and its meaning."""
    times = Counter((finding.severity, finding.code) for finding in notes)
    return [
        {
            "code": code,
            "severity": severity,
            "times": max(times[severity, code], statistics.codes[severity, code]),
            "images": statistics.codes[severity, code],
            "meaning": _meaning(code),
        }
        for severity, code in sorted({*times, *statistics.codes}, key=lambda key: (key[0] != Severity.FAULT, key[1]))
    ]


def _meaning(code: str) -> str:
    return meaning(code) if code in FAULTS or code in CODES else ""


def _heats(statistics: Statistics, classes: Sequence[Category]) -> list[tuple[str, charts.HeatMap]]:
    """The heat map of each of the `classes` with most objects."""
    totals: Counter[int] = Counter()
    for (label, _), count in statistics.objects.items():
        totals[label] += count
    shown = [label for label, _ in totals.most_common(_MAPPED) if label in statistics.heat_of]
    return [(classes[label].name, charts.heat_map(statistics.heat_of[label])) for label in shown]


def _orientation_rows(statistics: Statistics) -> list[dict[str, Any]]:
    total = max(1, sum(statistics.orientations.values()))
    return [
        {"code": code, "frame": frame, "evidence": evidence, "count": count, "length": 100 * count / total}
        for (code, frame, evidence), count in sorted(statistics.orientations.items())
    ]
