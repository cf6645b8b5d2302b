"""Images that JSON documents list with their objects: entries, their objects as they are read, and their samples.

A document is parsed once, when it is opened. Of each image its JSON is kept, which is read again with its sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from bboxprep.findings import Finding
from bboxprep.formats.api import Probe
from bboxprep.formats.listed_images import EntryObjects, ListedImage
from bboxprep.geometry.affine import Points, Size
from bboxprep.io.hashing import bytes_sha256
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample


class JsonEntry(msgspec.Struct, frozen=True):
    """What a document states of one image: its name, the word for its split, its size if it does, `where` it stands,
    its id, and its `objects` as JSON.
    """

    name: str
    word: str
    declared: Size | None
    where: str
    objects: bytes
    id: int = 0


class JsonObject(NamedTuple):
    """One object: the row of its class, its box x0 y0 x1 y1 px, its rings, attributes, area, id and track."""

    label: int
    box: Sequence[float]
    rings: Sequence[Points] = ()
    attributes: Mapping[str, Any] = {}
    area: float = nan
    id: int = 0
    track: int = NO_TRACK


Objects = tuple[Sequence[JsonObject], Sequence[Finding]]
"""The objects that were read, and findings about them that lack path and split; each object counts in one of both."""


class ReadObjects(Protocol):
    """Reads the objects of an image; plain data, which is pickled for worker processes."""

    def __call__(self, entry: JsonEntry, size: Size | None, /) -> Objects:
        """The objects of `entry`, whose image has this `size`, None where it is not known."""


class JsonLoader(msgspec.Struct, frozen=True):
    """Makes samples of images with the objects of `read`; plain data, which is pickled for worker processes."""

    home: Path
    probe: Probe
    read: ReadObjects

    def samples(self, items: Sequence[ListedImage[JsonEntry]]) -> tuple[LazySamples[Any], LazySamples[Any]]:
        """The samples of `items`, and their outlines."""
        return LazySamples.each(items, self), LazySamples.each(items, self.outline)

    def __call__(self, item: ListedImage[JsonEntry]) -> Sample:
        """The sample of `item`."""
        outline = self.outline(item)
        size = outline.header.displayed if outline.header else outline.declared
        read = [_as_columns(*self.read(entry, size)) for entry in item.entries]
        return item.sample(outline, read, digest_of(entry.objects for entry in item.entries))

    def outline(self, item: ListedImage[JsonEntry]) -> Sample:
        """The sample of `item` without its objects."""
        return item.outline(self.probe, self.home).replace_fast(id=item.entries[0].id)


def digest_of(objects: Iterable[bytes]) -> str:
    """The SHA-256 of the JSON of the objects of an image, the same where it is written and where it is read."""
    return bytes_sha256(b"\n".join(objects))


def _as_columns(objects: Sequence[JsonObject], findings: Sequence[Finding]) -> EntryObjects:
    columns = Instances.of(
        [one.box for one in objects],
        [one.label for one in objects],
        polygons=[one.rings for one in objects],
        attributes=[one.attributes for one in objects],
        areas=[one.area for one in objects],
        ids=[one.id for one in objects],
        tracks=[one.track for one in objects],
    )
    return EntryObjects(columns, findings, len(objects) + sum(finding.objects for finding in findings))
