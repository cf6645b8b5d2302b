"""The page itself: everything that it says in words, handed to a template that escapes all of it."""

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
from bboxprep.review.statistics import ASPECTS, SIDES, Statistics
from bboxprep.review.wording import recipe_words
from bboxprep.verification.faults import FAULTS, meaning
from bboxprep.version import __version__

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Subject:
    """What the page is about: a name, its classes, the record of its run if it has one, whether it has a before.

    `notes` are all findings and faults, `loose` those of them that are about no image that is shown.
    """

    name: str
    format: str
    classes: Sequence[Category]
    record: RunRecord | None
    compared: bool
    notes: Sequence[RecordedFinding] = ()
    loose: Sequence[RecordedFinding] = ()


def render(subject: Subject, counted: Statistics) -> str:
    """The HTML of the page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    splits = splits_of(counted)
    classes = _class_rows(subject, counted, splits)
    return environment.get_template("index.html").render(
        subject=subject,
        record=subject.record,
        recipe=recipe_words(subject.record.recipe) if subject.record else [],
        splits=splits,
        counted=counted,
        classes=classes,
        findings=_finding_rows(subject.notes, counted),
        unused=[row["name"] for row in classes if not row["used"]],
        loose=subject.loose,
        orientations=_orientation_rows(counted),
        sides=charts.histogram(counted.sides, SIDES, unit=" px", labelled=(8, 32, 96, 256, 1024)),
        aspects=charts.histogram(counted.aspects, ASPECTS, unit="", labelled=(0.25, 0.5, 1, 2, 4)),
        heat=charts.heat_map(counted.heat),
        sizes=charts.scatter(counted.sizes, counted.source_sizes),
        site=Markup(encode(_site(subject, counted, splits))),  # encode escapes for a script element
        version=__version__,
    )


def splits_of(counted: Statistics) -> list[str]:
    """The splits in the order people think of them in."""
    return sorted(counted.images, key=order)


def _site(subject: Subject, counted: Statistics, splits: list[str]) -> dict[str, Any]:
    """What the scripts have to know before any image."""
    return {
        "chunk": CHUNK,
        "compared": subject.compared,
        "splits": splits,
        "classes": [
            {"name": category.name, "skeleton": [list(pair) for pair in category.skeleton]}
            for category in subject.classes
        ],
        "codes": {code: words for (_, code) in sorted(counted.codes) if (words := _meaning(code))},
    }


def _class_rows(subject: Subject, counted: Statistics, splits: list[str]) -> list[dict[str, Any]]:
    """One row a class, the most frequent first: the account of the run, then count and share in each split."""
    totals: Counter[str] = Counter()
    for (_, split), count in counted.objects.items():
        totals[split] += count
    account = {row.name: row for row in subject.record.classes} if subject.record else {}
    top = max((counted.objects[key] / totals[key[1]] for key in counted.objects), default=1.0)
    rows = []
    for number, category in enumerate(subject.classes):
        counts = [counted.objects[number, split] for split in splits]
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


def _finding_rows(notes: Sequence[RecordedFinding], counted: Statistics) -> list[dict[str, Any]]:
    """One row a code, faults first: how often it was found, in how many of the images shown, what it means."""
    times = Counter((finding.severity, finding.code) for finding in notes)
    return [
        {
            "code": code,
            "severity": severity,
            "times": max(times[severity, code], counted.codes[severity, code]),
            "images": counted.codes[severity, code],
            "meaning": _meaning(code),
        }
        for severity, code in sorted({*times, *counted.codes}, key=lambda key: (key[0] != Severity.FAULT, key[1]))
    ]


def _meaning(code: str) -> str:
    return meaning(code) if code in FAULTS or code in CODES else ""


def _orientation_rows(counted: Statistics) -> list[dict[str, Any]]:
    total = max(1, sum(counted.orientations.values()))
    return [
        {"code": code, "frame": frame, "evidence": evidence, "count": count, "length": 100 * count / total}
        for (code, frame, evidence), count in sorted(counted.orientations.items())
    ]
