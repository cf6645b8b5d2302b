"""Which records of a COCO file belong to which image, in a few numbers for each.

Everything that concerns several records is settled here, once: images that share a file, annotations of images that
are not listed, ids that stand twice. What concerns one record waits until its image is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.coco.decoding import BadJson, Document, Key, decode, key, whole
from bboxprep.formats.coco.layout import Source, image_folder
from bboxprep.formats.coco.names import Located, locate, safe_name
from bboxprep.formats.coco.records import Entry

T = TypeVar("T")


class ImageHead(msgspec.Struct):
    """What of an image record says which file it is."""

    id: Any = None
    file_name: Any = None
    coco_url: Any = None

    @property
    def name(self) -> str:
        """The name of the file, also where there is only its address (LVIS); "" where nothing names one."""
        if isinstance(self.file_name, str):
            return self.file_name
        return self.coco_url.split("?")[0].rsplit("/", 1)[-1] if isinstance(self.coco_url, str) else ""


class _RecordHead(msgspec.Struct, gc=False):
    id: Any = None
    image_id: Any = None
    category_id: Any = None


@dataclass(frozen=True, eq=False)
class Index:
    """The images of one file, and the annotation records of each.

    `images` are the records that stand for a sample; the annotations of record i are
    ``order[starts[i]:starts[i + 1]]``; `stands` says of each annotation whether its id is positive and no other's
    before. `orphans` counts annotations without an image by class, with the place of the first; `used` are the class
    ids of all records.
    """

    folder: Path
    located: Located
    images: tuple[int, ...]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    stands: NDArray[np.bool_]
    orphans: Mapping[Key | None, tuple[int, int]]
    used: frozenset[Key]
    findings: tuple[Finding, ...]

    def entries(self, document: Document, image: int) -> list[Entry]:
        """The annotation records of the image record `image`, in the order of the file."""
        places = self.order[self.starts[image] : self.starts[image + 1]].tolist()
        return [Entry(place, document.annotations[place], bool(self.stands[place])) for place in places]


def make_index(document: Document, source: Source, root: Path) -> Index:
    """The index of `document`. Raises `AnnotationError` where one id means several images."""
    heads = [_head(raw, ImageHead) for raw in document.images]
    wanted = [head.name if head else "" for head in heads]
    folder = image_folder(source, root, [name for name in map(safe_name, wanted) if name])
    located = locate(folder, wanted)
    owners = _owners(located.names)
    rows = {identity: owners[row] for identity, row in _rows_by_id(document.path, heads).items()}
    records = _Records((_head(raw, _RecordHead) for raw in document.annotations), rows)
    order = np.argsort(records.images, kind="stable")
    return Index(
        folder=folder,
        located=located,
        images=tuple(row for row, owner in enumerate(owners) if owner == row and heads[row] is not None),
        order=order,
        starts=np.searchsorted(records.images[order], np.arange(len(heads) + 1)),
        stands=standing(records.ids),
        orphans=records.orphans,
        used=frozenset(records.used),
        findings=(*_image_findings(source, heads, located, owners), *_record_findings(source, records)),
    )


def standing(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of `ids` can stand: those that are positive and no earlier one's."""
    stands = np.zeros(len(ids), dtype=np.bool_)
    stands[np.unique(ids, return_index=True)[1]] = True
    return stands & (ids > 0)


class _Records:
    """What the annotation records say of others: the row of their image (-1: none), their id (0: none)."""

    def __init__(self, heads: Iterable[_RecordHead | None], rows: Mapping[Key, int]) -> None:
        images, ids = array("q"), array("q")
        self.orphans: dict[Key | None, tuple[int, int]] = {}
        self.unreadable: list[int] = []
        self.used: set[Key] = set()
        for place, head in enumerate(heads):
            category, image = (key(head.category_id), key(head.image_id)) if head else (None, None)
            row = -1 if image is None else rows.get(image, -1)
            images.append(row)
            ids.append((whole(head.id) or 0) if head else 0)
            if category is not None:
                self.used.add(category)
            if head is None:
                self.unreadable.append(place)
            elif row < 0:
                count, first = self.orphans.get(category, (0, place))
                self.orphans[category] = (count + 1, first)
        self.images = np.array(images, dtype=np.int64)
        self.ids = np.array(ids, dtype=np.int64)


def _head(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return decode(raw, kind)
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
            words = f"have {identity!r} for {head.name!r}, which is already that of {other.name!r}"
            raise AnnotationError(path, f"images[{row}].id", words)
    return rows


def _owners(names: Sequence[str]) -> list[int]:
    """For each image record the first one of the same file."""
    first: dict[str, int] = {}
    return [first.setdefault(name, row) for row, name in enumerate(names)]


def _image_findings(
    source: Source, heads: Sequence[ImageHead | None], located: Located, owners: Sequence[int]
) -> Iterator[Finding]:
    def finding(code: str, row: int, words: str) -> Finding:
        return Finding(code, words, source.shown, f"images[{row}]", split=source.split)

    for row, (head, owner) in enumerate(zip(heads, owners, strict=True)):
        if head is None:
            yield finding("record-unreadable", row, "have something else than an object; left out")
        elif owner != row:
            yield finding("image-repeated", row, f"its file is that of images[{owner}], which has its objects too")
    stands = standing(np.array([(whole(head.id) or 0) if head else 0 for head in heads], dtype=np.int64))
    changed = [row for row, owner in enumerate(owners) if owner == row and not stands[row] and heads[row] is not None]
    if changed:
        words = f"image ids that are not positive whole numbers ({len(changed)}); new ones are given on writing"
        yield finding("record-repaired", changed[0], words)
    if located.by_end:
        first = located.by_end[0]
        words = f"images that are found by the end of their file_name ({len(located.by_end)}); here it is"
        yield finding("record-repaired", first, f"{words} {located.names[first]!r}")


def _record_findings(source: Source, records: _Records) -> Iterator[Finding]:
    path, split = source.shown, source.split
    for place in records.unreadable:
        words = "have something else than an object; dropped"
        yield Finding("record-unreadable", words, path, f"annotations[{place}]", objects=1, split=split)
    stands = standing(records.ids)
    if not stands.all():
        first = int(np.argmin(stands))
        words = f"ids that repeat or are not positive whole numbers ({(~stands).sum()}); new ones are given on writing"
        yield Finding("record-repaired", words, path, f"annotations[{first}].id", split=split)
