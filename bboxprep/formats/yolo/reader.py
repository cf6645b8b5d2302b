"""YOLO text labels: one .txt file an image, one object a row, all numbers as fractions of the image.

The modules: `row_kinds` says what a row can be, `rows` reads rows, `tree` finds the files and the label file of each
image, `config` reads data.yaml and .data files, `layout` finds the images, `classes` makes the class table, `writer`
writes.

**Layouts.** Ultralytics' (``images/<split>`` and ``labels/<split>``, or ``<split>/images`` and ``<split>/labels``, with
or without a data.yaml), darknet's (a .data file, lists of images, labels beside them) and labelImg's (``classes.txt``
among the labels). An image without a label file is unlabelled, one with an empty label file has no objects: the two
stay apart.

**Counts.** Every row counts: `Sample.source_count` is the objects of the sample and of its findings. Rows of label
files without an image are in the findings of the dataset.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import reading
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.yolo.classes import categories, find_classes, with_numbers
from bboxprep.formats.yolo.config import Config, find_config, read_config
from bboxprep.formats.yolo.image_index import YoloItem
from bboxprep.formats.yolo.label_task import label_task
from bboxprep.formats.yolo.layout import YoloLayout, lay_out
from bboxprep.formats.yolo.options import Units, YoloReadOptions
from bboxprep.formats.yolo.tree import Place, YoloTree, by_bytes
from bboxprep.formats.yolo_row_kinds import RowGrammar
from bboxprep.formats.yolo_row_notes import LabelFile
from bboxprep.formats.yolo_rows import read_labels
from bboxprep.io.paths import relative_path
from bboxprep.model.batch import Batch, starts_of
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.lazy_samples import LazySamples

Claims = Mapping[Path, Counter[str]]  # how many images a label file is for, by its folder and its name


@reads
def read(root: Path, probe: Probe, options: YoloReadOptions, spread: MapEngine = map) -> Dataset:
    """The dataset at `root`: a folder, a data.yaml or a .data file. Raises `LayoutError` or `AnnotationError`."""
    home, config = _open(root, options.encoding)
    tree = YoloTree(home, wide=root.is_file(), encoding=options.encoding)
    layout = lay_out(tree, config)
    if options.task == "pose" and not config.keypoints:
        raise AnnotationError(config.file or root, "kpt_shape", "is missing, want [count, 2 or 3] for `task='pose'`")
    rows = RowGrammar(
        options.task, config.keypoints, first=options.first_id, boxes=options.box_style, encoding=options.encoding
    )
    classes = with_numbers(find_classes(tree, config), layout.items, rows, spread)
    grammar = msgspec.structs.replace(rows, classes=len(classes.names))
    claims = layout.items.claims()
    unmatched = unmatched_labels(tree, layout, claims, grammar, classes.names)
    loader = _Loader(tree.home, probe, grammar, options.units)
    task = label_task(layout.items, grammar, loader, spread, config.task)
    loader = msgspec.structs.replace(loader, oriented=task.name == "obb")
    return Dataset(
        root=home,
        format="yolo",
        categories=categories(classes, config),
        samples=LazySamples(layout.items, loader),
        outlines=LazySamples(layout.items, loader.outlines),
        splits=tuple(dict.fromkeys(split for split, _, _ in layout.items.homes)),
        findings=(*layout.findings, *classes.findings, *task.findings, *shared(tree, layout.items, claims), *unmatched),
        task=task.name,
    )


def _open(root: Path, encoding: str) -> tuple[Path, Config]:
    """The folder of the dataset, and its parsed data.yaml or .data file."""
    if root.is_dir():
        file = find_config(root)
        return root, read_config(file, encoding) if file else Config()
    if not root.is_file() or root.suffix.lower() not in (".yaml", ".yml", ".data"):
        raise LayoutError(root, "", "want a folder, a data.yaml or a darknet .data file")
    return root.parent, read_config(root, encoding)


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, so that worker processes can have it."""

    home: Path
    probe: Probe
    grammar: RowGrammar
    units: Units = "fractions"
    oriented: bool = False  # whether rows of four corners are oriented boxes

    def __call__(self, items: Sequence[YoloItem]) -> Batch:
        outlines = self.outlines(items)
        labelled = [row for row, item in enumerate(items) if item.texts is not None]
        files = [LabelFile(items[row].label_file, self.home, items[row].split) for row in labelled]
        rows = read_labels(files, self.grammar)
        fractional = self.units == "fractions"
        headers = outlines.headers
        sizes = [_displayed(headers[row]) if fractional else _ONE for row in labelled]
        counts, listed = np.zeros(len(items), dtype=np.int64), [0] * len(items)
        counts[labelled] = rows.counts
        for row, count in zip(labelled, rows.listed, strict=True):
            listed[row] = count
        notes = {row: found for row, found in zip(labelled, rows.notes, strict=True) if found}
        notes |= {row: self._unlabelled(outlines, row) for row, item in enumerate(items) if item.texts is None}
        read = outlines.with_columns(source_count=listed).replace(fractional=fractional).with_findings(notes)
        return read.with_objects(rows.instances(sizes, oriented=self.oriented), starts_of(counts))

    def outlines(self, items: Sequence[YoloItem]) -> Batch:
        """The samples of `items` without their label files."""
        return reading.outlines(
            self.probe,
            self.home,
            reading.files_in([item.folder for item in items], [item.file for item in items]),
            name=reading.as_names([item.named for item in items]),
            split=[item.split for item in items],
            labelled=[item.texts is not None for item in items],
        ).replace(fractional=True)

    def _unlabelled(self, outlines: Batch, row: int) -> tuple[Finding, ...]:
        if outlines.headers[row] is None:
            return ()
        place, split = relative_path(outlines.values("path")[row], self.home), outlines.values("split")[row]
        return (Finding("image-unlabelled", "no label file", place, split=split),)


def _displayed(header: Header | None) -> tuple[int, int]:
    return header.displayed if header else _ONE


_ONE = (1, 1)


def unmatched_labels(
    tree: YoloTree, layout: YoloLayout, claims: Claims, grammar: RowGrammar, names: Sequence[str]
) -> tuple[Finding, ...]:
    """One finding for each class in each label file without an image, and one for each unreadable row there.

    A label file whose image exists, but is none of the dataset, is none of the dataset either.
    """
    owners: dict[Place, YoloItem] = {}
    findings: list[Finding] = []
    for folder, split in sorted(layout.folders.items(), key=lambda entry: by_bytes(entry[0])):
        claimed: Collection[str] = claims.get(folder, ())
        for name in tree.listing(folder).texts.values():
            if name in claimed or not tree.is_label(path := folder / name):
                continue
            owners = owners or {(item.folder, item.file): item for item in layout.items}
            image = tree.image_of(path)
            if image is None:
                findings += _orphan(tree, path, split, grammar, names, f"no image{layout.hints.get(path, '')}")
            elif image in owners:
                used = owners[image].label
                words = f"its image has its labels in {tree.shown(used)}" if used else "no image"
                findings += _orphan(tree, path, split, grammar, names, words)
    return tuple(findings)


def shared(tree: YoloTree, items: Sequence[YoloItem], claims: Claims) -> tuple[Finding, ...]:
    """One finding for each label file that several images claim."""
    if all(count == 1 for files in claims.values() for count in files.values()):
        return ()
    users: dict[Path, list[YoloItem]] = defaultdict(list)
    for item in items:
        if item.texts and claims[item.texts][item.label_name] > 1:
            users[item.texts / item.label_name].append(item)
    return tuple(
        Finding("label-shared", f"labels {', '.join(item.named for item in using)}", tree.shown(label))
        for label, using in sorted(users.items(), key=lambda entry: by_bytes(entry[0]))
    )


def _orphan(
    tree: YoloTree, path: Path, split: str, grammar: RowGrammar, names: Sequence[str], why: str
) -> tuple[Finding, ...]:
    place = tree.shown(path)
    rows = read_labels([LabelFile(path, tree.home, split)], grammar)
    counts = Counter(names[label] for label in rows.labels.tolist())
    readable = [
        Finding("label-orphan", f"{count} of class {name!r}: {why}", place, "", count, name, split)
        for name, count in sorted(counts.items())
    ]
    unreadable = [finding for finding in rows.findings if finding.objects]
    return (*readable, *unreadable) or (Finding("label-orphan", why, place, split=split),)
