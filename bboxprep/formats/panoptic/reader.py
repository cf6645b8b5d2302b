"""COCO panoptic: a JSON a split with a record for each image, whose segments are drawn in a PNG of their ids.

Things and stuff are objects alike: a segment is an object with a mask, its class says which it is (``isthing`` among
the fields of the class). ``iscrowd`` is the column. A pixel with the id 0 belongs to no segment. An image without a
record is unlabelled. The modules: `layout` finds the files, `document` parses the JSON, `segments` reads the PNG.

The PNG lies in the plane of the labels, which the stated size tells of a turned photo, as in COCO.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats import listed_images, locate_images, object_records
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.panoptic import layout
from bboxprep.formats.panoptic.document import Content, Entry, SegmentsRecord, read_content, value_of
from bboxprep.formats.panoptic.options import IS_THING, PanopticReadOptions
from bboxprep.formats.panoptic.segments import png_bytes, read_segments
from bboxprep.io import hashing, paths
from bboxprep.io.lenient_json import Key
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN


@reads
def read(root: Path, probe: Probe, options: PanopticReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""
    home = layout.reach(root)
    documents = layout.find_documents(root)
    contents = [read_content(document, options.encoding) for document in documents]
    classes = _classes(contents, things_only=options.things_only)
    groups: list[listed_images.ImageGroup[Entry]] = []
    parts: dict[str, _Part] = {}
    for document, content in zip(documents, contents, strict=True):
        folder = layout.folder_of_images(document, _safe([entry.name for entry in content.entries]), home)
        groups.append(
            listed_images.ImageGroup.locate(document, document.word, content.entries, folder, home, "file_name")
        )
        parts[document.shown] = _Part.of(document, content, classes, home)
    items, notes = listed_images.listed_images(groups)
    loader = _Loader(paths.dataset_folder(root), probe, parts)
    return Dataset(
        root=root,
        format="panoptic",
        categories=classes,
        samples=LazySamples.each(items, loader),
        outlines=LazySamples.each(items, loader.outline),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(
            *notes,
            *(finding for content in contents for finding in content.findings),
            *_merged_notes(documents, contents),
            *listed_images.unlisted_note(groups, paths.dataset_folder(root)),
        ),
        extra=_extra({name: value for content in reversed(contents) for name, value in content.extra.items()}),
    )


def _classes(contents: Sequence[Content], *, things_only: bool) -> Categories:
    """The class table of all documents."""
    listed = [category for content in contents for category in content.classes.values()]
    return object_records.classes_of([one for one in listed if not (things_only and _is_stuff(one.extra))], ())


def _is_stuff(fields: Mapping[str, Any]) -> bool:
    return fields.get(IS_THING) in (0, False)


def _merged_notes(documents: Sequence[LabelDocument], contents: Sequence[Content]) -> Iterator[Finding]:
    """A note about classes of one document that have the same name."""
    for document, content in zip(documents, contents, strict=True):
        names = [category.name for category in content.classes.values()]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            words = f"classes with the same name are one class ({', '.join(repeated[:3])})"
            yield Finding("class-merged", words, document.shown, "categories")


def _safe(names: Sequence[str]) -> list[str]:
    return [name for name in map(locate_images.safe_name, names) if name]


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    """The other data of documents and images, under the name of the format."""
    return {"panoptic": fields} if fields else {}


class _Part(msgspec.Struct, frozen=True):
    """What reads the records of a document: the folder of its PNGs, of which none is read that is not `allowed`, and
    the labels of its classes by their ids; `left_out` are the names of those that are not wanted.
    """

    folder: Path
    home: Path
    allowed: paths.AllowedFolders
    rows: Mapping[Key, int]
    left_out: Mapping[Key, str]

    @classmethod
    def of(cls, document: LabelDocument, content: Content, classes: Categories, home: Path) -> _Part:
        """What reads the records of `document`."""
        pngs = _safe([entry.record.png for entry in content.entries if entry.record])
        known = {name: row for row, name in enumerate(classes.names)}
        named = {identity: category.name for identity, category in content.classes.items()}
        return cls(
            layout.folder_of_segments(document, pngs, home),
            home,
            paths.AllowedFolders(home),
            {identity: known[name] for identity, name in named.items() if name in known},
            {identity: name for identity, name in named.items() if name not in known},
        )

    def png(self, record: SegmentsRecord) -> bytes | str:
        """The bytes of the PNG of a record, or why there are none."""
        name = locate_images.safe_name(record.png)
        path = self.folder / name
        if not name:
            return f"file_name {record.png!r:.80} is no path below the folder of PNGs"
        if not self.allowed.holds(path):
            return f"{name} is {paths.LINK_OUT}"
        try:
            return png_bytes(path)
        except AnnotationError as error:
            return f"{paths.relative_path(path, self.home)}: {error.problem}"


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of listed images; plain data, which is pickled for worker processes."""

    home: Path
    probe: Probe
    parts: Mapping[str, _Part]  # by the paths of their documents

    def __call__(self, item: listed_images.ListedImage[Entry]) -> Sample:
        outline, part = self.outline(item), self.parts[item.document]
        read: list[listed_images.EntryObjects] = []
        digests: list[str] = []
        for entry in item.entries:
            if entry.record is None:
                continue
            data = part.png(entry.record)
            found = read_segments(entry.record, data, part.rows, part.left_out, entry.declared)
            read.append(listed_images.EntryObjects(found.objects, found.findings, entry.record.count))
            digests.append(labels_digest(entry.record.segments, data if isinstance(data, bytes) else b""))
        return item.sample(outline, read, "".join(digests)) if read else outline

    def outline(self, item: listed_images.ListedImage[Entry]) -> Sample:
        """The sample of `item` without its objects."""
        first, sample = item.entries[0], item.outline(self.probe, self.home)
        if labelled := any(entry.record for entry in item.entries):
            return sample.replace_fast(id=first.id, extra=_extra(dict(first.extra)), labelled=labelled)
        words = "no record of annotations names it"
        note = Finding("image-unlabelled", words, paths.relative_path(item.path, self.home), split=item.split)
        return sample.with_findings(note).replace_fast(id=first.id, extra=_extra(dict(first.extra)), labelled=False)


def labels_digest(segments: bytes, png: bytes) -> str:
    """The SHA-256 of the labels of an image: the JSON of its segments, however it is spelled, and its PNG."""
    return hashing.bytes_sha256(msgspec.json.encode(value_of(segments)) + png)
