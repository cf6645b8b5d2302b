"""Merges the class table of a sidecar with the table of the dataset. A class is identified by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bboxprep.model.categories import Categories, Category
from bboxprep.model.instances import Instances
from bboxprep.model.object_matching import Rows


@dataclass(frozen=True)
class MergedClasses:
    """The merged table `categories`: the current classes of the dataset, with the fields of the sidecar.

    `from_sidecar` (C,) int64 maps labels of the sidecar to the merged table, -1 for a removed class; `from_dataset`
    maps labels of the dataset.
    """

    categories: Categories
    from_sidecar: Rows
    from_dataset: Rows

    @classmethod
    def of(cls, read: Categories, kept: Sequence[Category]) -> MergedClasses:
        """The merged table of the classes `read` and `kept` in the sidecar: the k-th class of a name is the same in
        both.

        A format without class numbers (VOC) merges classes of one name; where the tables differ only in that, the
        result is the sidecar's table.
        """
        sidecar = Categories(tuple(kept))
        if tuple(dict.fromkeys(sidecar.names)) == read.names:
            return cls(sidecar, np.arange(len(sidecar)), _first_rows(read.names, sidecar.names))
        by_name = dict(zip(_numbered(sidecar.names), kept, strict=True))
        known = [by_name.get(name) for name in _numbered(read.names)]
        found = {name: row for row, name in enumerate(_numbered(read.names))}
        rows = [found.get((name, number), found.get((name, 0), -1)) for name, number in _numbered(sidecar.names)]
        items = _with_fields(read, known, _next_id(kept))
        return cls(Categories(items), np.array(rows, dtype=np.int64), np.arange(len(read)))

    @property
    def count(self) -> int:
        """The number of classes of the sidecar."""
        return len(self.from_sidecar)

    @cached_property
    def points(self) -> int:
        """The largest number of keypoints of a class."""
        return max((len(category.keypoints) for category in self.categories), default=0)

    @cached_property
    def first_of_name(self) -> Rows:
        """For each label the first label whose class has the same name: (C,) int64."""
        return _first_rows(self.categories.names, self.categories.names)

    def relabel(self, instances: Instances) -> Instances:
        """`instances` of the dataset with merged labels, padded to the keypoints of every class."""
        return replace(instances, labels=self.from_dataset[instances.labels]).pad_keypoints(self.points)


def _with_fields(read: Categories, known: Sequence[Category | None], fresh: int | None) -> tuple[Category, ...]:
    """The classes `read` with the fields of `known`; new classes get ids from `fresh` on, or none."""
    items = []
    for category, kept in zip(read, known, strict=True):
        items.append(kept or (category if fresh is None else replace(category, id=fresh)))
        fresh = fresh if kept or fresh is None else fresh + 1
    return tuple(items)


def _next_id(kept: Sequence[Category]) -> int | None:
    """The id after all ids of the sidecar, for classes that it lacks; None where its classes have no ids."""
    ids = [category.id for category in kept if category.id is not None]
    return max([0, *ids]) + 1 if ids and len(ids) == len(kept) else None


def _numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name with the number of equal names before it."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        numbered.append((name, seen[name]))
        seen[name] += 1
    return numbered


def _first_rows(names: Sequence[str], table: Sequence[str]) -> Rows:
    """For each of `names` its first row in `table`: (N,) int64."""
    rows = {name: row for row, name in reversed(list(enumerate(table)))}
    return np.array([rows[name] for name in names], dtype=np.int64)
