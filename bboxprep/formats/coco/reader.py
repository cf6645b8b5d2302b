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
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.formats.coco.categories import read_classes
from bboxprep.formats.coco.decoding import BadJson, as_text_tokens, decode, whole
from bboxprep.formats.coco.document import Document
from bboxprep.formats.coco.index import Index, open_indexed
from bboxprep.formats.coco.layout import choose, show
from bboxprep.formats.coco.plain import read_plain
from bboxprep.formats.coco.records import Entry, RecordReader
from bboxprep.formats.contract import NoOptions, Probe, probe_image
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample


def read(root: Path, probe: Probe, options: NoOptions) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one JSON file. Raises `LayoutError` or `AnnotationError`."""
    sources, findings = choose(root)
    opened = [open_indexed(source, root) for source in sources]
    documents, indexes = [document for document, _ in opened], [index for _, index in opened]
    classes = read_classes(documents, [source.shown for source in sources], [index.used for index in indexes])
    parts = [
        _Part(root, document, index, RecordReader(source.shown, source.split, classes.categories, rows))
        for source, document, index, rows in zip(sources, documents, indexes, classes.rows, strict=True)
    ]
    keys = [(part, image) for part in parts for image in part.sorted_images()]
    loader = _Loader(probe)
    return Dataset(
        root=root,
        format="coco",
        categories=classes.categories,
        samples=LazySamples(keys, loader.sample),
        outlines=LazySamples(keys, loader.outline),
        splits=tuple(source.split for source in sources),
        findings=(*findings, *classes.findings, *(found for part in parts for found in part.findings())),
        extra=_extra(_merged([document.extra for document in documents])),
        crowd=(sum(index.crowd for index in indexes), sum(len(document.annotations) for document in documents)),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """One annotation file with its index: makes the samples of its split."""

    root: Path
    document: Document
    index: Index
    reader: RecordReader

    @cached_property
    def _shown_folder(self) -> str:
        shown = show(self.index.folder, self.root)
        return "" if shown == "." else f"{shown}/"

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
        """The sample of the image record `image`."""
        outline = self.outline(image, probe)
        instances, findings = self._objects(self.index.places(image))
        return outline.having(
            instances=instances,
            findings=(*outline.findings, *findings),
            listed=len(self.index.places(image)),
        )

    def outline(self, image: int, probe: Probe) -> Sample:
        """The same without its objects."""
        record, unread = self._record(image)
        name = self.index.located.names[image]
        width, height = whole(record.get("width")) or 0, whole(record.get("height")) or 0
        declared = Size(width, height) if width > 0 and height > 0 else None
        path = self.index.folder / name
        header, seen = self._header(image, path, probe, declared)
        return _SHELL.having(
            name=PurePosixPath(name),
            path=path,
            header=header,
            split=self.reader.split,
            declared=declared,
            findings=(*unread, *seen),
            id=whole(record.get("id")) or 0,
            extra=_extra({field: value for field, value in record.items() if field not in _IMAGE_FIELDS}),
        )

    def _objects(self, places: NDArray[np.int64]) -> tuple[Instances, list[Finding]]:
        annotations, stands = self.document.annotations, self.index.stands[places]
        joined = annotations.joined(places)
        plain = read_plain(joined, self.reader.rows, stands, self.reader.points)
        if plain is not None and len(plain) == len(places):
            return plain, []
        found = zip(places.tolist(), stands.tolist(), strict=True)
        return self.reader.read([Entry(place, annotations[place], stands) for place, stands in found])

    def _record(self, image: int) -> tuple[Mapping[str, Any], tuple[Finding, ...]]:
        try:
            return decode(as_text_tokens(self.document.images[image]), dict[str, Any]), ()
        except BadJson as error:
            words = f"cannot be read as a whole ({error}); only its name is used"
            return {}, (
                Finding("record-repaired", words, self.reader.path, f"images[{image}]", split=self.reader.split),
            )

    def _header(
        self, image: int, path: Path, probe: Probe, declared: Size | None
    ) -> tuple[Header | None, tuple[Finding, ...]]:
        located, split = self.index.located, self.reader.split
        shown = f"{self._shown_folder}{located.names[image]}"
        if image in located.missing:
            return None, (Finding("image-missing", located.missing[image], shown, f"images[{image}]", split=split),)
        return probe_image(probe, path, shown, split, declared)


@dataclass(frozen=True)
class _Loader:
    """Makes samples of (part, image record)."""

    probe: Probe

    def sample(self, key: tuple[_Part, int]) -> Sample:
        part, image = key
        return part.sample(image, self.probe)

    def outline(self, key: tuple[_Part, int]) -> Sample:
        part, image = key
        return part.outline(image, self.probe)


_SHELL = Sample(PurePosixPath(), Path(), None, Instances.of())
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
