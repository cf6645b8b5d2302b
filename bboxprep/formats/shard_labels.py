"""The labels of an image in a shard, and the ids of the images and objects of a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated

import msgspec

from bboxprep.model.ids import assign_ids

MAX_ID = 2**53  # JSON readers with float64 know no larger number exactly
_Whole = Annotated[int, msgspec.Meta(ge=-MAX_ID, le=MAX_ID)]
_Side = Annotated[int, msgspec.Meta(ge=1, le=2**31)]


class ObjectLists(msgspec.Struct):
    """The columns of the objects of an image, one value an object; `bbox` is x, y, width, height in px."""

    bbox: list[tuple[float, float, float, float]]
    category: list[_Whole]
    area: list[float | None] | None = None
    id: list[_Whole | None] | None = None
    iscrowd: list[int | None] | None = None


class ImageLabels(msgspec.Struct):
    """The labels of an image."""

    file_name: str | None = None
    width: _Side | None = None
    height: _Side | None = None
    objects: ObjectLists | None = None
    image_id: _Whole | None = None


class Member(msgspec.Struct, frozen=True):
    """The file of a staged image, with its id and those of its objects; its labels lie beside it."""

    image: Path
    image_id: int
    ids: Sequence[int]

    def labels(self) -> bytes:
        """Its labels as JSON, with the ids."""
        record = msgspec.json.decode(self.image.with_suffix(".json").read_bytes(), type=ImageLabels)
        objects = record.objects and msgspec.structs.replace(record.objects, id=list(self.ids))
        return msgspec.json.encode(msgspec.structs.replace(record, objects=objects, image_id=self.image_id))


class SplitMembers(msgspec.Struct):
    """The images of one split, their ids, those of all their objects (0: none), and how many objects each has."""

    images: list[str] = []
    image_ids: list[int] = []
    ids: list[int] = []
    counts: list[int] = []

    def add(self, image: str, image_id: int, ids: Sequence[int]) -> None:
        """Add an image, with its id and those of its objects in the source."""
        self.images.append(image)
        self.image_ids.append(image_id)
        self.ids.extend(ids)
        self.counts.append(len(ids))

    def shards(self, stage: Path) -> Iterator[tuple[str, list[Member]]]:
        """Each shard and its images below `stage`, in their order, with ids that are positive and unique."""
        ids = iter(assign_ids(self.ids))
        rows = zip(self.images, assign_ids(self.image_ids), self.counts, strict=True)
        for shard, own in groupby(rows, lambda row: row[0].rpartition("/")[0]):
            yield shard, [Member(stage / image, image_id, tuple(islice(ids, count))) for image, image_id, count in own]
