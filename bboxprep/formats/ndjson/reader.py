"""Ultralytics NDJSON: boxes, polygons, oriented boxes or keypoints as fractions, in the rows of YOLO.

An image is ``<path>/images/<split>/<file>``, where ``path`` of the first line is taken from the folder of the file; the
``url`` of an image is not opened. Of several keys with rows the first is read, as Ultralytics does. An image without
``annotations`` is unlabelled, one with none in them has no objects. Classes have their numbers; those without a name
are called class0, class1 …
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from bboxprep.errors import LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import listed_images
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.label_documents import LabelDocument, image_folders
from bboxprep.formats.locate_images import safe_name
from bboxprep.formats.ndjson.document import (
    NdjsonDocument,
    NdjsonEntry,
    class_names,
    digest_of,
    read_document,
    texts_of,
)
from bboxprep.formats.ndjson.layout import DOCUMENTS
from bboxprep.formats.ndjson.options import LAYOUT
from bboxprep.formats.yolo_row_kinds import RowGrammar, Task
from bboxprep.formats.yolo_row_notes import LabelFile
from bboxprep.formats.yolo_rows import parse_files
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import numbers
from bboxprep.io.paths import dataset_folder, relative_path, resolved
from bboxprep.model.categories import MOST_KEYPOINTS, Categories, Category, is_involution, unnamed_classes
from bboxprep.model.dataset import Dataset
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN

Image = listed_images.ListedImage[NdjsonEntry]


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one file. Raises `LayoutError` or `AnnotationError`."""
    home = dataset_folder(root)
    document, *others = DOCUMENTS.find(root, LAYOUT)
    if others:
        listed = ", ".join(one.shown for one in (document, *others))
        raise LayoutError(root, "", f"have {listed}; name the one to read")
    content = read_document(document, options.encoding)
    shape = _keypoint_shape(content)
    categories, findings = _classes(document, content, shape[0] if shape else 0)
    groups = list(_groups(document, content, resolved(home)))
    items, notes = listed_images.listed_images(groups)
    loader = _Loader(home, probe, document.path, RowGrammar(keypoints=shape, classes=len(categories)))
    return Dataset(
        root=root,
        format="ndjson",
        categories=categories,
        samples=LazySamples(items, loader),
        outlines=LazySamples(items, loader.outlines),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*content.findings, *findings, *notes, *listed_images.unlisted_note(groups, home)),
        task=content.head.task or "detect",
    )


def _groups(
    document: LabelDocument, content: NdjsonDocument, home: Path
) -> Iterator[listed_images.ImageGroup[NdjsonEntry]]:
    """The images of each split."""
    stated = content.head.path
    below = safe_name(stated) if isinstance(stated, str) else ""
    bases = [document.path.parent / below, document.path.parent] if below else [document.path.parent]
    by_word: dict[str, list[NdjsonEntry]] = defaultdict(list)
    for entry in content.entries:
        by_word[entry.split or document.word].append(entry)
    for word, own in by_word.items():
        folders = [folder for base in bases for folder in image_folders(base, (word,))]
        folder = listed_images.fullest_folder(folders, [entry.name for entry in own], home)
        yield listed_images.ImageGroup.locate(document, word, own, folder, home, "file")


def _classes(document: LabelDocument, content: NdjsonDocument, points: int) -> tuple[Categories, list[Finding]]:
    """The class table, each class with so many key`points`, and findings about what it does not name."""
    named = class_names(document.path, content.head)
    count = max([max(named, default=-1) + 1, *(entry.classes for entry in content.entries)])
    gaps = [number for number in range(count) if number not in named]
    names = tuple(named.get(number, f"class{number}" if named else str(number)) for number in range(count))
    findings = [] if named else list(unnamed_classes(names, document.shown))
    if named and gaps:
        words = f"no name for class {', '.join(map(str, gaps[:9]))}; called {names[gaps[0]]} …, as Ultralytics does"
        findings.append(Finding("record-repaired", words, document.shown, "class_names"))
    usual = tuple(f"kp{number}" for number in range(points))
    stated = dict(texts_of(content.head.kpt_names))
    own = [stated.get(number, stated.get(-1, usual)) for number in range(count)]
    order = tuple(int(place) for place in numbers(content.head.flip_idx) or () if place.is_integer())
    flips = order if len(order) == points and is_involution(order) else ()
    table = (
        Category(name, keypoints=its if len(its) == points else usual, flip_idx=flips)
        for name, its in zip(names, own, strict=True)
    )
    return Categories(tuple(table), stated=bool(named)), findings


def _keypoint_shape(content: NdjsonDocument) -> tuple[int, int] | None:
    """The number of keypoints, and 2 or 3 numbers of each; from the longest rows where it is not stated."""
    stated = numbers(content.head.kpt_shape)
    if stated and len(stated) == 2 and stated[0].is_integer() and 0 < stated[0] <= MOST_KEYPOINTS:
        return int(stated[0]), 2 if stated[1] == 2 else 3
    posed = (entry.rows for entry in content.entries if entry.task == "pose")
    columns = max((len(line.split()) - 5 for rows in posed for line in rows.split(b"\n")), default=0)
    size = 2 if columns % 3 else 3
    return (columns // size, size) if 0 < columns <= size * MOST_KEYPOINTS else None


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, which is pickled for worker processes."""

    home: Path
    probe: Probe
    document: Path
    grammar: RowGrammar

    def __call__(self, items: Sequence[Image]) -> list[Sample]:
        pairs = list(zip(items, self.outlines(items), strict=True))
        read = iter(self._read([(entry, outline) for item, outline in pairs for entry in item.entries]))
        return [
            item.sample(outline, list(islice(read, len(item.entries))), digest_of(item.entries))
            for item, outline in pairs
        ]

    def outlines(self, items: Sequence[Image]) -> list[Sample]:
        """The samples of `items` without their objects."""
        return list(map(self._outline, items))

    def _outline(self, item: Image) -> Sample:
        labelled = any(entry.labelled for entry in item.entries)
        outline = item.outline(self.probe, self.home).replace_fast(fractional=True, labelled=labelled)
        if labelled or outline.header is None:
            return outline
        shown = relative_path(outline.path, self.home)
        return outline.with_findings(Finding("image-unlabelled", "no annotations", shown, split=outline.split))

    def _read(self, entries: Sequence[tuple[NdjsonEntry, Sample]]) -> list[listed_images.EntryObjects]:
        """What the rows of each of `entries` are, whose samples come with them; those of one task are read at once."""
        by_task: dict[Task, list[int]] = defaultdict(list)
        for row, (entry, _) in enumerate(entries):
            by_task[entry.task].append(row)
        found: dict[int, listed_images.EntryObjects] = {}
        for task, rows in by_task.items():
            own = [entries[row] for row in rows]
            files = [LabelFile(self.document, self.home, outline.split, entry.rows_place) for entry, outline in own]
            grammar = msgspec.structs.replace(self.grammar, task=task)
            parsed = parse_files(files, [entry.rows for entry, _ in own], grammar)
            whole = parsed.instances([_size(outline) for _, outline in own], oriented=task == "obb")
            objects = whole.split_by_counts(parsed.counts)
            findings = [(*entry.findings, *notes) for (entry, _), notes in zip(own, parsed.notes, strict=True)]
            found |= zip(rows, map(listed_images.EntryObjects, objects, findings, parsed.listed), strict=True)
        return [found[row] for row in range(len(entries))]


def _size(outline: Sample) -> Size:
    """The size that fractions are of; that of one pixel where no image tells it."""
    return outline.header.displayed if outline.header else outline.declared or Size(1, 1)
