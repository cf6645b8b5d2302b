"""SageMaker Ground Truth: each line of a manifest names an image in a bucket, and has the labels of one job or several.

The boxes of one label attribute are read, by default of the one that was labelled last. A class is a number in the
class map of its line; classes of one name are one, in the order of their numbers. An image whose job failed, or that
has no such attribute, is unlabelled. Its file is looked for by its path below the folder that all images of the
manifest have in common; nothing is fetched. Where the confidence is 0, that of a single person, no score is taken.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats import locate_images, object_records, record_values
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.json_text import numbered_lines, read_json_text
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.sagemaker.layout import DOCUMENTS, LAYOUT, SageMakerReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, decode, excerpt, number, whole
from bboxprep.model.dataset import Dataset

Json = Mapping[str, Any]

_METADATA = "-metadata"
_BOXES = "groundtruth/object-detection"


class _Line(NamedTuple):
    """One object of a manifest, and `where` it stands."""

    where: str
    record: Json


@reads
def read(root: Path, probe: Probe, options: SageMakerReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one manifest. Raises `LayoutError` or `AnnotationError`."""

    def content(document: LabelDocument) -> object_records.DocumentContent:
        lines, faults = _read_lines(document, options.encoding)
        attribute = _chosen_attribute(document.path, lines, options.label_attribute)
        numbered: dict[str, int] = {}
        for line in lines:
            for label, name in _class_names(line.record, attribute).items():
                numbered.setdefault(name, label)
        classes = sorted(numbered, key=lambda name: numbered[name])
        findings = [*faults, *_passed_over(document, lines, attribute)]
        return object_records.DocumentContent(list(_records(lines, attribute)), classes, findings)

    return object_records.documents_dataset(root, "sagemaker", DOCUMENTS, LAYOUT, content, "source-ref", probe)


def _records(lines: Sequence[_Line], attribute: str) -> Iterator[object_records.ImageRecord]:
    """The images of `lines` with the objects of `attribute`."""
    places = [place if isinstance(place := line.record.get("source-ref"), str) else "" for line in lines]
    names = locate_images.below_common(places)
    for (where, record), name in zip(lines, names, strict=True):
        objects, notes = _read_objects(record, attribute, where)
        why = f"its job did not label it ({attribute})"
        unlabelled = "" if _is_labelled(record, attribute) or objects or notes else why
        size = _size(record.get(attribute))
        yield object_records.ImageRecord.of(name, objects, notes, where=where, declared=size, unlabelled=unlabelled)


def _size(held: Any) -> Size | None:
    """The size in the value of a label attribute."""
    listed = held.get("image_size") if isinstance(held, dict) else None
    stated = listed[0] if isinstance(listed, list) and listed else None
    return record_values.stated_size(stated.get("width"), stated.get("height")) if isinstance(stated, dict) else None


def _passed_over(document: LabelDocument, lines: Sequence[_Line], attribute: str) -> Iterator[Finding]:
    """A finding about the objects of each other label attribute with boxes."""
    for name in _label_attributes(lines):
        if name != attribute:
            count = sum(len(_read_objects(line.record, name, "")[0]) for line in lines)
            words = f"{name} was labelled before {attribute}; `label_attribute={name!r}` takes it"
            yield Finding("annotation-older", words, document.shown, objects=count)


def _read_lines(document: LabelDocument, encoding: str) -> tuple[list[_Line], list[Finding]]:
    """The lines of `document`, and findings about those that cannot be read. Raises `AnnotationError`.

    Several objects may stand in one line: programs that join manifests leave out the line break.
    """
    lines: list[_Line] = []
    findings: list[Finding] = []
    for number_of_line, data in numbered_lines(read_json_text(document.path, encoding)):
        where = f"line {number_of_line}"
        try:
            lines.append(_Line(where, decode(data, dict[str, Any])))
        except BadJson as error:
            try:
                lines += [_Line(where, record) for record in _run_together(data)]
            except (ValueError, TypeError, RecursionError):
                findings.append(Finding("record-unreadable", str(error), document.shown, where))
    return lines, findings


def _run_together(data: bytes) -> Iterator[Json]:
    """The objects that stand in `data` one after the other. Raises `ValueError`, `TypeError` and `RecursionError`."""
    text, at, decoder = data.decode("utf-8").strip(), 0, json.JSONDecoder()
    while at < len(text):
        record, at = decoder.raw_decode(text, at)
        if not isinstance(record, dict):
            raise TypeError(f"have {excerpt(record)}, want an object")
        yield record
        at += len(text[at:]) - len(text[at:].lstrip())


def _label_attributes(lines: Sequence[_Line]) -> dict[str, str]:
    """The attributes of `lines` that hold boxes, and when each was made last (ISO 8601), the latest first."""
    made: dict[str, str] = {}
    for _, record in lines:
        for name, metadata in record.items():
            if name.endswith(_METADATA) and isinstance(metadata, dict) and metadata.get("type") == _BOXES:
                date, attribute = metadata.get("creation-date"), name.removesuffix(_METADATA)
                made[attribute] = max(made.get(attribute, ""), date if isinstance(date, str) else "")
    return dict(sorted(made.items(), key=lambda one: one[1], reverse=True))


def _chosen_attribute(path: Path, lines: Sequence[_Line], wanted: str) -> str:
    """The attribute whose boxes are read: the `wanted` one, else that which was labelled last. Raises
    `AnnotationError`.
    """
    known = _label_attributes(lines)
    if wanted and wanted not in known:
        listed = ", ".join(known) or "none"
        raise AnnotationError(path, "", f"no label attribute {wanted!r} with boxes (`label_attribute`; have {listed})")
    if not known:
        others = Counter(
            str(value.get("type")) for _, record in lines for value in record.values() if isinstance(value, dict)
        )
        kinds = ", ".join(kind for kind in others if kind != "None") or "none"
        raise AnnotationError(path, "", f"have labels of the kinds {kinds}, want {_BOXES}")
    return wanted or next(iter(known))


def _class_names(record: Json, attribute: str) -> dict[int, str]:
    """The names in the class map of `attribute` by number."""
    metadata = record.get(f"{attribute}{_METADATA}")
    stated = metadata.get("class-map") if isinstance(metadata, dict) else None
    pairs = ((whole(label), name) for label, name in (stated.items() if isinstance(stated, dict) else ()))
    return {label: name for label, name in pairs if label is not None and isinstance(name, str) and name.strip()}


def _is_labelled(record: Json, attribute: str) -> bool:
    """Whether the boxes of `attribute` are known: it is there, and its job did not fail."""
    metadata = record.get(f"{attribute}{_METADATA}")
    return isinstance(record.get(attribute), dict) and not (isinstance(metadata, dict) and "failure-reason" in metadata)


def _read_objects(record: Json, attribute: str, where: str) -> tuple[list[object_records.ObjectRecord], list[Finding]]:
    """The objects of `attribute`, and findings about them that name no file."""
    held, metadata = record.get(attribute), record.get(f"{attribute}{_METADATA}")
    listed = held.get("annotations") if isinstance(held, dict) else None
    scores = metadata.get("objects") if isinstance(metadata, dict) else None
    names = _class_names(record, attribute)
    objects: list[object_records.ObjectRecord] = []
    findings: list[Finding] = []
    for place, one in enumerate(listed if isinstance(listed, list) else ()):
        label = whole(one.get("class_id")) if isinstance(one, dict) else None
        name = "" if label is None else names.get(label, "")
        try:
            objects.append(_object(one, name, _score(scores, place)))
        except record_values.UnusableRecord as error:
            findings.append(error.finding(f"{where}: {attribute}.annotations[{place}]", name))
    return objects, findings


def _object(record: Any, name: str, score: float) -> object_records.ObjectRecord:
    stated = record_values.json_object(record, "a class_id, left, top, width and height")
    if not name:
        problem = f"have {excerpt(stated.get('class_id'))}, want a number of the class map of its line"
        raise record_values.UnusableRecord("class_id", problem, "category-unknown")
    return object_records.ObjectRecord(name, record_values.named_box(stated, ""), score=score)


def _score(scores: Any, place: int) -> float:
    """The confidence of the object at `place`; NaN where there is none, and for 0: one person labelled it."""
    own = scores[place] if isinstance(scores, list) and place < len(scores) else None
    return (number(own.get("confidence")) or math.nan) if isinstance(own, dict) else math.nan
