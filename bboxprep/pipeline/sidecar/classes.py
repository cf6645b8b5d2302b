"""Merges the class table of a sidecar with the current one of the dataset. A class is identified by its name."""

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
class KeptClasses:
    """The table `categories` of both: the classes that are there now, each as the sidecar describes it.

    `rows` are the new labels by the sidecar's (-1 where the class is no more), `relabelled` by those that are read now.
    """

    categories: Categories
    rows: Rows
    relabelled: Rows

    @classmethod
    def of(cls, read: Categories, kept: Sequence[Category]) -> KeptClasses:
        """The tables joined: the k-th class of a name is the same in both.

        A format without class numbers (VOC) cannot tell classes of one name apart; where that is all that differs, the
        table is the sidecar's.
        """
        told = Categories(tuple(kept))
        if tuple(dict.fromkeys(told.names)) == read.names:
            return cls(told, np.arange(len(told)), _first_rows(read.names, told.names))
        described = dict(zip(_numbered(told.names), kept, strict=True))
        known = [described.get(name) for name in _numbered(read.names)]
        found = {name: row for row, name in enumerate(_numbered(read.names))}
        rows = [found.get((name, number), found.get((name, 0), -1)) for name, number in _numbered(told.names)]
        items = _described(read, known, _next_id(kept))
        return cls(Categories(items), np.array(rows, dtype=np.int64), np.arange(len(read)))

    @property
    def count(self) -> int:
        """How many classes the sidecar has."""
        return len(self.rows)

    @cached_property
    def points(self) -> int:
        """The most keypoints of any class."""
        return max((len(category.keypoints) for category in self.categories), default=0)

    @cached_property
    def kinds(self) -> Rows:
        """For each label the first one whose class has the same name."""
        return _first_rows(self.categories.names, self.categories.names)

    def relabel(self, instances: Instances) -> Instances:
        """`instances` as they are read, with the new labels and room for the keypoints of every class."""
        return replace(instances, labels=self.relabelled[instances.labels]).pad_keypoints(self.points)


def _described(read: Categories, known: Sequence[Category | None], fresh: int | None) -> tuple[Category, ...]:
    """The classes that are read, as they are `known`; new ones get ids from `fresh` on, or none."""
    items = []
    for category, kept in zip(read, known, strict=True):
        items.append(kept or (category if fresh is None else replace(category, id=fresh)))
        fresh = fresh if kept or fresh is None else fresh + 1
    return tuple(items)


def _next_id(kept: Sequence[Category]) -> int | None:
    """The id after all that are kept, so that a class that came later takes none away; None where they have none."""
    ids = [category.id for category in kept if category.id is not None]
    return max([0, *ids]) + 1 if ids and len(ids) == len(kept) else None


def _numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name with the number of its like before it."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        numbered.append((name, seen[name]))
        seen[name] += 1
    return numbered


def _first_rows(names: Sequence[str], table: Sequence[str]) -> Rows:
    """For each of `names` its first row in `table`."""
    rows = {name: row for row, name in reversed(list(enumerate(table)))}
    return np.array([rows[name] for name in names], dtype=np.int64)
