"""CVAT for images and for video, XML 1.1: one document over many images.

**Convention.** Coordinates are edges in px, as they stand. A shape is an object: a box (turned: with its four corners
as a polygon), a polygon, an ellipse (as a polygon), a mask, points and a skeleton (as keypoints), the box around a line
or a cuboid. ``occluded``, ``z_order``, ``group_id`` and ``source`` are attributes where they are not at their defaults.

**Splits.** An image is in the subset that it names, else in the split that its document or folder is called by. A frame
of a video has no name: its image is ``frame_000010.png``. Every frame whose image is there is labelled, and so is every
image that is listed. Classes have the order of the labels of the task; others that shapes name follow, sorted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.cvat.document import ImageEntry, ParsedDocument, read_document
from bboxprep.formats.cvat.fields import LAYOUT
from bboxprep.formats.cvat.layout import DOCUMENTS
from bboxprep.formats.cvat.shapes import UNHELD, CvatShape, Geometry, digest_of, geometry_of
from bboxprep.formats.label_documents import LabelDocument, image_folders
from bboxprep.formats.listed_images import ImageGroup, ListedImage, fullest_folder, listed_images, unlisted_note
from bboxprep.geometry.affine import Size
from bboxprep.io.folder_listing import scan
from bboxprep.io.paths import dataset_folder, resolved
from bboxprep.model.categories import MOST_KEYPOINTS, Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN

_FRAME = re.compile(r"(frame_[0-9]{6,9})\.[A-Za-z]{3,4}")
Image = ListedImage[ImageEntry]


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""
    home = dataset_folder(root)
    parsed = [(document, read_document(document.path, options.encoding)) for document in DOCUMENTS.find(root, LAYOUT)]
    classes = _classes([content for _, content in parsed])
    groups = [group for document, content in parsed for group in _groups(document, content, resolved(home))]
    items, findings = listed_images(groups)
    loader = _Loader(home, probe, classes, {name: row for row, name in enumerate(classes.names)})
    return Dataset(
        root=root,
        format="cvat",
        categories=classes,
        samples=LazySamples.each(items, loader),
        outlines=LazySamples.each(items, loader.outline),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*findings, *_unread(parsed), *unlisted_note(groups, home)),
    )


def _classes(parsed: Sequence[ParsedDocument]) -> Categories:
    """The class table: the labels of all documents, then the other classes that shapes name."""
    labels = {name: label for content in reversed(parsed) for name, label in content.labels.items()}
    listed = dict.fromkeys(name for content in parsed for name in content.labels)
    others = {name for content in parsed for name in content.used} - listed.keys()
    names = [*listed, *sorted(others, key=lambda name: name.encode("utf-8", "surrogatepass"))]
    return Categories(tuple(_with_joints(labels.get(name, Category(name)), parsed) for name in names))


def _with_joints(category: Category, parsed: Iterable[ParsedDocument]) -> Category:
    """`category` with the keypoints of its skeletons that its label does not list."""
    met = {name: None for content in parsed for name in content.joints.get(category.name, ())}
    keypoints = (*category.keypoints, *(name for name in met if name not in category.keypoints))
    return replace(category, keypoints=keypoints[:MOST_KEYPOINTS])


def _groups(document: LabelDocument, content: ParsedDocument, home: Path) -> Iterator[ImageGroup[ImageEntry]]:
    by_subset: dict[str, list[ImageEntry]] = {}
    for entry in content.images:
        by_subset.setdefault(entry.subset, []).append(entry)
    if not by_subset and content.size:
        by_subset[""] = []  # a video in which nothing is labelled
    for subset, own in by_subset.items():
        folders = image_folders(document.path.parent, (subset, document.word))
        folder = fullest_folder(folders, [entry.name for entry in own], home, ".png")
        entries = _with_frames(own, folder) if not own or own[-1].is_frame else own
        yield ImageGroup.locate(document, subset or document.word, entries, folder, home, "name")


def _with_frames(entries: Sequence[ImageEntry], folder: Path) -> list[ImageEntry]:
    """The frames among `entries` by the names of their images in `folder`; and those in which nothing is labelled."""
    names = sorted(entry.name for entry in scan(folder))
    files = {match[1]: match[0] for name in names if (match := _FRAME.fullmatch(name))}
    named = [
        msgspec.structs.replace(one, name=files.pop(one.name, one.name)) if one.is_frame else one for one in entries
    ]
    size = next((one.declared for one in entries if one.is_frame), None)
    empty = ImageEntry("", "", size, "", 0, ImageEntry.pack(()), is_frame=True)
    return [*named, *(msgspec.structs.replace(empty, name=name) for name in files.values())]


def _unread(parsed: Iterable[tuple[LabelDocument, ParsedDocument]]) -> Iterator[Finding]:
    """A finding about what each document has that the model lacks."""
    for document, content in parsed:
        if content.unread:
            listed = ", ".join(f"{count:,} <{tag[:40]}>" for tag, count in sorted(content.unread.items()))
            held = "; the box around each line and cuboid is an object" if content.unread.keys() & UNHELD else ""
            yield Finding("shape-unread", f"not read: {listed}{held}", document.shown)


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, which is pickled for worker processes."""

    home: Path
    probe: Probe
    classes: Categories
    rows: Mapping[str, int]

    def __call__(self, item: Image) -> Sample:
        outline = self.outline(item)
        shapes = [shape for entry in item.entries for shape in entry.shapes]
        found = [replace(one, path=item.document, split=item.split) for entry in item.entries for one in entry.findings]
        return outline.replace_fast(
            instances=self._instances(shapes, _size(outline)),
            label_digest=digest_of(shapes),
            findings=(*outline.findings, *found),
            source_count=sum(entry.listed for entry in item.entries),
        )

    def outline(self, item: Image) -> Sample:
        """The sample of `item` without its objects."""
        return item.outline(self.probe, self.home)

    def _instances(self, shapes: Sequence[CvatShape], size: Size | None) -> Instances:
        labels = [self.rows[shape.label] for shape in shapes]
        keypoints = [self.classes[label].keypoints for label in labels]
        found = [geometry_of(shape, names, size) for shape, names in zip(shapes, keypoints, strict=True)]
        points = _keypoints(found, max((len(category.keypoints) for category in self.classes), default=0))
        return Instances.of(
            [one.box for one in found],
            labels,
            polygons=[one.rings for one in found],
            masks=[one.mask for one in found],
            oriented=[_NO_CORNERS if one.oriented is None else one.oriented for one in found],
            keypoints=points[:, :, :2],
            visibility=points[:, :, 2],
            attributes=[shape.attributes for shape in shapes],
            tracks=[shape.track for shape in shapes],
        )


_NO_CORNERS = np.full((4, 2), np.nan)


def _size(outline: Sample) -> Size | None:
    """The size of the plane that masks lie in, None where the image cannot be read."""
    if outline.header is None:
        return None
    sizes = outline.header.size, outline.header.displayed
    return outline.declared if outline.declared in sizes else outline.header.displayed


def _keypoints(found: Sequence[Geometry], least: int) -> np.ndarray:
    """The keypoints of objects, x y px and visibility: float64 (N, K, 3), K at least `least`."""
    own = [np.zeros((0, 3)) if one.keypoints is None else one.keypoints for one in found]
    points = np.zeros((len(own), max([least, *map(len, own)]), 3))
    for row, some in enumerate(own):
        points[row, : len(some)] = some
    return points
