"""Hugging Face ImageFolder with boxes: rows of metadata.jsonl or metadata.csv, each about one image.

A row names its image in ``file_name``, from the folder of the file on. Boxes are in ``objects``: columns of values, or
a record for each. What their four numbers are, no file says: all of them together decide (`BoxStyle`), or an option.
Classes are names, or numbers whose names README.md states in ``dataset_info.features`` (or ``classes.txt`` lists). The
split is that of the folder. `datasets` shows images as displayed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import nan
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.errors import LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.hf_imagefolder.boxes import decided_format, edges
from bboxprep.formats.hf_imagefolder.document import DatasetCard, objects_in, read_card, read_entries
from bboxprep.formats.hf_imagefolder.options import DOCUMENTS, LAYOUT, BoxFormat, ImageFolderReadOptions
from bboxprep.formats.json_images import JsonEntry, JsonLoader, JsonObject, Objects
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.listed_images import ImageGroup, listed_images, unlisted_note
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import excerpt, number, whole
from bboxprep.io.paths import dataset_folder, is_within, resolved
from bboxprep.io.text import read_text
from bboxprep.model.categories import MOST_CLASSES, Categories, Category, unnamed_classes
from bboxprep.model.conventions import beyond_table
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import TRAIN
from bboxprep.model.validation import FARTHEST

_MOST_NAMES = 8 << 20  # bytes of classes.txt


@reads
def read(root: Path, probe: Probe, options: ImageFolderReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one file. Raises `LayoutError` or `AnnotationError`."""
    home = dataset_folder(root)
    documents = DOCUMENTS.find(root, LAYOUT)
    if len({document.path.suffix.lower() for document in documents}) > 1:
        listed = ", ".join(document.shown for document in documents)
        raise LayoutError(root, "", f"have {listed}; name one, or leave one kind of file")
    card = read_card(home, options.encoding)
    groups, findings = list[ImageGroup[JsonEntry]](), list[Finding]()
    for document in documents:
        entries, faults = read_entries(document, options.encoding)
        groups += _groups(document, entries, resolved(home))
        findings += faults
    entries = [entry for group in groups for entry in group.entries]
    categories, notes = _classes(home, card, entries, options.encoding)
    style, how = decided_format(entries, card.boxes, options.box_format)
    items, others = listed_images(groups)
    assumed = [Finding("box-assumed", how, documents[0].shown)] if how else []
    rows = {name: row for row, name in enumerate(categories.names)}
    loader = JsonLoader(home, probe, _Reader(style, rows))
    samples, outlines = loader.samples(items)
    return Dataset(
        root=root,
        format="hf_imagefolder",
        categories=categories,
        samples=samples,
        outlines=outlines,
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*findings, *notes, *assumed, *others, *unlisted_note(groups, home)),
    )


def _groups(document: LabelDocument, entries: Iterable[JsonEntry], home: Path) -> Iterator[ImageGroup[JsonEntry]]:
    """The images of each split; the folder that names it is no part of their names."""
    by_word: dict[str, list[JsonEntry]] = defaultdict(list)
    for entry in entries:
        by_word[entry.word].append(entry)
    for word, own in by_word.items():
        folder, inner = document.path.parent, own
        if word != document.word:
            folder /= word
            inner = [msgspec.structs.replace(entry, name=entry.name.removeprefix(f"{word}/")) for entry in own]
        yield ImageGroup.locate(document, word, inner, folder, home, "file_name")


def _classes(
    home: Path, card: DatasetCard, entries: Sequence[JsonEntry], encoding: str
) -> tuple[Categories, tuple[Finding, ...]]:
    """The class table: the names of the card or of classes.txt, then those that are first seen in rows."""
    named = [card.names[number] for number in sorted(card.names)] or _listed_names(home, encoding)
    used = dict.fromkeys(
        one.category for entry in entries for one in objects_in(entry.objects) if _is_class(one.category)
    )
    numbers = [row for value in used if (row := whole(value)) is not None and 0 <= row < MOST_CLASSES]
    texts = [value for value in used if isinstance(value, str) and whole(value) is None]
    if named or not numbers:
        return Categories.from_names(list(dict.fromkeys([*named, *texts]))), ()
    names = [str(number) for number in range(max(numbers) + 1)]
    table = tuple(map(Category, [*names, *texts]))
    return Categories(table, stated=False), unnamed_classes(names)


def _is_class(value: object) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _listed_names(home: Path, encoding: str) -> list[str]:
    """The names in ``classes.txt`` in the folder `home`."""
    path = home / "classes.txt"
    if not path.is_file() or not is_within(path, resolved(home)):
        return []
    return [line.strip() for line in read_text(path, _MOST_NAMES, encoding).split("\n") if line.strip()]


class _Reader(msgspec.Struct, frozen=True):
    """Reads the objects of a row, whose boxes are of `style`, with classes by name or number."""

    style: BoxFormat
    rows: Mapping[str, int]

    def __call__(self, entry: JsonEntry, size: Size | None) -> Objects:
        objects: list[JsonObject] = []
        findings: list[Finding] = []
        for place, one in enumerate(objects_in(entry.objects)):
            label, words = self._label(one.category)
            code = "category-unknown" if words else "record-unreadable"
            box = edges(one.box, self.style, size) if one.box else None
            if not words and (box is None or not (np.abs(box) < FARTHEST).all()):
                words = f"have {excerpt(one.box)}, want four finite numbers{'' if one.box is None else ' of an image'}"
            if words or box is None:
                findings.append(Finding(code, words, where=f"{entry.where}: objects[{place}]", objects=1))
                continue
            objects.append(JsonObject(label, box, attributes=one.others, area=_area(one.area), id=_id(one.id)))
        return objects, findings

    def _label(self, category: object) -> tuple[int, str]:
        """The row of the class of an object, or what is wrong with it."""
        row = whole(category)
        if isinstance(category, str) and row is None:
            return (
                (self.rows[category], "") if category in self.rows else (0, f"have {excerpt(category)}, want a class")
            )
        if row is None:
            return 0, f"have {excerpt(category)}, want the name or number of a class"
        return (row, "") if 0 <= row < len(self.rows) else (0, beyond_table(row, len(self.rows)))


def _area(value: object) -> float:
    found = number(value)
    return found if found is not None and 0 <= found < FARTHEST**2 else nan


def _id(value: object) -> int:
    found = whole(value) or 0
    return max(0, found)
