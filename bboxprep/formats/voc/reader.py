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
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from bboxprep.errors import ImageError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.image_tree import ImageTree, link_notes, parts_of, split_folders, split_path, walk
from bboxprep.formats.origin import Origin, OriginEvidence, decide, edges, offset, prove, trusted_size
from bboxprep.formats.reading import probe_image
from bboxprep.formats.voc.annotation import Annotation
from bboxprep.formats.voc.lists import read_lists
from bboxprep.formats.voc.options import LAYOUT, VocReadOptions
from bboxprep.formats.voc.pair_images import VocItem, pair_images
from bboxprep.formats.voc.parse_files import ParsedFile, parse_files, unpacked
from bboxprep.formats.voc.tables import class_names
from bboxprep.io.paths import AllowedFolders, stem_of
from bboxprep.model.categories import Categories
from bboxprep.model.conventions import exchanged_corners
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.instances import Instances
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
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


def _in_pixels(instances: Instances, outline: Sample) -> Instances:
    """`instances`, whose numbers are fractions of the image of `outline`, in px."""
    size = outline.declared or (outline.header.displayed if outline.header else (1, 1))
    scale = np.array(size, dtype=np.float64)
    polygons = instances.polygons.moved(lambda points: points * scale)
    return replace(instances, boxes=instances.boxes * np.tile(scale, 2), polygons=polygons)


class _Samples(msgspec.Struct, frozen=True):
    """Makes samples on access."""

    root: Path
    probe: Probe
    origin: Origin
    rows: Mapping[str, int]
    masks: Mapping[str, Path]
    allowed: AllowedFolders

    def load(self, items: Sequence[VocItem]) -> list[Sample]:
        """The samples of `items`."""
        annotations = [unpacked(item.packed) for item in items if item.label]
        read = zip(annotations, *self._objects(annotations), strict=True)
        return [self._labelled(item, *next(read)) if item.label else self._unlabelled(item) for item in items]

    def outlines(self, items: Sequence[VocItem]) -> list[Sample]:
        """The samples of `items` without their objects."""
        return list(map(self._outline, items))

    def _labelled(self, item: VocItem, annotation: Annotation, instances: Instances, exchanged: int) -> Sample:
        """The sample of `item` with its annotation; `exchanged` is the number of boxes with minimum > maximum."""
        noted = list(annotation.findings)
        if exchanged:
            noted.append(Finding("record-repaired", exchanged_corners(exchanged, annotation.source_count)))
        findings = [replace(finding, path=item.label, split=item.split) for finding in noted]
        outline = self._outline(item)
        if self.origin is Origin.FRACTIONS:
            instances = _in_pixels(instances, outline)
        return outline.replace_fast(
            instances=instances,
            findings=(*outline.findings, *findings),
            source_count=annotation.source_count,
            segmentation=self._segmentation(item, annotation) if annotation.names else None,
            extra={"voc": annotation.extra} if annotation.extra else {},
        )

    def _unlabelled(self, item: VocItem) -> Sample:
        unlabelled = Finding("image-unlabelled", "no XML file is about it", item.image, split=item.split)
        return self._outline(item).with_findings(unlabelled)

    def _outline(self, item: VocItem) -> Sample:
        """The sample of `item` without its objects."""
        path = self.root / item.image
        if item.present:
            header, findings = probe_image(self.probe, path, self.root, item.split, item.declared)
        else:
            message = f"not there, but {item.label} labels it{item.hint}"
            header, findings = None, (Finding("image-missing", message, item.image, split=item.split),)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(item.name),
            path=path,
            header=header,
            split=item.split,
            declared=item.declared,
            findings=findings,
            labelled=bool(item.label),
        )

    def _objects(self, annotations: Sequence[Annotation]) -> tuple[list[Instances], list[int]]:
        """The objects of each file, and the number of its boxes with minimum > maximum."""
        counts = [len(annotation.names) for annotation in annotations]
        corners = [annotation.corners for annotation in annotations]
        boxes, exchanged = edges(np.concatenate([np.zeros((2, 0, 4)), *corners], axis=1), self.origin)
        shift, outlined = offset(self.origin), any(annotation.rings for annotation in annotations)
        rings = [annotation.rings.get(row, ()) for annotation in annotations for row in range(len(annotation.names))]
        instances = Instances.of(
            boxes,
            [self.rows[name] for annotation in annotations for name in annotation.names],
            polygons=[[ring - shift for ring in own] for own in rings] if outlined else None,
            attributes=list(chain.from_iterable(annotation.attributes for annotation in annotations)),
        ).split_by_counts(counts)
        ends = np.cumsum([0, *counts])
        return instances, np.diff(np.cumsum([0, *exchanged])[ends]).tolist()

    def _segmentation(self, item: VocItem, annotation: Annotation) -> Segmentation | None:
        folder, name = split_path(item.label)
        if folder not in self.masks:
            return None
        path = self.masks[folder] / f"{stem_of(name)}.png"
        known = path.is_file() and self.allowed.holds(path)
        return Segmentation(path, annotation.numbers) if known else None
