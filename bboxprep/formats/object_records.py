"""Objects as a document states them, one by one, and the dataset that is made of the images of all documents.

A format parses its documents into an `ImageRecord` for each image, in groups (`formats.listed_images`). The objects are
packed until their sample is read, so that the documents of a large dataset fit into memory.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import nan
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats.api import Probe
from bboxprep.formats.label_documents import DocumentKind, LabelDocument
from bboxprep.formats.listed_images import ImageGroup, ListedImage, listed_images, unlisted_note
from bboxprep.geometry.affine import Points, Size
from bboxprep.io.hashing import bytes_sha256
from bboxprep.io.paths import dataset_folder, relative_path, resolved
from bboxprep.model.categories import Categories, Category
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from bboxprep.model.segmentation import ObjectPictures
from bboxprep.model.splits import TRAIN

Box = tuple[float, float, float, float]  # x0 y0 x1 y1, px
Keypoint = tuple[float, float, int]  # x and y in px, and visibility as in COCO


class ObjectRecord(msgspec.Struct, frozen=True):
    """One object: the name of its class, its box, and what else is stated of it. `keypoints` are in the order of its
    class; `oriented` are the corners (4, 2) px of an oriented box. `picture` is the file of its mask, a path below the
    data set.
    """

    label: str
    box: Box
    rings: Rings = ()
    mask: Rle | None = None
    keypoints: tuple[Keypoint, ...] = ()
    crowd: bool = False
    score: float = nan
    attributes: Mapping[str, Any] = {}
    track: int = NO_TRACK
    oriented: Points | None = None
    picture: str = ""


class ImageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a document states of one image: the `name` of its file, its size, and `where` it stands. `packed` are its
    objects; `listed` counts them, with those of its `findings`, which lack path and split. `document` is a file of its
    own, a path below the data set, "" where one document lists many images. `unlabelled` says why nothing is known of
    its objects, "" where they are known. `digest` is that of its labels, where the format makes one.
    """

    name: str
    declared: Size | None = None
    where: str = ""
    packed: bytes = b""
    listed: int = 0
    findings: tuple[Finding, ...] = ()
    document: str = ""
    unlabelled: str = ""
    digest: str = ""
    id: int = 0
    extra: Mapping[str, Any] = {}

    @classmethod
    def of(cls, name: str, objects: Iterable[ObjectRecord], findings: Iterable[Finding], **others: Any) -> ImageRecord:
        """The record of an image with these `objects`."""
        packed, found = [msgspec.structs.astuple(one) for one in objects], tuple(findings)
        listed = len(packed) + sum(one.objects for one in found)
        return cls(name=name, packed=pickle.dumps(packed), listed=listed, findings=found, **others)

    def objects(self) -> list[ObjectRecord]:
        """Its objects."""
        return [ObjectRecord(*values) for values in pickle.loads(self.packed)] if self.packed else []


def json_digest(value: object) -> str:
    """The SHA-256 of the JSON `value`, however its file spells it."""
    return bytes_sha256(msgspec.json.encode(value))


def check_class_names(dataset: Dataset) -> None:
    """Raise `AnnotationError` where a class of `dataset` has no name."""
    for name in dataset.categories.names:
        if not name.strip():
            raise AnnotationError(dataset.root, "", f"class name: have {name!r}, want text")


def check_names_are_lines(dataset: Dataset) -> None:
    """Raise `AnnotationError` where the name of a class of `dataset` is no line of a list of names."""
    for name in dataset.categories.names:
        if not name or name != name.strip() or len(name.splitlines()) > 1:
            problem = f"class name: have {name!r}, want one line of text without blanks around it"
            raise AnnotationError(dataset.root, "", problem)


def classes_of(listed: Iterable[Category], used: Iterable[str]) -> Categories:
    """The class table: the `listed` classes, each name once, then the others that are `used`, as first seen."""
    known: dict[str, Category] = {}
    for category in (*listed, *map(Category, used)):
        known.setdefault(category.name, category)
    return Categories(tuple(known.values()))


class DocumentContent(NamedTuple):
    """What a document states: its images, its classes in their order, and `findings` that are about none of the images.
    Classes that only objects name come after these.
    """

    records: Sequence[ImageRecord]
    classes: Iterable[str] = ()
    findings: Iterable[Finding] = ()


def documents_dataset(
    root: Path,
    format: str,
    documents: DocumentKind,
    wanted: str,
    content: Callable[[LabelDocument], DocumentContent],
    field: str,
    probe: Probe,
    fractional: bool = False,
) -> Dataset:
    """The dataset at `root` of all its `documents`, which have their images beside them and name them in `field`.

    `content` gives what one of them states. `fractional`: see `Sample`. Raises `LayoutError` where there is none: want
    `wanted`.
    """
    home = resolved(dataset_folder(root))
    groups: list[ImageGroup[ImageRecord]] = []
    classes: list[Category] = []
    findings: list[Finding] = []
    for document in documents.find(root, wanted):
        found = content(document)
        groups.append(ImageGroup.beside(document, found.records, home, field))
        classes += map(Category, found.classes)
        findings += found.findings
    used = (one.label for group in groups for record in group.entries for one in record.objects())
    return record_dataset(root, format, classes_of(classes, used), groups, probe, findings, fractional)


def record_dataset(
    root: Path,
    format: str,
    classes: Categories,
    groups: Sequence[ImageGroup[ImageRecord]],
    probe: Probe,
    findings: Iterable[Finding] = (),
    fractional: bool = False,
) -> Dataset:
    """The dataset at `root` of the images of `groups`, whose objects are all of `classes`; `findings` are those of its
    format. `fractional`: see `Sample`.
    """
    home = dataset_folder(root)
    items, notes = listed_images(groups)
    loader = _Loader(home, probe, classes, {name: row for row, name in enumerate(classes.names)}, fractional)
    return Dataset(
        root=root,
        format=format,
        categories=classes,
        samples=LazySamples.each(items, loader),
        outlines=LazySamples.each(items, loader.outline),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*notes, *findings, *unlisted_note(groups, home)),
    )


_NO_CORNERS = np.full((4, 2), np.nan)


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of listed images; plain data, which is pickled for worker processes."""

    home: Path
    probe: Probe
    classes: Categories
    rows: Mapping[str, int]
    fractional: bool

    def __call__(self, item: ListedImage[ImageRecord]) -> Sample:
        outline = self.outline(item)
        scale = outline.header.displayed if outline.header and self.fractional else (1, 1)
        found = [
            replace(one, path=entry.document or item.document, split=item.split)
            for entry in item.entries
            for one in entry.findings
        ]
        objects = [one for entry in item.entries for one in entry.objects()]
        pictures = tuple(self.home / one.picture if one.picture else None for one in objects)
        return outline.replace_fast(
            instances=self._instances(objects, scale),
            segmentation=ObjectPictures(pictures) if any(pictures) else None,
            label_digest="".join(entry.digest for entry in item.entries),
            findings=(*outline.findings, *found),
            source_count=sum(entry.listed for entry in item.entries),
        )

    def outline(self, item: ListedImage[ImageRecord]) -> Sample:
        """The sample of `item` without its objects."""
        first, sample = item.entries[0], item.outline(self.probe, self.home)
        unlabelled = first.unlabelled if len(item.entries) == 1 else ""
        if unlabelled and not item.missing:
            shown = relative_path(item.path, self.home)
            sample = sample.with_findings(Finding("image-unlabelled", unlabelled, shown, split=item.split))
        return sample.replace_fast(
            name=PurePosixPath(escape_surrogates(item.name)),
            fractional=self.fractional,
            labelled=not unlabelled,
            id=first.id,
            extra=first.extra,
        )

    def _scaled(self, rings: Rings, scale: Sequence[int]) -> Rings:
        return tuple(ring * scale for ring in rings) if self.fractional else rings

    def _instances(self, records: Sequence[ObjectRecord], scale: Sequence[int]) -> Instances:
        """The columns of `records`, whose boxes and outlines are in units of `scale` px."""
        points = max([0, *(len(one.keypoints) for one in (*self.classes, *records))])
        keypoints = np.zeros((len(records), points, 3))
        for row, record in enumerate(records):
            if record.keypoints:
                keypoints[row, : len(record.keypoints)] = record.keypoints
        return Instances.of(
            np.array([record.box for record in records]).reshape(-1, 4) * (*scale, *scale),
            [self.rows[record.label] for record in records],
            crowd=[record.crowd for record in records],
            polygons=[self._scaled(record.rings, scale) for record in records],
            masks=[record.mask for record in records],
            keypoints=keypoints[:, :, :2],
            visibility=keypoints[:, :, 2],
            scores=[record.score for record in records],
            attributes=[record.attributes for record in records],
            tracks=[record.track for record in records],
            oriented=[_NO_CORNERS if record.oriented is None else record.oriented for record in records],
        )
