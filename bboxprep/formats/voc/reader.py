"""Pascal VOC: one XML file an image, corners in px. It reads every layout and dialect; the writer writes the devkit's.

An image belongs to the XML file of its own stem, else to the one whose ``<filename>`` names it; ``<path>`` is ignored.
The sizes that files state are evidence only: the image's header decides. The origin of the corners is decided for the
whole dataset (`bboxprep.formats.origin`). Classes are sorted by name, unless a table at the root gives
their order (`bboxprep.formats.voc.tables`). Places in findings count from 1, as XPath does: ``object[2]/bndbox/xmin``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import ImageError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import reading
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.image_tree import ImageTree, link_notes, parts_of, split_folders, split_path, walk
from bboxprep.formats.origin import Origin, OriginEvidence, decide, edges, offset, prove, trusted_size
from bboxprep.formats.voc.annotation import Annotation
from bboxprep.formats.voc.lists import read_lists
from bboxprep.formats.voc.options import LAYOUT, VocReadOptions
from bboxprep.formats.voc.pair_images import VocItem, pair_images
from bboxprep.formats.voc.parse_files import ParsedFile, parse_files, unpacked
from bboxprep.formats.voc.tables import class_names
from bboxprep.io.paths import AllowedFolders, stem_of
from bboxprep.model.batch import Batch, starts_of
from bboxprep.model.categories import Categories
from bboxprep.model.conventions import exchanged_corners
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.polygons import Polygons
from bboxprep.model.segmentation import Segmentation
from bboxprep.model.splits import TRAIN


@reads
def read(root: Path, probe: Probe, options: VocReadOptions, spread: MapEngine = map) -> Dataset:
    """The dataset below the folder `root`; every XML file is parsed once, now.

    Raises `LayoutError` where there is none, `AnnotationError` where no file can be read or two origins are proven.
    """
    if not root.is_dir():
        raise LayoutError(root, "", "want a folder that holds XML files and images")
    tree = walk(root, ".xml")
    if not tree.labels and not (tree.lists and tree.images):
        raise LayoutError(root, "", f"no Pascal VOC annotations here (looked for {LAYOUT})")
    opened = parse_files(root, tree.labels, spread, options.encoding)
    lists = read_lists(root, tree.lists, split_folders(root, tree.images), options.encoding)
    pairing = pair_images(tree, lists, opened.parsed, opened.broken)
    origin, evidence = _settle(root, probe, pairing.items, opened.parsed, options)
    classes = class_names(root, opened.names, options.encoding)
    samples = _Samples(
        root,
        probe,
        origin,
        {name: row for row, name in enumerate(classes)},
        _masks(root, tree.labels),
        AllowedFolders(root),
    )
    return Dataset(
        root=root,
        format="voc",
        categories=Categories.from_names(classes),
        samples=LazySamples(pairing.items, samples.load),
        outlines=LazySamples(pairing.items, samples.outlines),
        splits=tuple(dict.fromkeys(item.split for item in pairing.items)) or (TRAIN,),
        findings=(*evidence, *_dataset_findings(tree, opened.unread), *pairing.findings),
        extra={"voc": {"origin": str(origin)}},
    )


def _settle(
    root: Path, probe: Probe, items: Iterable[VocItem], parsed: Mapping[str, ParsedFile], options: VocReadOptions
) -> tuple[Origin, list[Finding]]:
    """The origin of all boxes, and why; no finding where there is no box. Raises `AnnotationError`."""
    if options.origin != "auto":
        return Origin(options.origin), []
    boxed = [(item, file) for item in items if (file := parsed.get(item.label)) and file.boxed]
    if not boxed:
        return Origin.DEVKIT, []
    proof = sum((_proof(root, probe, item, file) for item, file in boxed), OriginEvidence())
    origin, finding = decide(root, proof, (file.tool for _, file in boxed))
    return origin, [finding]


def _proof(root: Path, probe: Probe, item: VocItem, file: ParsedFile) -> OriginEvidence:
    """The evidence of the boxes of `item` for the origin; with its true size where a box may exceed it."""
    if item.present and file.reaches_over:
        try:
            size = trusted_size(probe(root / item.image, file.declared), file.declared)
        except ImageError:  # its finding comes when the sample is loaded
            size = None
        if size:
            return prove(unpacked(file.packed).corners, size)
    return OriginEvidence(file.zeros, at_edge=file.at_edge)


def _dataset_findings(tree: ImageTree, unread: Mapping[str, int]) -> list[Finding]:
    """The findings about all files."""
    findings = link_notes(tree)
    if shapes := ", ".join(f"{count:,} <{tag}>" for tag, count in sorted(unread.items()) if count):
        findings.append(Finding("shape-unread", f"not read: {shapes}"))
    return findings


def _masks(root: Path, labels: Iterable[str]) -> dict[str, Path]:
    """The folder of masks for each folder of XML files that has one."""
    label_folders = {split_path(label)[0] for label in labels}
    folders = {folder: root / masks for folder in label_folders if (masks := _masks_beside(folder))}
    return {folder: masks for folder, masks in folders.items() if masks.is_dir()}


def _masks_beside(folder: str) -> str:
    """Where the devkit has the masks of the objects of the XML files in `folder`, "" where that is no folder of its:
    beside ``Annotations``, for each file an indexed PNG of its stem.
    """
    folders = list(parts_of(folder))
    at = next((index for index, name in enumerate(folders) if name.lower() == "annotations"), None)
    if at is None:
        return ""
    folders[at] = "SegmentationObject"
    return "/".join(folders)


def _in_pixels(batch: Batch) -> Batch:
    """`batch`, whose numbers are fractions of its images, in px."""
    sizes = [
        size or (header.displayed if header else (1, 1))
        for size, header in zip(batch.values("declared"), batch.headers, strict=True)
    ]
    scales = np.array(sizes, dtype=np.float64).reshape(-1, 2)[batch.owners]
    rings = [[ring * scale for ring in own] for own, scale in zip(batch.instances.polygons, scales, strict=True)]
    boxes = batch.instances.boxes * np.tile(scales, 2)
    return batch.with_objects(replace(batch.instances, boxes=boxes, polygons=Polygons.of(rings)))


def _notes(item: VocItem, annotation: Annotation, exchanged: int) -> list[Finding]:
    """The findings about the file of `item`; `exchanged` is the number of boxes with minimum > maximum."""
    noted = list(annotation.findings)
    if exchanged:
        noted.append(Finding("record-repaired", exchanged_corners(exchanged, annotation.source_count)))
    return [replace(finding, path=item.label, split=item.split) for finding in noted]


def _unlabelled(item: VocItem) -> Finding:
    return Finding("image-unlabelled", "no XML file is about it", item.image, split=item.split)


def _missing(item: VocItem) -> Finding:
    words = f"not there, but {item.label} labels it{item.hint}"
    return Finding("image-missing", words, item.image, split=item.split)


class _Samples(msgspec.Struct, frozen=True):
    """Makes samples on access."""

    root: Path
    probe: Probe
    origin: Origin
    rows: Mapping[str, int]
    masks: Mapping[str, Path]
    allowed: AllowedFolders

    def load(self, items: Sequence[VocItem]) -> Batch:
        """The samples of `items`."""
        outlines = self.outlines(items)
        labelled = [row for row, item in enumerate(items) if item.label]
        annotations = [unpacked(items[row].packed) for row in labelled]
        instances, exchanged = self._objects(annotations)
        counts, listed = np.zeros(len(items), dtype=np.int64), [0] * len(items)
        extra: list[dict[str, Any]] = [{}] * len(items)
        segmentations: list[Segmentation | None] = [None] * len(items)
        notes = {row: [_unlabelled(item)] for row, item in enumerate(items) if not item.label}
        for row, annotation, swapped in zip(labelled, annotations, exchanged, strict=True):
            counts[row], listed[row] = len(annotation.names), annotation.source_count
            extra[row] = {"voc": annotation.extra} if annotation.extra else {}
            if annotation.findings or swapped:
                notes[row] = _notes(items[row], annotation, swapped)
            if self.masks and annotation.names:
                segmentations[row] = self._segmentation(items[row], annotation)
        read = outlines.with_columns(source_count=listed, extra=extra, segmentation=segmentations)
        read = read.with_findings(notes).with_objects(instances, starts_of(counts))
        return _in_pixels(read) if self.origin is Origin.FRACTIONS else read

    def outlines(self, items: Sequence[VocItem]) -> Batch:
        """The samples of `items` without their objects."""
        files = reading.files_in([self.root] * len(items), [item.image for item in items])
        missing = {row: _missing(item) for row, item in enumerate(items) if not item.present}
        return reading.outlines(
            self.probe,
            self.root,
            files,
            missing,
            name=reading.as_names([item.name for item in items]),
            split=[item.split for item in items],
            declared=[item.declared for item in items],
            labelled=[bool(item.label) for item in items],
        )

    def _objects(self, annotations: Sequence[Annotation]) -> tuple[Instances, list[int]]:
        """The objects of all files, and the number of boxes with minimum > maximum of each."""
        counts = [len(annotation.names) for annotation in annotations]
        corners = np.array(
            [
                list(chain.from_iterable(annotation.written for annotation in annotations)),
                list(chain.from_iterable(annotation.less_one for annotation in annotations)),
            ],
            dtype=np.float64,
        ).reshape(2, -1, 4)
        boxes, exchanged = edges(corners, self.origin)
        shift, rings = offset(self.origin), None
        if any(annotation.rings for annotation in annotations):
            own = chain.from_iterable(
                map(annotation.rings.get, range(len(annotation.names))) for annotation in annotations
            )
            rings = [[ring - shift for ring in each or ()] for each in own]
        instances = Instances.of(
            boxes,
            [self.rows[name] for annotation in annotations for name in annotation.names],
            polygons=rings,
            attributes=list(chain.from_iterable(annotation.attributes for annotation in annotations)),
        )
        return instances, np.diff(np.cumsum([0, *exchanged])[starts_of(counts)]).tolist()

    def _segmentation(self, item: VocItem, annotation: Annotation) -> Segmentation | None:
        folder, name = split_path(item.label)
        if folder not in self.masks:
            return None
        path = self.masks[folder] / f"{stem_of(name)}.png"
        known = path.is_file() and self.allowed.holds(path)
        return Segmentation(path, annotation.numbers) if known else None
