"""The category ids of predictions, and those of the source that they stand for.

Labels that hold ids of classes give a trainer those of the source. YOLO and VOC labels hold none, so that a trainer
counts its classes from 0 or from 1. Which it did is told by the ids in the file: 0 is no id counted from 1, the number
of classes is none counted from 0. Where they have neither, a ``file_name`` in each result tells that they are counted
from 1, as Ultralytics counts that writes it. Labels of shards hold numbers of classes (`Format.first_class`), which
trainers give back: results are counted from it, unless their numbers say otherwise. The ids of the source are those of
the record: for a source without ids, 1, 2, 3 … in the order of its classes, as in a COCO file that is made from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from bboxprep import formats
from bboxprep.findings import Finding
from bboxprep.formats.api import Format
from bboxprep.model.ids import possible_first_ids
from bboxprep.pipeline.output.run_record import Run, RunRecord

_UNDECIDED = "have neither 0 nor the number of classes: they may be counted from 0 or from 1; {} was taken"
IdsOf = Literal["trainer", "source"]


class CategoryIds(msgspec.Struct, frozen=True):
    """The category ids of a file of predictions: `labels` by id, and the id in the `source` of each label.

    `meaning` says in a few words what the ids were taken for, `assumed` why that is not certain ("" where it is).
    """

    labels: Mapping[int, int]
    source: Sequence[int]
    meaning: str = ""
    assumed: str = ""

    def label(self, number: object) -> int | None:
        """The label of the category id `number`; None where it is no class of the output."""
        return self.labels.get(number) if isinstance(number, int) and not isinstance(number, bool) else None

    def finding(self, path: str) -> tuple[Finding, ...]:
        """The finding on the file at `path` whose ids may be counted in two ways; () where they are certain."""
        return (Finding("category-assumed", self.assumed, path, "category_id"),) if self.assumed else ()


def category_ids(run: Run, rows: Sequence[Mapping[str, Any]], ids: IdsOf | None) -> CategoryIds:
    """The category ids of the results `rows` on the images of `run`: those of `ids`, by default by evidence."""
    record, used = run.record, _used(rows)
    source = _source_ids(record)
    known = set(source)
    if ids is None:
        ids = (
            "source"
            if used <= known and (_holds_ids(record) or not possible_first_ids(used, len(source)))
            else "trainer"
        )
    if ids == "source":
        labels = {number: label for label, number in enumerate(source)}
        return CategoryIds(labels, source, "the source's own" if used else "")
    bases = possible_first_ids(used, len(source))
    first = declared.first_class if (declared := _format_of(record)) else None
    base = bases[0] if len(bases) == 1 else int(0 not in used) if first is None else first
    named = first is None and all(isinstance(row.get("file_name"), str) for row in rows)
    assumed = _UNDECIDED.format(base) if len(bases) > 1 and not named else ""
    words = f"the trainer's, counted from {base}; now the source's"
    return CategoryIds({base + label: label for label in range(len(source))}, source, words, assumed)


def _source_ids(record: RunRecord) -> Sequence[int]:
    """The id of each class in the source; 1, 2, 3 … where the record of an earlier version has none."""
    numbered = enumerate(record.flip.category_ids or (None,) * len(record.names), 1)
    return [place if number is None else number for place, number in numbered]


def _holds_ids(record: RunRecord) -> bool:
    """Whether the labels of the output hold the source's ids of classes."""
    return (declared := _format_of(record)) is not None and "id" in declared.category_fields


def _format_of(record: RunRecord) -> Format | None:
    """The format of the output; None for one that is not installed."""
    return formats.load(record.format) if record.format in formats.names() else None


def _used(rows: Iterable[Mapping[str, Any]]) -> set[int]:
    found = {row.get("category_id") for row in rows if isinstance(row.get("category_id"), int)}
    return {number for number in found if isinstance(number, int)}
