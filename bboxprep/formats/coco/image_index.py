"""The index of a COCO file: the annotation records of each image, as arrays.

It is made once, when the file is opened, and handles faults across records: images that share a file, annotations of
images that are not listed, duplicate ids. A record itself is decoded when its image is read.

Four fields of each annotation record are read for it: id, image_id, category_id and iscrowd.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine
from bboxprep.formats.coco.document import Document, load
from bboxprep.formats.coco.layout import CocoSource, image_folder, reach
from bboxprep.formats.coco.record_ranges import refuse_other_text
from bboxprep.formats.locate_images import Located, locate, safe_name
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import BadJson, Key, as_long_tokens, decode_with_nan, key, number, whole
from bboxprep.model.ids import valid_ids

T = TypeVar("T")


Keys = NDArray[np.int64] | list[Key | None]  # as an array if all are whole numbers


class ImageHead(msgspec.Struct):
    """The fields of an image record that name its file."""

    id: Any = None
    file_name: Any = None
    coco_url: Any = None
    width: Any = None
    height: Any = None

    @property
    def size(self) -> Size | None:
        """The size that it states; None where that is none of an image."""
        width, height = whole(self.width) or 0, whole(self.height) or 0
        return Size(width, height) if width > 0 and height > 0 else None

    @property
    def name(self) -> str:
        """The name of the file, from ``file_name`` or from ``coco_url`` (LVIS); "" if there is neither."""
        if isinstance(self.file_name, str):
            return self.file_name
        return self.coco_url.split("?")[0].rsplit("/", 1)[-1] if isinstance(self.coco_url, str) else ""


class Index(msgspec.Struct, frozen=True, eq=False):
    """The images of one file, and the annotation records of each.

    `images` are the records that stand for a sample. `ids` are those of all records, 0 where there is none, and `sizes`
    what they state, None where that is no size of an image. The annotations of record i are
    ``order[starts[i]:starts[i + 1]]``; `stands` says of each annotation whether its id is positive and no other's
    before. `orphans` counts annotations without an image by class, with the place of the first; `used` are the class
    ids of all records; `crowd` counts those that are marked as crowd regions.
    """

    folder: Path
    located: Located
    images: array[int]
    ids: array[int]
    sizes: Sequence[Size | None]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    stands: NDArray[np.bool_]
    orphans: Mapping[Key | None, tuple[int, int]]
    used: frozenset[Key]
    crowd: int
    findings: tuple[Finding, ...]

    def places(self, image: int) -> NDArray[np.int64]:
        """The annotation records (K,) of the image record `image`, int64, in the order of the file."""
        return self.order[self.starts[image] : self.starts[image + 1]]


def open_indexed(source: CocoSource, root: Path, encoding: str, spread: MapEngine) -> tuple[Document, Index]:
    """The document of `source` and its index; long lists are read by `spread`. Raises `AnnotationError`: it is no such
    document, or one id means several images.
    """
    heads = _Heads()
    document = load(source.path, _heads, heads.add, encoding, spread)
    refuse_other_text(source.path, document.images, (row for row, head in enumerate(heads.images) if head is None))
    return document, _index(document, heads, source, root)


def _index(document: Document, seen: _Heads, source: CocoSource, root: Path) -> Index:
    heads = seen.images
    wanted = [head.name if head else "" for head in heads]
    folder = image_folder(source, root, [name for name in map(safe_name, wanted) if name])
    located = locate(folder, wanted, reach(source, root), "file_name")
    owners = _owners(located.names)
    rows = {identity: owners[row] for identity, row in _rows_by_id(document.path, heads).items()}
    images = np.concatenate([np.zeros(0, np.int64), *(batch.rows(rows) for batch in seen.batches)])
    ids = np.concatenate([np.zeros(0, np.int64), *(batch.ids for batch in seen.batches)])
    order = np.argsort(images, kind="stable")
    image_ids = [(whole(head.id) or 0) if head else 0 for head in heads]
    alike: dict[Size | None, Size | None] = {}  # few images of a dataset have a size of their own
    return Index(
        folder=folder,
        located=located,
        images=array("q", (row for row, owner in enumerate(owners) if owner == row and heads[row] is not None)),
        ids=array("q", image_ids),
        sizes=[alike.setdefault(size, size) for size in (head.size if head else None for head in heads)],
        order=order,
        starts=np.searchsorted(images[order], np.arange(len(heads) + 1)),
        stands=valid_ids(ids),
        orphans=_orphans(seen.batches, images),
        used=frozenset().union(*(batch.used for batch in seen.batches)),
        crowd=sum(batch.crowd for batch in seen.batches),
        findings=(
            *_image_findings(source, heads, image_ids, owners),
            *_record_findings(source, [place for batch in seen.batches for place in batch.unreadable], ids),
        ),
    )


class _Heads:
    """The heads of all records, gathered while the file goes by."""

    def __init__(self) -> None:
        self.images: list[ImageHead | None] = []
        self.batches: list[RecordBatch] = []

    def add(self, name: str, found: Any) -> None:
        """Add what `_heads` returned for the next records of the list `name`."""
        if name == "images":
            self.images += found
        elif name == "annotations":
            first = self.batches[-1].first + len(self.batches[-1].ids) if self.batches else 0
            self.batches.append(found.following(first))


def _heads(name: str, raws: Sequence[msgspec.Raw]) -> Sequence[ImageHead | None] | RecordBatch | None:
    """The heads of records of the list `name`; None of one that has none here."""
    return _image_heads(raws) if name == "images" else RecordBatch.of(raws) if name == "annotations" else None


def _orphans(batches: Iterable[RecordBatch], images: NDArray[np.int64]) -> dict[Key | None, tuple[int, int]]:
    """The number of records without an image by class, and the place of the first one."""
    orphans: dict[Key | None, tuple[int, int]] = {}
    for batch in batches:
        unreadable = set(batch.unreadable)
        for row in np.flatnonzero(images[batch.first : batch.first + len(batch.ids)] < 0).tolist():
            if (place := batch.first + row) not in unreadable:
                count, first = orphans.get(batch.category(row), (0, place))
                orphans[batch.category(row)] = (count + 1, first)
    return orphans


def _image_heads(raws: Sequence[msgspec.Raw]) -> Sequence[ImageHead | None]:
    """The heads of image records; None for one that is no object."""
    try:
        return decode_with_nan(b"[%b]" % b",".join(raws), list[ImageHead], as_long_tokens)
    except BadJson:
        return [_head(raw, ImageHead) for raw in raws]


def _head(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return decode_with_nan(bytes(raw), kind, as_long_tokens)
    except BadJson:
        return None


def _rows_by_id(path: Path, heads: Sequence[ImageHead | None]) -> dict[Key, int]:
    rows: dict[Key, int] = {}
    for row, head in enumerate(heads):
        identity = key(head.id) if head else None
        if head is None or identity is None:
            continue
        other = heads[rows.setdefault(identity, row)]
        if other is not None and other.name != head.name:
            words = f"have {identity!r} for {head.name!r}, want an id other than that of {other.name!r}"
            raise AnnotationError(path, f"images[{row}].id", words)
    return rows


def _owners(names: Sequence[str]) -> list[int]:
    """For each image record the first one of the same file."""
    first: dict[str, int] = {}
    return [first.setdefault(name, row) for row, name in enumerate(names)]


def _image_findings(
    source: CocoSource,
    heads: Sequence[ImageHead | None],
    ids: Sequence[int],
    owners: Sequence[int],
) -> Iterator[Finding]:
    def finding(code: str, row: int, words: str) -> Finding:
        return Finding(code, words, source.shown, f"images[{row}]", split=source.split)

    for row, (head, owner) in enumerate(zip(heads, owners, strict=True)):
        if head is None:
            yield finding("record-unreadable", row, "have something else than an object; left out")
        elif owner != row:
            yield finding("image-repeated", row, f"its file is that of images[{owner}], which has its objects too")
    stands = valid_ids(np.array(ids, dtype=np.int64))
    changed = [row for row, owner in enumerate(owners) if owner == row and not stands[row] and heads[row] is not None]
    if changed:
        words = f"image ids that are not positive whole numbers ({len(changed)}); new ones are given on writing"
        yield finding("record-repaired", changed[0], words)


def _record_findings(source: CocoSource, unreadable: Iterable[int], ids: NDArray[np.int64]) -> Iterator[Finding]:
    path, split = source.shown, source.split
    for place in unreadable:
        words = "have something else than an object; dropped"
        yield Finding("record-unreadable", words, path, f"annotations[{place}]", objects=1, split=split)
    stands = valid_ids(ids)
    if not stands.all():
        first = int(np.argmin(stands))
        words = f"ids that repeat or are not positive whole numbers ({(~stands).sum()}); new ones are given on writing"
        yield Finding("record-repaired", words, path, f"annotations[{first}].id", split=split)


class _Plain(msgspec.Struct, gc=False):
    """A record whose numbers are numbers, as in all but few files."""

    id: int
    image_id: int
    category_id: int
    iscrowd: int = 0


class _Any(msgspec.Struct, gc=False):
    id: Any = None
    image_id: Any = None
    category_id: Any = None
    iscrowd: Any = None


class RecordBatch(msgspec.Struct, frozen=True, eq=False):
    """Records that stand one after the other from the place `first` on: their `ids` (N,), 0 where there is none, their
    `images` and `categories`. `unreadable` are the places of those that are no objects.
    """

    first: int
    ids: NDArray[np.int64]
    images: Keys
    categories: Keys
    crowd: int
    unreadable: tuple[int, ...] = ()

    @classmethod
    def of(cls, raws: Sequence[msgspec.Raw]) -> RecordBatch:
        """The batch of `raws`, the first of which is at place 0."""
        try:
            heads = msgspec.json.decode(b"[%b]" % b",".join(raws), type=list[_Plain])
            return cls(
                0,
                np.array([head.id for head in heads], dtype=np.int64),
                np.array([head.image_id for head in heads], dtype=np.int64),
                np.array([head.category_id for head in heads], dtype=np.int64),
                sum([head.iscrowd == 1 for head in heads]),
            )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
            return cls._of_any([_record_head(raw) for raw in raws])

    @classmethod
    def _of_any(cls, heads: Sequence[_Any | None]) -> RecordBatch:
        return cls(
            0,
            np.array([(whole(head.id) or 0) if head else 0 for head in heads], dtype=np.int64),
            [key(head.image_id) if head else None for head in heads],
            [key(head.category_id) if head else None for head in heads],
            sum(head is not None and number(head.iscrowd) == 1 for head in heads),
            tuple(row for row, head in enumerate(heads) if head is None),
        )

    def following(self, first: int) -> RecordBatch:
        """This batch from the place `first` on."""
        places = tuple([place - self.first + first for place in self.unreadable])
        return msgspec.structs.replace(self, first=first, unreadable=places)

    @property
    def used(self) -> frozenset[Key]:
        """The ids of classes that stand in the records."""
        if isinstance(self.categories, np.ndarray):
            return frozenset(self.categories.tolist())
        return frozenset(identity for identity in self.categories if identity is not None)

    def category(self, row: int) -> Key | None:
        """The id of the class of a record."""
        if isinstance(self.categories, np.ndarray):
            return int(self.categories[row])
        return self.categories[row]

    def rows(self, rows: Mapping[Key, int]) -> NDArray[np.int64]:
        """The row (N,) of each record's image, -1 where `rows` has none."""
        images: Sequence[Key | None] = self.images.tolist() if isinstance(self.images, np.ndarray) else self.images
        return np.array([-1 if image is None else rows.get(image, -1) for image in images], dtype=np.int64)


def _record_head(raw: msgspec.Raw) -> _Any | None:
    try:
        return decode_with_nan(bytes(raw), _Any, as_long_tokens)
    except BadJson:
        return None
