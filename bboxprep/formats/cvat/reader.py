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
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.cvat.document import ImageEntry, ParsedDocument, read_document
from bboxprep.formats.cvat.layout import CvatDocument, find_documents, image_folders
from bboxprep.formats.cvat.shapes import UNHELD, CvatShape, Geometry, digest_of, geometry_of
from bboxprep.formats.image_lookup import OtherSpelling, spelling_note
from bboxprep.formats.locate_images import Located, locate, unlisted_images
from bboxprep.formats.reading import probe_image
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import dataset_folder, is_file_safely, is_within, relative_path, resolved, scan
from bboxprep.model.categories import MOST_KEYPOINTS, Categories, Category
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import TRAIN, name_prefixes, order, split_of

_FRAME = re.compile(r"(frame_[0-9]{6,9})\.[A-Za-z]{3,4}")
_TRIED = 64  # images that are looked for in each folder that may hold them


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""
    home = dataset_folder(root)
    parsed = [(document, read_document(document.path, options.encoding)) for document in find_documents(root)]
    classes = _classes([content for _, content in parsed])
    parts = [part for document, content in parsed for part in _parts(document, content, resolved(home))]
    prefixes = name_prefixes(part.word for part in parts)
    items, repeated = _items(parts, prefixes)
    items.sort(key=lambda item: (order(item.split), item.name.encode("utf-8", "surrogatepass")))
    loader = _Loader(home, probe, classes, {name: row for row, name in enumerate(classes.names)})
    return Dataset(
        root=root,
        format="cvat",
        categories=classes,
        samples=LazySamples.each(items, loader),
        outlines=LazySamples.each(items, loader.outline),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*repeated, *_respelled(parts), *_unread(parsed), *_unlisted(parts, home)),
    )


class _Part(msgspec.Struct, frozen=True):
    """The images of one document that are in one subset, the folder they lie in, and their files."""

    document: CvatDocument
    word: str
    entries: Sequence[ImageEntry]
    folder: Path
    located: Located


class _Item(msgspec.Struct, frozen=True):
    """One sample: its image, why that is `missing` ("" where it is there), and the entries about it in `document`."""

    split: str
    name: str
    path: Path
    missing: str
    document: str
    entries: tuple[ImageEntry, ...]


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


def _parts(document: CvatDocument, content: ParsedDocument, allowed: Path) -> Iterator[_Part]:
    by_subset: dict[str, list[ImageEntry]] = {}
    for entry in content.images:
        by_subset.setdefault(entry.subset, []).append(entry)
    if not by_subset and content.size:
        by_subset[""] = []  # a video in which nothing is labelled
    for subset, own in by_subset.items():
        folders = [one for one in image_folders(document, subset) if one.is_dir() and is_within(one, allowed)]
        folder = _fullest(folders or [document.path.parent], [entry.name for entry in own])
        entries = _with_frames(own, folder) if not own or own[-1].is_frame else own
        located = locate(folder, [entry.name for entry in entries], allowed, "name")
        yield _Part(document, subset or document.word, entries, folder, located)


def _fullest(folders: Sequence[Path], names: Sequence[str]) -> Path:
    """The first of `folders` that has the most of some of the `names`, of which frames lack the suffix."""
    tried = names[:: max(1, len(names) // _TRIED)]

    def count(folder: Path) -> int:
        return sum(is_file_safely(folder / name) or is_file_safely(folder / f"{name}.png") for name in tried)

    return max(folders, key=count)


def _with_frames(entries: Sequence[ImageEntry], folder: Path) -> list[ImageEntry]:
    """The frames among `entries` by the names of their images in `folder`; and those in which nothing is labelled."""
    with scan(folder) as found:
        files = {
            match[1]: match[0]
            for one in sorted(found, key=lambda one: one.name)
            if (match := _FRAME.fullmatch(one.name))
        }
    named = [
        msgspec.structs.replace(one, name=files.pop(one.name, one.name)) if one.is_frame else one for one in entries
    ]
    size = next((one.declared for one in entries if one.is_frame), None)
    empty = ImageEntry("", "", size, "", 0, ImageEntry.pack(()), is_frame=True)
    return [*named, *(msgspec.structs.replace(empty, name=name) for name in files.values())]


def _items(parts: Iterable[_Part], prefixes: Mapping[str, str]) -> tuple[list[_Item], list[Finding]]:
    """The samples, and a finding for each image that is listed again; its shapes are added to the first."""
    items: dict[tuple[str, Path], _Item] = {}
    names: set[tuple[str, str]] = set()
    findings: list[Finding] = []
    for part in parts:
        for row, entry in enumerate(part.entries):
            split, located = split_of(part.word), part.located.names[row]
            path = part.folder / located
            if known := items.get((split, path)):
                words = f"its file is that of {known.entries[0].where}, which has its objects too"
                findings.append(Finding("image-repeated", words, part.document.shown, entry.where, split=split))
                items[split, path] = msgspec.structs.replace(known, entries=(*known.entries, entry))
                continue
            name = f"{prefixes[part.word]}{located}"
            if (split, name) in names:
                name = f"{part.document.path.stem}/{name}"
            names.add((split, name))
            missing = part.located.missing.get(row, "")
            items[split, path] = _Item(split, name, path, missing, part.document.shown, (entry,))
    return list(items.values()), findings


def _respelled(parts: Iterable[_Part]) -> Iterator[Finding]:
    """A finding about images whose files have other names than the documents state."""
    found: list[tuple[OtherSpelling, _Part, int]] = [
        (other, part, row) for part in parts for row, other in part.located.respelled.items()
    ]
    if found:
        _, part, row = found[0]
        where = part.entries[row].where
        yield spelling_note([other for other, _, _ in found], part.document.shown, where, split_of(part.word))


def _unread(parsed: Iterable[tuple[CvatDocument, ParsedDocument]]) -> Iterator[Finding]:
    """A finding about what each document has that the model lacks."""
    for document, content in parsed:
        if content.unread:
            listed = ", ".join(f"{count:,} <{tag[:40]}>" for tag, count in sorted(content.unread.items()))
            held = "; the box around each line and cuboid is an object" if content.unread.keys() & UNHELD else ""
            yield Finding("shape-unread", f"not read: {listed}{held}", document.shown)


def _unlisted(parts: Sequence[_Part], home: Path) -> Iterator[Finding]:
    beside, unnamed = unlisted_images(((part.folder, part.located) for part in parts), home)
    if others := [*beside, *unnamed]:
        words = f"images lie beside listed ones, and no document lists them ({len(others):,}); left aside"
        yield Finding("image-aside", words, relative_path(others[0], home))


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, which is pickled for worker processes."""

    home: Path
    probe: Probe
    classes: Categories
    rows: Mapping[str, int]

    def __call__(self, item: _Item) -> Sample:
        outline = self.outline(item)
        shapes = [shape for entry in item.entries for shape in entry.shapes]
        found = [replace(one, path=item.document, split=item.split) for entry in item.entries for one in entry.findings]
        return outline.replace_fast(
            instances=self._instances(shapes, _size(outline)),
            label_digest=digest_of(shapes),
            findings=(*outline.findings, *found),
            source_count=sum(entry.listed for entry in item.entries),
        )

    def outline(self, item: _Item) -> Sample:
        """The sample of `item` without its objects."""
        declared = item.entries[0].declared
        header: Header | None = None
        if item.missing:
            shown, where = relative_path(item.path, self.home), item.entries[0].where
            findings: tuple[Finding, ...] = (Finding("image-missing", item.missing, shown, where, split=item.split),)
        else:
            header, findings = probe_image(self.probe, item.path, self.home, item.split, declared)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(item.name),
            path=item.path,
            header=header,
            split=item.split,
            declared=declared,
            findings=findings,
        )

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
