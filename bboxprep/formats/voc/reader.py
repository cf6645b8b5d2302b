"""Pascal VOC: one XML file an image, corners in px. It reads every layout and dialect; the writer writes the devkit's.

An image belongs to the XML file of its own stem, else to the one whose ``<filename>`` names it; ``<path>`` is ignored.
The sizes that files state are evidence only: the image's header decides. The origin of the corners is decided for the
whole dataset (`bboxprep.formats.voc.origin`). Classes are sorted by name, unless a table at the root gives
their order (`bboxprep.formats.voc.tables`). Places in findings count from 1, as XPath does: ``object[2]/bndbox/xmin``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from bboxprep.errors import ImageError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.reading import probe_image
from bboxprep.formats.voc.annotation import Annotation
from bboxprep.formats.voc.lists import read_lists
from bboxprep.formats.voc.options import LAYOUT, VocReadOptions
from bboxprep.formats.voc.origin import Origin, OriginEvidence, decide, edges, offset, prove, trusted_size
from bboxprep.formats.voc.pair_images import VocItem, pair
from bboxprep.formats.voc.parse_files import ParsedFile, open_files, unpacked
from bboxprep.formats.voc.tables import class_names
from bboxprep.formats.voc.tree import VocTree, masks_of, split_folders, split_path, walk
from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import Boxes
from bboxprep.io.paths import NOT_FOLLOWED, Fence, stem_of
from bboxprep.model.categories import Categories
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
    tree = walk(root)
    if not tree.labels and not (tree.lists and tree.images):
        raise LayoutError(root, "", f"no Pascal VOC annotations here (looked for {LAYOUT})")
    opened = open_files(root, tree.labels, spread, options.encoding)
    lists = read_lists(root, tree.lists, split_folders(root, tree.images), options.encoding)
    pairing = pair(tree, lists, opened.briefs, opened.broken)
    origin, evidence = _settle(root, probe, pairing.items, opened.briefs, options)
    classes = class_names(root, opened.names, options.encoding)
    samples = _Samples(
        root, probe, origin, {name: row for row, name in enumerate(classes)}, _masks(root, tree.labels), Fence(root)
    )
    return Dataset(
        root=root,
        format="voc",
        categories=Categories.from_names(classes),
        samples=LazySamples(pairing.items, samples.load),
        outlines=LazySamples(pairing.items, samples.outline),
        splits=tuple(dict.fromkeys(item.split for item in pairing.items)) or (TRAIN,),
        findings=(*evidence, *_of_tree(tree, opened.unread), *pairing.findings),
        extra={"voc": {"origin": str(origin)}},
    )


def _settle(
    root: Path, probe: Probe, items: Iterable[VocItem], briefs: Mapping[str, ParsedFile], options: VocReadOptions
) -> tuple[Origin, list[Finding]]:
    """The origin of all boxes, and why; no finding where there is no box. Raises `AnnotationError`."""
    if options.origin != "auto":
        return Origin(options.origin), []
    boxed = [(item, brief) for item in items if (brief := briefs.get(item.label)) and brief.boxed]
    if not boxed:
        return Origin.DEVKIT, []
    proof = sum((_proof(root, probe, item, brief) for item, brief in boxed), OriginEvidence())
    origin, finding = decide(root, proof, (brief.tool for _, brief in boxed))
    return origin, [finding]


def _proof(root: Path, probe: Probe, item: VocItem, brief: ParsedFile) -> OriginEvidence:
    """What the boxes of `item` prove, held against its true size where that is known and a box could tell by it."""
    if item.present and brief.reaches_over:
        try:
            size = trusted_size(probe(root / item.image, brief.declared), brief.declared)
        except ImageError:  # its finding comes when the sample is loaded
            size = None
        if size:
            return prove(unpacked(brief.packed).corners, size)
    return OriginEvidence(brief.zeros, at_edge=brief.at_edge)


def _of_tree(tree: VocTree, unread: Mapping[str, int]) -> list[Finding]:
    """What holds for the files as a whole."""
    findings = []
    if tree.outside:
        message = f"{len(tree.outside):,} links lead out of the dataset's folder; {NOT_FOLLOWED}"
        findings.append(Finding("image-refused", message, tree.outside[0]))
    if shapes := ", ".join(f"{count:,} <{tag}>" for tag, count in sorted(unread.items()) if count):
        findings.append(Finding("shape-unread", f"not read: {shapes}"))
    return findings


def _masks(root: Path, labels: Iterable[str]) -> dict[str, Path]:
    """Where the masks are of the objects of the XML files in a folder, for each folder that has some."""
    label_folders = {split_path(label)[0] for label in labels}
    folders = {folder: root / masks_of(folder) for folder in label_folders if masks_of(folder)}
    return {folder: masks for folder, masks in folders.items() if masks.is_dir()}


def _scale(sample: Sample) -> Points:
    """The width and height (2,) that fractions of the image of `sample` are multiplied by."""
    size = sample.declared or (sample.header.displayed if sample.header else (1, 1))
    return np.array(size, dtype=np.float64)


@dataclass(frozen=True)
class _Samples:
    """Makes samples when they are asked for."""

    root: Path
    probe: Probe
    origin: Origin
    rows: Mapping[str, int]
    masks: Mapping[str, Path]
    fence: Fence

    def load(self, item: VocItem) -> Sample:
        sample = self.outline(item)
        if not item.label:
            unlabelled = Finding("image-unlabelled", "no XML file is about it", item.image, split=item.split)
            return sample.replace_fast(findings=(*sample.findings, unlabelled))
        annotation = unpacked(item.packed)
        boxes, exchanged = edges(annotation.corners, self.origin)
        scale = _scale(sample) if self.origin is Origin.FRACTIONS else None
        noted = list(annotation.findings)
        if exchanged:
            message = f"minimum and maximum exchanged ({exchanged} of {annotation.source_count} objects)"
            noted.append(Finding("record-repaired", message))
        findings = [replace(finding, path=item.label, split=item.split) for finding in noted]
        return sample.replace_fast(
            instances=self._instances(annotation, boxes, scale),
            findings=(*sample.findings, *findings),
            source_count=annotation.source_count,
            segmentation=self._segmentation(item, annotation) if annotation.names else None,
            extra={"voc": annotation.extra} if annotation.extra else {},
        )

    def outline(self, item: VocItem) -> Sample:
        """The sample without its objects."""
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

    def _instances(self, annotation: Annotation, boxes: Boxes, scale: Points | None) -> Instances:
        shift = offset(self.origin)
        rings = [[ring - shift for ring in annotation.rings.get(row, ())] for row in range(len(annotation.names))]
        if scale is not None:
            rings = [[ring * scale for ring in one] for one in rings]
        return Instances.of(
            boxes if scale is None else boxes * np.tile(scale, 2),
            [self.rows[name] for name in annotation.names],
            polygons=rings if annotation.rings else None,
            attributes=annotation.attributes,
        )

    def _segmentation(self, item: VocItem, annotation: Annotation) -> Segmentation | None:
        folder, name = split_path(item.label)
        if folder not in self.masks:
            return None
        path = self.masks[folder] / f"{stem_of(name)}.png"
        known = path.is_file() and self.fence.holds(path)
        return Segmentation(path, annotation.numbers) if known else None
