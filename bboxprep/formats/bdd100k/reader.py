"""BDD100K and Scalabel: a document lists frames, which name their images.

Classes stand in the order of ``config.categories``, then as they are first seen. A frame without labels has no objects.
The size of an image is that of its frame, else that of ``config``. What a frame states of its image besides (weather,
scene, time of day) is kept and written back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, reads
from bboxprep.formats.bdd100k.labels import Joints, read_labels
from bboxprep.formats.bdd100k.layout import DOCUMENTS, folders_of_images
from bboxprep.formats.bdd100k.options import LAYOUT, BddReadOptions
from bboxprep.formats.label_documents import LabelDocument
from bboxprep.formats.listed_images import ImageGroup, fullest_folder
from bboxprep.formats.object_records import ImageRecord, classes_of, json_digest, record_dataset
from bboxprep.formats.record_values import read_document, stated_size
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, decode
from bboxprep.io.paths import dataset_folder, resolved
from bboxprep.model.categories import Category
from bboxprep.model.dataset import Dataset

KEPT = ("url", "videoName", "frameIndex", "attributes", "timestamp", "intrinsics", "extrinsics")
"""The keys of a frame that are kept with its image."""


@reads
def read(root: Path, probe: Probe, options: BddReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset at `root`, a folder or one document. Raises `LayoutError` or `AnnotationError`."""
    home = resolved(dataset_folder(root))
    reading = _Reading(options)
    groups = [reading.group(document, home) for document in DOCUMENTS.find(root, LAYOUT)]
    listed = [Category(name, keypoints=reading.keypoints(name)) for name in reading.listed]
    used = [Category(name, keypoints=reading.keypoints(name)) for name in reading.used]
    return record_dataset(root, "bdd100k", classes_of([*listed, *used], ()), groups, probe, reading.findings)


class _Reading:
    """Gathers the frames of documents, and the classes that they list and use."""

    def __init__(self, options: BddReadOptions) -> None:
        self.options = options
        self.listed: dict[str, None] = {}
        self.used: dict[str, None] = {}
        self.joints: Joints = {}
        self.findings: list[Finding] = []

    def keypoints(self, name: str) -> tuple[str, ...]:
        return tuple(self.joints.get(name, ()))

    def group(self, document: LabelDocument, home: Path) -> ImageGroup[ImageRecord]:
        """The images of `document`. Raises `AnnotationError`."""
        data = read_document(document.path, self.options.encoding)
        try:
            frames, config = (decode(data, list[msgspec.Raw]), {}) if data[:1] == b"[" else _parts(data)
        except BadJson as error:
            raise AnnotationError(document.path, "", f"want a list of frames ({error})") from error
        self.listed |= dict.fromkeys(_names(config.get("categories")))
        size = _size(config.get("imageSize"))
        records = _told_apart(
            [one for place, raw in enumerate(frames) for one in self._frame(document, raw, place, size)]
        )
        folder = fullest_folder(folders_of_images(document), [record.name for record in records], home)
        return ImageGroup.locate(document, document.word, records, folder, home, "name")

    def _frame(self, document: LabelDocument, raw: msgspec.Raw, place: int, size: Size | None) -> Iterator[ImageRecord]:
        where = f"frames[{place}]"
        try:
            frame = decode(raw, dict[str, Any])
        except BadJson as error:
            self.findings.append(Finding("record-unreadable", str(error), document.shown, where))
            return
        name, labels = frame.get("name"), frame.get("labels")
        records = labels if isinstance(labels, list) else []
        objects, findings = read_labels(
            records, where, self.joints, lanes=self.options.lanes, is_video=bool(frame.get("videoName"))
        )
        self.used |= dict.fromkeys(one.label for one in objects)
        kept = {key: frame[key] for key in KEPT if frame.get(key)}
        yield ImageRecord.of(
            name if isinstance(name, str) else "",
            objects,
            findings,
            where=where,
            declared=_size(frame.get("size")) or size,
            digest=json_digest(records),
            extra={"bdd100k": kept} if kept else {},
        )


def _told_apart(records: list[ImageRecord]) -> list[ImageRecord]:
    """`records` with the name of their video before names that frames of several videos have."""
    videos = [record.extra.get("bdd100k", {}).get("videoName", "") for record in records]
    of_name: dict[str, set[object]] = {}
    for record, video in zip(records, videos, strict=True):
        of_name.setdefault(record.name, set()).add(str(video))
    return [
        msgspec.structs.replace(record, name=f"{video}/{record.name}") if len(of_name[record.name]) > 1 else record
        for record, video in zip(records, videos, strict=True)
    ]


def _parts(data: bytes) -> tuple[list[msgspec.Raw], Mapping[str, Any]]:
    """The frames of a document, and its configuration. Raises `BadJson`."""
    parts = decode(data, dict[str, msgspec.Raw])
    config = decode(parts.get("config", msgspec.Raw(b"null")), object)
    frames = decode(parts.get("frames", msgspec.Raw(b"null")), list[msgspec.Raw])
    return frames, config if isinstance(config, dict) else {}


def _names(categories: Any) -> Iterator[str]:
    """The names of `categories` and of those within them that have none in them."""
    stack = [categories]
    while stack:
        level = stack.pop()
        for one in level if isinstance(level, list) else ():
            inner, name = (one.get("subcategories"), one.get("name")) if isinstance(one, dict) else (None, None)
            if inner:
                stack.append(inner)
            elif isinstance(name, str) and name.strip():
                yield name


def _size(value: Any) -> Size | None:
    return stated_size(value.get("width"), value.get("height")) if isinstance(value, dict) else None
