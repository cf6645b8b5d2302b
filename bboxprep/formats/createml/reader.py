"""CreateML: boxes by centre, width and height in px, from the upper left corner of the image on.

A document lists the images of its folder, which names the split. Classes have the order of ``labels.txt`` above all
documents, if it is there, and then that in which they are first seen. Keys of an annotation that the format does not
define are attributes. The edges of a box have nine digits: a centre and half a width are seldom exact in binary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.createml.document import DOCUMENTS, LAYOUT, annotations_in, read_entries
from bboxprep.formats.json_images import JsonEntry, JsonLoader, JsonObject, Objects
from bboxprep.formats.label_documents import class_list
from bboxprep.formats.listed_images import ImageGroup, listed_images, unlisted_note
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import excerpt, numbers
from bboxprep.io.paths import dataset_folder, resolved
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import TRAIN
from bboxprep.model.validation import FARTHEST

_SIDES = ("x", "y", "width", "height")
_DIGITS = 9


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""
    home = dataset_folder(root)
    groups, findings = list[ImageGroup[JsonEntry]](), list[Finding]()
    for document in DOCUMENTS.find(root, LAYOUT):
        entries, faults = read_entries(document, options.encoding)
        groups.append(ImageGroup.beside(document, entries, resolved(home), "image"))
        findings += faults
    items, notes = listed_images(groups)
    classes = _classes(home, [entry for group in groups for entry in group.entries], options.encoding)
    loader = JsonLoader(home, probe, _Reader({name: row for row, name in enumerate(classes)}))
    samples, outlines = loader.samples(items)
    return Dataset(
        root=root,
        format="createml",
        categories=Categories.from_names(classes),
        samples=samples,
        outlines=outlines,
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*findings, *notes, *unlisted_note(groups, home)),
    )


def _classes(home: Path, entries: Sequence[JsonEntry], encoding: str) -> list[str]:
    """The names in the class table below `home`, then those that annotations have."""
    used = (_label(one) for entry in entries for one in annotations_in(entry.objects))
    return list(dict.fromkeys([*class_list(home, encoding), *filter(None, used)]))


def _label(annotation: Mapping[str, Any] | str) -> str:
    """The class of an annotation; "" where it has none."""
    label = annotation.get("label") if isinstance(annotation, Mapping) else None
    return label.strip() if isinstance(label, str) else ""


class _Reader(msgspec.Struct, frozen=True):
    """Reads the annotations of an image, whose classes stand in `rows`."""

    rows: Mapping[str, int]

    def __call__(self, entry: JsonEntry, size: Size | None) -> Objects:  # noqa: ARG002
        objects: list[JsonObject] = []
        findings: list[Finding] = []
        for place, one in enumerate(annotations_in(entry.objects)):
            label, fault = _label(one), one if isinstance(one, str) else ""
            stated = one.get("coordinates") if isinstance(one, dict) else None
            box = numbers([stated.get(side) for side in _SIDES]) if isinstance(stated, dict) else None
            if not fault and not label:
                fault = "have no label, want the name of a class"
            if not fault and (box is None or not (np.abs(box) < FARTHEST).all()):
                fault = f"have the coordinates {excerpt(stated)}, want finite x, y, width and height"
            if fault or box is None or not isinstance(one, dict):
                where = f"{entry.where}.annotations[{place}]"
                findings.append(Finding("record-unreadable", fault, where=where, objects=1, category=label))
                continue
            x, y, across, down = box
            edges = (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
            others = {key: value for key, value in one.items() if key not in ("label", "coordinates")}
            objects.append(JsonObject(self.rows[label], [round(edge, _DIGITS) for edge in edges], attributes=others))
        return objects, findings
