"""Counts the images, objects, classes and orientations of a source and finds its faults, for ``bboxprep inspect``.

Objects go through the recipe of a conversion without steps, so that its policies find here what they find there.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from typing import Any

import msgspec

from bboxprep.findings import Finding, count_faults
from bboxprep.geometry.affine import Size
from bboxprep.model.sample import Frame
from bboxprep.pipeline.output.run_record import RecordedFinding
from bboxprep.pipeline.report.account import Account, count_source_objects
from bboxprep.pipeline.source.near_duplicates import NearDuplicates, near_duplicates
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.source.survey import ImageSummary, checked
from bboxprep.pipeline.work.stages import staged
from bboxprep.recipe.recipe import Recipe

UPRIGHT = "nothing to decide"


class Inspection(msgspec.Struct, frozen=True):
    """Counts of one source.

    `images` and `objects` by split, `classes` by (class, split), `orientations` by (EXIF code, frame, evidence),
    `sizes` the displayed sizes, `containers` by name, `columns` how many objects have what besides a box. `near`
    are the images that look alike, where thumbnails were made.
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
    near: NearDuplicates = NearDuplicates()

    @property
    def faults(self) -> int:
        """The number of faults, as `findings.count_faults` counts them."""
        return count_faults(self.findings)

    def encoded(self) -> bytes:
        """The counts as JSON in ASCII, so that names cannot control a terminal."""
        content: dict[str, Any] = {
            "format": self.format,
            "splits": [
                {
                    "split": split,
                    "images": self.images[split],
                    "unlabelled": self.unlabelled[split],
                    "objects": self.objects[split],
                }
                for split in self.splits
            ],
            "classes": [
                {"name": name, "objects": {split: self.classes[name, split] for split in self.splits}}
                for name in self.names
            ],
            "orientations": [
                {"orientation": code, "labels_in": frame, "evidence": evidence, "images": count}
                for (code, frame, evidence), count in sorted(self.orientations.items())
            ],
            "sizes": [{"width": w, "height": h, "images": n} for (w, h), n in sorted(Counter(self.sizes).items())],
            "containers": dict(self.containers.most_common()),
            "columns": {str(column): count for column, count in self.columns.items()},
            "near_duplicates": {
                name: getattr(self.near, name) for name in ("compared", "across", "inside") if self.near.compared
            },
            "faults": self.faults,
            "findings": [msgspec.to_builtins(RecordedFinding.of(finding)) for finding in self.findings],
        }
        return json.dumps(content, indent=2).encode("ascii") + b"\n"


def inspect(source: Source) -> Inspection:
    """Count the objects of `source`, for which all its labels are read."""
    summaries, recipe = source.summaries, Recipe()
    dataset = checked(source.dataset, summaries)
    unlabelled: Counter[str] = Counter()
    near = near_duplicates(summaries, dataset.folder, dataset.findings)
    account = Account()
    account.note_dataset((*dataset.findings, *near.findings))
    for batch in staged(dataset.batches(), len(dataset), "counting", len):
        for split, group in groupby(range(len(batch)), key=batch.values("split").__getitem__):
            own = batch.select(list(group))
            counts = count_source_objects(own, dataset.categories.names, dataset.flip_mapping)
            account.add_source(split, counts)
            unlabelled[split] += own.values("labelled").count(False)
            for sample in own:
                account.note(sample.transform(recipe).findings)
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
        near=near,
    )


def _orientation(summary: ImageSummary, source: Source) -> tuple[int, str, str]:
    frame, evidence = source.frames.get(summary.key, (Frame.DISPLAYED, UPRIGHT))
    code = summary.header.orientation if summary.header else 1
    return (code, "either", UPRIGHT) if code == 1 else (code, str(frame), evidence)
