"""The class table. A class is identified by its name; a label is its row in the table, from 0."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.spelling import suggestion

MOST_CLASSES = 65_536  # of a dataset
MOST_KEYPOINTS = 512  # of a class; a file with more of either is faulty, or made to fill the memory


@dataclass(frozen=True)
class Category:
    """One class. `id` is the source's own number for it, None where the format has none.

    `keypoints` has the names of its K keypoints in order; `skeleton` has the 1-based pairs of keypoints that a line
    joins, as in COCO; `extra` holds other fields of the source. `flip_idx` (K,) is that of YOLO: after a flip, keypoint
    k is the former keypoint ``flip_idx[k]``; () where it is not stated. Raises `UsageError` for a `flip_idx` that is
    not its own inverse.
    """

    name: str
    id: int | None = None
    supercategory: str = ""
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    flip_idx: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.flip_idx and not (len(self.flip_idx) == len(self.keypoints) and is_involution(self.flip_idx)):
            want = f"each of the {len(self.keypoints)} keypoints of {self.name!r} and its partner"
            raise UsageError(f"flip_idx: have {list(self.flip_idx)}, want {want}")


def keypoint_names(category: Category, count: int) -> tuple[str, ...]:
    """The names of the first `count` keypoints of `category`, and of all that it names; those without a name of their
    own are kp0, kp1 …
    """
    return (*category.keypoints, *(f"kp{index}" for index in range(len(category.keypoints), count)))


def is_involution(order: Sequence[int]) -> bool:
    """Whether `order` is a permutation that is its own inverse: applied twice, it leaves everything in its place."""
    return set(order) == set(range(len(order))) and all(order[other] == row for row, other in enumerate(order))


@dataclass(frozen=True)
class Categories:
    """The classes of a dataset: row k is the class of label k.

    `stated` is False where no file says what they are called, and their names are the numbers that labels have.
    """

    items: tuple[Category, ...] = ()
    stated: bool = True

    @classmethod
    def from_names(cls, names: tuple[str, ...] | list[str]) -> Categories:
        """A table of classes with these names and no other fields."""
        return cls(tuple(Category(name) for name in names))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names, in label order."""
        return tuple(category.name for category in self.items)

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """The source's own ids where every class has one and no two share it, else 1, 2, 3 …"""
        ids = [category.id for category in self.items if category.id is not None]
        if len(ids) == len(self.items) == len(set(ids)):
            return tuple(ids)
        return tuple(range(1, len(self.items) + 1))

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Category]:
        return iter(self.items)

    def __getitem__(self, label: int) -> Category:
        return self.items[label]


def unnamed_classes(names: Sequence[str], path: str = "") -> tuple[Finding, ...]:
    """The finding about a table whose `names` are the numbers of labels, because nothing states others; none for an
    empty table. `path` is the file that should name them, "" where there is none.
    """
    if not names:
        return ()
    words = f"the {len(names)} classes are called by their numbers; `classes` takes their names, in this order"
    return (Finding("class-unnamed", words, path),)


def require_class(option: str, name: str, names: Collection[str]) -> None:
    """Raise `UsageError` for a class `name`, given for `option`, that is none of `names`."""
    if name not in names:
        raise UsageError(f"{option}: have {name!r}, want a class of the source{suggestion(name, names)}")
