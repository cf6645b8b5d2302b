"""COCO: one JSON document a split, ``annotations/instances_<split>.json``, over images in ``<split>/``.

**The convention.** ``bbox`` is x, y, width, height in the plane of `bboxprep.geometry.affine`, so x1 is x + width in
float64. Polygons and run-length masks lie in the same plane as they are. Keypoints are indices of pixels: half a
pixel is added on the way in and taken off on the way out.

**Why findings come late.** A record is decoded when its image is asked for, so a fault of one record is a finding of
its sample. What concerns several records (`index`) is known when the file is opened, and a finding of the
dataset. For every image the records that name it are its instances and the objects of its findings; the
records that name no listed image are the objects of the dataset's findings.

A field that COCO does not define rides in the attribute ``coco_fields`` and is written back where it was; what stands
under a record's ``attributes`` are attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bboxprep.findings import Finding
from bboxprep.formats.coco.categories import read_classes
from bboxprep.formats.coco.decoding import BadJson, Document, decode, load, whole
from bboxprep.formats.coco.index import Index, make_index
from bboxprep.formats.coco.layout import choose, show
from bboxprep.formats.coco.records import RecordReader
from bboxprep.formats.contract import NoOptions, Probe, probe_image
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.header import Header
from bboxprep.model.sample import Sample


def read(root: Path, probe: Probe, options: NoOptions) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one JSON file. Raises `LayoutError` or `AnnotationError`."""
    sources, findings = choose(root)
    documents = [load(source.path) for source in sources]
    indexes = [make_index(document, source, root) for document, source in zip(documents, sources, strict=True)]
    classes = read_classes(documents, [source.shown for source in sources], [index.used for index in indexes])
    parts = [
        _Part(root, document, index, RecordReader(source.shown, source.split, classes.categories, rows))
        for source, document, index, rows in zip(sources, documents, indexes, classes.rows, strict=True)
    ]
    keys = [(part, image) for part in parts for image in part.sorted_images()]
    return Dataset(
        root=root,
        format="coco",
        categories=classes.categories,
        samples=LazySamples(keys, lambda key: key[0].sample(key[1], probe)),
        splits=tuple(source.split for source in sources),
        findings=(*findings, *classes.findings, *(found for part in parts for found in part.findings())),
        extra=_extra(_merged([document.extra for document in documents])),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """One annotation file with its index: makes the samples of its split."""

    root: Path
    document: Document
    index: Index
    reader: RecordReader

    def sorted_images(self) -> list[int]:
        names = self.index.located.names
        return sorted(self.index.images, key=lambda image: names[image].encode("utf-8"))

    def findings(self) -> Iterable[Finding]:
        path, split = self.reader.path, self.reader.split
        yield from self.index.findings
        for identity, (count, place) in self.index.orphans.items():
            words = f"objects of images that are not listed ({count}), the first of them here; dropped"
            where, category = f"annotations[{place}].image_id", self.reader.class_name(identity)
            yield Finding("annotation-orphan", words, path, where, count, category, split)

    def sample(self, image: int, probe: Probe) -> Sample:
        entries = self.index.entries(self.document, image)
        instances, findings = self.reader.read(entries)
        record, unread = self._record(image)
        name = self.index.located.names[image]
        header, seen = self._header(image, probe)
        width, height = whole(record.get("width")) or 0, whole(record.get("height")) or 0
        return Sample(
            name=PurePosixPath(name),
            path=self.index.folder / name,
            header=header,
            instances=instances,
            split=self.reader.split,
            declared=Size(width, height) if width > 0 and height > 0 else None,
            findings=(*unread, *seen, *findings),
            listed=len(entries),
            id=whole(record.get("id")) or 0,
            extra=_extra({field: value for field, value in record.items() if field not in _IMAGE_FIELDS}),
        )

    def _record(self, image: int) -> tuple[Mapping[str, Any], tuple[Finding, ...]]:
        try:
            return decode(self.document.images[image], dict[str, Any]), ()
        except BadJson as error:
            words = f"cannot be read as a whole ({error}); only its name is used"
            return {}, (
                Finding("record-repaired", words, self.reader.path, f"images[{image}]", split=self.reader.split),
            )

    def _header(self, image: int, probe: Probe) -> tuple[Header | None, tuple[Finding, ...]]:
        located, split = self.index.located, self.reader.split
        path = self.index.folder / located.names[image]
        shown = show(path, self.root)
        if image in located.missing:
            return None, (Finding("image-missing", located.missing[image], shown, f"images[{image}]", split=split),)
        return probe_image(probe, path, shown, split)


_IMAGE_FIELDS = frozenset({"id", "file_name", "width", "height"})


def _extra(said: dict[str, Any]) -> dict[str, Any]:
    """What COCO says besides, under its own name."""
    return {"coco": said} if said else {}


def _merged(extras: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the files say beside their lists: the first one's word, and the licences of all."""
    merged = {name: value for extra in reversed(extras) for name, value in extra.items()}
    licenses: list[Any] = []
    for extra in extras:
        listed = extra.get("licenses")
        licenses += [held for held in (listed if isinstance(listed, list) else ()) if held not in licenses]
    return merged | ({"licenses": licenses} if licenses else {})
