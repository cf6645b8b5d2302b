"""What annotation records say of others, read many at a time: their id, image, class, and whether they mark a crowd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.coco.decoding import BadJson, Key, as_long_tokens, decode, key, number, whole

Keys = NDArray[np.int64] | list[Key | None]  # whole numbers as an array, else each as it is meant


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


@dataclass(frozen=True, eq=False)
class RecordBatch:
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
    def of(cls, raws: Sequence[msgspec.Raw], first: int) -> RecordBatch:
        """The batch of `raws`."""
        try:
            heads = msgspec.json.decode(b"[%b]" % b",".join(raws), type=list[_Plain])
            return cls(
                first,
                np.array([head.id for head in heads], dtype=np.int64),
                np.array([head.image_id for head in heads], dtype=np.int64),
                np.array([head.category_id for head in heads], dtype=np.int64),
                sum([head.iscrowd == 1 for head in heads]),
            )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
            return cls._of_any([_head(raw) for raw in raws], first)

    @classmethod
    def _of_any(cls, heads: Sequence[_Any | None], first: int) -> RecordBatch:
        return cls(
            first,
            np.array([(whole(head.id) or 0) if head else 0 for head in heads], dtype=np.int64),
            [key(head.image_id) if head else None for head in heads],
            [key(head.category_id) if head else None for head in heads],
            sum(head is not None and number(head.iscrowd) == 1 for head in heads),
            tuple(first + row for row, head in enumerate(heads) if head is None),
        )

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


def _head(raw: msgspec.Raw) -> _Any | None:
    try:
        return decode(as_long_tokens(bytes(raw)), _Any)
    except BadJson:
        return None
