"""COCO: one JSON document a split, ``annotations/instances_<split>.json``, over images in ``<split>/``.

**Convention.** ``bbox`` is x, y, width, height in px, in the plane of `bboxprep.geometry.affine`: x1 is x + width in
float64. Polygons and run-length masks lie in that plane as they are. Keypoints are pixel indices: the reader adds half
a pixel, the writer takes it off.

**Findings.** A record is decoded when its image is asked for: its fault is a finding of the sample. What concerns
several records (`image_index`) is known when the file is opened, and is a finding of the dataset. The records that name
an image are its instances and the objects of its findings. Those that name no listed image are objects of the findings
of the dataset.

**Other fields.** A field that COCO does not define is kept in the attribute ``coco_fields`` and written back where it
was. The fields below a record's ``attributes`` are attributes. ``track_id`` (TAO, BDD100K) is the track of the object.

The records of many images are read at once, into the columns of a batch. One that is not as COCO defines it makes its
image be read by itself: halves of the batch are read until it is alone.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats import reading
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.coco.categories import read_classes
from bboxprep.formats.coco.document import Document
from bboxprep.formats.coco.image_index import Index, open_indexed
from bboxprep.formats.coco.layout import IMAGES_ONLY, CocoSource, choose, is_called_coco, two_of_one_split
from bboxprep.formats.coco.options import BoxStyle, CocoReadOptions, as_pixels
from bboxprep.formats.coco.plain_records import read_plain
from bboxprep.formats.coco.records import AnnotationEntry, RecordReader
from bboxprep.formats.image_lookup import spelling_note
from bboxprep.formats.locate_images import unlisted_images
from bboxprep.io.lenient_json import BadJson, as_text_tokens, decode_with_nan
from bboxprep.io.paths import dataset_folder, relative_path
from bboxprep.model.batch import Batch, starts_of
from bboxprep.model.dataset import Dataset
from bboxprep.model.lazy_samples import LazySamples, items_at
from bboxprep.model.sample import Sample


@reads
def read(root: Path, probe: Probe, options: CocoReadOptions, spread: MapEngine = map) -> Dataset:
    """The dataset at `root`, a folder or one JSON file. Raises `LayoutError` or `AnnotationError`."""
    sources, findings = choose(root)
    opened = [open_indexed(source, root, options.encoding, spread) for source in sources]
    documents, indexes = [document for document, _ in opened], [index for _, index in opened]
    home = dataset_folder(root)
    _refuse_shared_images(root, sources, indexes)
    classes = read_classes(documents, [source.shown for source in sources], [index.used for index in indexes])
    parts = [
        _SplitFile(
            home,
            document,
            index,
            RecordReader(source.shown, source.split, classes.categories, rows),
            source.prefix,
            options.boxes,
        )
        for source, document, index, rows in zip(sources, documents, indexes, classes.rows, strict=True)
    ]
    loader = _Loader(parts, probe)
    return Dataset(
        root=root,
        format="coco",
        categories=classes.categories,
        samples=LazySamples(loader.rows, loader.samples),
        outlines=LazySamples(loader.rows, loader.outlines),
        splits=tuple(dict.fromkeys(source.split for source in sources)),
        findings=(
            *findings,
            *classes.findings,
            *(found for part in parts for found in part.findings()),
            *_without_annotations(sources, documents),
            *_respelled(sources, indexes),
            *_unlisted(root, home, indexes),
        ),
        extra=_extra(_merged([document.extra for document in documents])),
        crowd=(sum(index.crowd for index in indexes), sum(len(document.annotations) for document in documents)),
    )


def _respelled(sources: Iterable[CocoSource], indexes: Iterable[Index]) -> Iterator[Finding]:
    """A finding about images whose files have other names than their records."""
    found = [
        (respelled, source, row)
        for source, index in zip(sources, indexes, strict=True)
        for row, respelled in index.located.respelled.items()
    ]
    if found:
        _, source, row = found[0]
        yield spelling_note([one for one, _, _ in found], source.shown, f"images[{row}]", source.split)


def _without_annotations(sources: Iterable[CocoSource], documents: Iterable[Document]) -> Iterator[Finding]:
    """A finding for each document without a list of annotations, though its kind has some: a fault where its name says
    that it lists objects.
    """
    for source, document in zip(sources, documents, strict=True):
        if not document.labelled and source.kind != IMAGES_ONLY:
            code = "record-unreadable" if is_called_coco(source) else "image-unlabelled"
            taken = f"all its images ({len(document.images):,}) are taken as images without objects"
            words = f"the document has no list of annotations; {taken}"
            yield Finding(code, words, source.shown, "annotations", split=source.split)


def _unlisted(root: Path, home: Path, indexes: Iterable[Index]) -> Iterator[Finding]:
    """Findings about the images that no document lists, those of other splits only where `root` is no single file."""
    beside, unnamed = unlisted_images(((index.folder, index.located) for index in indexes), home)
    if beside:
        words = f"images lie beside listed ones, and no document lists them ({len(beside):,}); left aside"
        yield Finding("image-aside", words, relative_path(beside[0], home))
    if unnamed and not root.is_file():
        words = f"images lie in the folder of a split that no document is about ({len(unnamed):,}); left aside"
        yield Finding("image-aside", words, relative_path(unnamed[0], home))


def _refuse_shared_images(root: Path, sources: Sequence[CocoSource], indexes: Sequence[Index]) -> None:
    """Raise `LayoutError` where two of the `sources` are about one split and list the same image."""
    owners: dict[tuple[str, Path], CocoSource] = {}
    for source, index in zip(sources, indexes, strict=True):
        for image in index.images if source.prefix else ():
            path = index.folder / index.located.names[image]
            owner = owners.setdefault((source.split, path), source)
            if owner is not source:
                shown = relative_path(path, dataset_folder(root))
                raise two_of_one_split(root, [owner, source], f", and both list {shown}")


@dataclass(frozen=True, eq=False)
class _SplitFile:
    """One annotation file with its index: makes the samples of its split, their names with `prefix`."""

    home: Path
    document: Document
    index: Index
    reader: RecordReader
    prefix: str = ""
    boxes: BoxStyle = "xywh"

    @cached_property
    def images(self) -> array[int]:
        """The image records, sorted by name."""
        names = self.index.located.names
        return array("q", sorted(self.index.images, key=lambda image: names[image].encode("utf-8")))

    def findings(self) -> Iterable[Finding]:
        path, split = self.reader.path, self.reader.split
        yield from self.index.findings
        for identity, (count, place) in self.index.orphans.items():
            words = f"objects of images that are not listed ({count}), the first of them here; dropped"
            where, category = f"annotations[{place}].image_id", self.reader.class_name(identity)
            yield Finding("annotation-orphan", words, path, where, count, category, split)

    def samples(self, places: Sequence[int], probe: Probe) -> Batch:
        """The samples at `places` among `images`: read together where all of their records are plain, else each half
        by itself.
        """
        images = items_at(self.images, places)
        found = self._plain(images, probe)
        if found is None and len(images) > 1:
            half = len(images) // 2
            return Batch.concat([self.samples(places[:half], probe), self.samples(places[half:], probe)])
        return Batch.of([self._any(images[0], probe)]) if found is None else found

    def outlines(self, images: Sequence[int], probe: Probe, *, stated: bool = True) -> Batch:
        """The samples of the image records `images`, without their objects and the fields of their records; unless it
        is `stated`, their size and id is not taken from these.
        """
        located, split, count = self.index.located, self.reader.split, len(images)
        names = [located.names[image] for image in images]
        files = reading.files_in([self.index.folder] * count, names)
        sizes = [self.index.sizes[image] if stated else None for image in images]
        missing = {
            row: self._missing(image, files[row]) for row, image in enumerate(images) if image in located.missing
        }
        return reading.outlines(
            probe,
            self.home,
            files,
            missing,
            name=reading.as_names([self.prefix + name for name in names] if self.prefix else names),
            split=[split] * count,
            declared=sizes,
            id=[self.index.ids[image] if stated else 0 for image in images],
        )

    def _missing(self, image: int, path: Path) -> Finding:
        words, shown = self.index.located.missing[image], relative_path(path, self.home)
        return Finding("image-missing", words, shown, f"images[{image}]", split=self.reader.split)

    def _plain(self, images: Sequence[int], probe: Probe) -> Batch | None:
        """The samples of `images`; None where a record is not plain, so that each has to be looked at."""
        records = [self.index.places(image) for image in images]
        together, counts = np.concatenate([_NONE, *records]), list(map(len, records))
        joined, stands = self.document.annotations.joined(together), self.index.stands[together]
        objects = None if self.boxes != "xywh" else read_plain(joined, self.reader.rows, stands, self.reader.points)
        if objects is None:
            return None
        try:
            extra = list(map(_other_fields, self._fields(images)))
        except BadJson:
            return None
        outlines = self.outlines(images, probe).with_columns(extra=extra, source_count=counts)
        return outlines.with_objects(objects, starts_of(counts))

    def _any(self, image: int, probe: Probe) -> Sample:
        """The sample of one image, whose records may be of any kind."""
        records = self.index.places(image)
        found = zip(records.tolist(), self.index.stands[records].tolist(), strict=True)
        instances, findings = self.reader.read(
            [AnnotationEntry(at, self.document.annotations[at], stands) for at, stands in found]
        )
        try:
            fields, unread, stated = self._fields([image])[0], list[Finding](), True
        except BadJson as error:
            words = f"cannot be read as a whole ({error}); only its name is used"
            note = Finding("record-repaired", words, self.reader.path, f"images[{image}]", split=self.reader.split)
            fields, unread, stated = {}, [note], False
        (outline,) = self.outlines([image], probe, stated=stated)
        if self.boxes != "xywh" and (size := outline.declared or (outline.header and outline.header.displayed)):
            instances = as_pixels(instances, self.boxes, size)
        return outline.replace_fast(
            instances=instances,
            findings=(*unread, *outline.findings, *findings),
            source_count=len(records),
            extra=_other_fields(fields),
        )

    def _fields(self, images: Sequence[int]) -> list[dict[str, Any]]:
        """The fields of the records `images`. Raises `BadJson`."""
        joined = self.document.images.joined(np.array(images, dtype=np.int64))
        return decode_with_nan(b"[%b]" % joined, list[dict[str, Any]], as_text_tokens)


@dataclass(frozen=True)
class _Loader:
    """Makes the samples of all `parts`, one part after the other."""

    parts: Sequence[_SplitFile]
    probe: Probe

    def samples(self, rows: Sequence[int]) -> Batch:
        return Batch.concat([part.samples(places, self.probe) for part, places in self._at(rows)])

    def outlines(self, rows: Sequence[int]) -> Batch:
        return Batch.concat(
            [part.outlines(items_at(part.images, places), self.probe) for part, places in self._at(rows)]
        )

    @cached_property
    def rows(self) -> range:
        return range(self._ends[-1] if self._ends else 0)

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(len(part.images) for part in self.parts))

    def _at(self, rows: Sequence[int]) -> Iterator[tuple[_SplitFile, list[int]]]:
        """The parts that have the samples at `rows`, one after the other, and the places of these there."""
        for number, own in groupby(rows, key=partial(bisect_right, self._ends)):
            first = self._ends[number - 1] if number else 0
            yield self.parts[number], [row - first for row in own]


_IMAGE_FIELDS = frozenset({"id", "file_name", "width", "height"})
_NONE = np.zeros(0, dtype=np.int64)


def _other_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Those of the `fields` of an image record that have no field of their own in a sample; the others are removed."""
    for name in _IMAGE_FIELDS:
        fields.pop(name, None)
    return _extra(fields)


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    """The other COCO data, under the name of the format."""
    return {"coco": fields} if fields else {}


def _merged(extras: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The other members of the documents: those of the first one, and the licences of all."""
    merged = {name: value for extra in reversed(extras) for name, value in extra.items()}
    licenses: list[Any] = []
    for extra in extras:
        listed = extra.get("licenses")
        licenses += [held for held in (listed if isinstance(listed, list) else ()) if held not in licenses]
    return merged | ({"licenses": licenses} if licenses else {})
