"""TFRecord, as the object detection API of TensorFlow and Roboflow write it; TensorFlow is not needed.

A record is an ``Example`` with the image (``image/encoded``) and lists of its objects: corners as fractions of the
size, ``class/text``, ``class/label``, and perhaps masks (PNG), keypoints, ``is_crowd``, ``difficult`` and others. A
record without an image names one (``image/filename``) that lies beside the file, or in ``images``. Classes stand in the
order of the label map (``label_map.pbtxt``, numbered from 1 on); where the name and the number of an object disagree,
the name counts, so that the numbers of VoTT, which begin with 0, do no harm. TensorFlow ignores the orientation of a
photo; the size that a record states tells which plane its labels are drawn in. A file is the split that its name or its
folder says; parts of a whole (``-00000-of-00010``) and gzipped files are read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, ReadOptions, reads
from bboxprep.formats.reading import probe_image
from bboxprep.formats.tfrecord.classes import RecordClasses, read_classes
from bboxprep.formats.tfrecord.fields import FILE_NAME, HEIGHT, SOURCE_ID, WIDTH
from bboxprep.formats.tfrecord.files import RecordFile, record_files
from bboxprep.formats.tfrecord.objects import BadObjects, Features, read_objects
from bboxprep.geometry.affine import Size
from bboxprep.io import folder_listing, paths
from bboxprep.io.remote import forget, opened
from bboxprep.io.safe_names import safe_relative
from bboxprep.io.tf_messages import BadMessageError, parse_example
from bboxprep.io.tfrecord_files import FEATURES, require_packages, texts_of, whole_numbers
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import name_prefixes, split_of

_MOST_BYTES = 1 << 30  # of the labels of an image, which may have masks
_MOST_SIDE = 1 << 31
_IMAGES = "images"


@reads
def read(root: Path, probe: Probe, options: ReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset in the TFRecord files below the folder `root`. Raises `LayoutError`, `AnnotationError`,
    `StorageError` for a file that is damaged, and `UsageError` where a package is not installed.
    """
    forget()
    require_packages()
    records, strayed = record_files(root)
    prefix = name_prefixes(record.document for record in records)
    records.sort(key=lambda record: (split_of(record.document), prefix[record.document]))
    categories, classes, findings = read_classes(root, records)
    loader = _Loader(root, probe, categories, classes)
    items = [item for record in records for item in _items(record, prefix[record.document])]
    damaged = [finding for item in items if not item.image and (finding := loader.damage(item))]
    lost = {finding.path for finding in damaged}
    refused = (Finding("image-refused", paths.LINK_OUT, paths.relative_path(path, root)) for path in strayed)
    return Dataset(
        root=root,
        format="tfrecord",
        categories=categories,
        samples=LazySamples.each([item for item in items if paths.relative_path(item.label, root) not in lost], loader),
        splits=tuple(dict.fromkeys(split_of(record.document) for record in records)),
        findings=(*refused, *findings, *damaged),
    )


class _Item(msgspec.Struct, frozen=True):
    """The record of `label` in the file `record`; `image` is its image in that file, or ""."""

    record: Path
    split: str
    prefix: str
    label: Path
    image: str


def _items(record: RecordFile, prefix: str) -> Iterator[_Item]:
    shard = opened(record.path)
    names = {entry.name for entry in folder_listing.scan(shard)}
    images = {paths.stem_of(name): name for name in names if paths.suffix_of(name) in paths.IMAGE_SUFFIXES}
    split = split_of(record.document)
    for name in sorted(name for name in names if paths.suffix_of(name) == FEATURES):
        yield _Item(record.path, split, prefix, shard / name, images.get(paths.stem_of(name), ""))


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, so that worker processes can have it."""

    root: Path
    probe: Probe
    categories: Categories
    classes: Mapping[Path, RecordClasses]

    def __call__(self, item: _Item) -> Sample:
        broken: tuple[Finding, ...] = ()
        try:
            features = _features(item)
        except AnnotationError as error:  # its file was changed since it was opened
            features, broken = {}, (self._fault(error.problem, item),)
        path, name = self._image(item, features)
        declared = _declared(features)
        header, seen = probe_image(self.probe, path, self.root, item.split, declared)
        size = header.displayed if header else declared or Size(1, 1)
        instances, findings, count = self._objects(item, features, size)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(item.prefix + name),
            path=path,
            header=header,
            instances=instances,
            split=item.split,
            declared=declared,
            fractional=True,
            findings=(*seen, *broken, *findings),
            source_count=count,
        )

    def damage(self, item: _Item) -> Finding | None:
        """The finding about a record that cannot be read; None where it can."""
        try:
            _features(item)
        except AnnotationError as error:
            return self._fault(error.problem, item)
        return None

    def _objects(self, item: _Item, features: Features, size: Size) -> tuple[Instances, Sequence[Finding], int]:
        points = max((len(category.keypoints) for category in self.categories), default=0)
        try:
            instances, findings, count = read_objects(features, size, self.classes[item.record], points)
        except BadObjects as error:
            return Instances.of(), (self._fault(str(error), item, error.count),), error.count
        label = paths.relative_path(item.label, self.root)
        return instances, [replace(finding, path=label, split=item.split) for finding in findings], count

    def _image(self, item: _Item, features: Features) -> tuple[Path, str]:
        """The path of the image of a record, and the name that the record has for it."""
        stated = next((text for key in (FILE_NAME, SOURCE_ID) for text in texts_of(features.get(key, ()))), "")
        name = safe_relative(stated.replace("\\", "/"))
        if item.image:
            suffix = paths.suffix_of(item.image)
            named = name if paths.suffix_of(name).lower() in paths.IMAGE_SUFFIXES else f"{name}{suffix}"
            return item.label.with_name(item.image), named if name else item.image
        allowed, name = paths.AllowedFolders(self.root), name or f"{paths.stem_of(item.label.name)}.jpg"
        folders = (item.record.parent, item.record.parent / _IMAGES, self.root, self.root / _IMAGES)
        places = [folder / name for folder in folders]
        there = (path for path in places if path.is_file() and allowed.holds(path))
        return next(there, places[0]), name

    def _fault(self, words: str, item: _Item, objects: int = 0) -> Finding:
        label = paths.relative_path(item.label, self.root)
        return Finding("record-unreadable", words, label, split=item.split, objects=objects)


def _features(item: _Item) -> Features:
    """The features of a record but for its image. Raises `AnnotationError`."""
    try:
        return parse_example(paths.read_bytes(item.label, _MOST_BYTES))
    except BadMessageError as error:
        raise AnnotationError(item.label, "", str(error)) from error


def _declared(features: Features) -> Size | None:
    """The size that a record states."""
    sides = [next(iter(whole_numbers(features.get(name, ()))), 0) for name in (WIDTH, HEIGHT)]
    return Size(*sides) if all(0 < side < _MOST_SIDE for side in sides) else None
