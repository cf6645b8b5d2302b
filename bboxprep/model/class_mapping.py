"""Changes of the class table: `ClassPolicy.resolve` renames, merges, selects and orders classes as the user asks;
`merge_tables` makes one table of the tables of several datasets.

A class is its name. Classes that get the same name are merged: the result has the row and the id of the first, and the
keypoints of the first that has any. Classes are never merged by guess: `similar_names` reports names that are nearly
the same, with the option that merges them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.sample import Sample
from bboxprep.model.validation import dropped_by_class
from bboxprep.spelling import suggestion

_MOST_NUMBERS = 8  # in a message
_NONE = -1  # the row of a class that is left out


@dataclass(frozen=True)
class ClassMapping:
    """Maps the labels of an old class table to rows of the new table `categories`.

    For each old label, `rows` has the new label (-1 where the class is left out) and `names` the name under which its
    objects are counted. `renamed` maps old names to new ones; `findings` are about the table as a whole.
    """

    categories: Categories
    rows: tuple[int, ...]
    names: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def apply(self, batch: Batch) -> Batch:
        """`batch` with labels of the new table. Objects of classes that are left out become findings."""
        labels = self._labels[batch.instances.labels]
        gone = labels == _NONE
        named = batch.with_objects(replace(batch.instances, labels=self._first[batch.instances.labels]))
        lost = dropped_by_class(named, "class-dropped", gone, lambda _: self.names, "the class is left out")
        batch = batch.map_findings(self.renamed_finding) if self.renamed else batch
        batch = batch.with_objects(replace(batch.instances, labels=labels)).with_findings(lost)
        if batch.any("renderer"):
            renderers = [one and one.with_categories(self.categories) for one in batch.values("renderer")]
            batch = batch.with_columns(renderer=renderers)
        return batch.keep(~gone) if lost else batch

    def renamed_finding(self, finding: Finding) -> Finding:
        """`finding` with the new name of its class."""
        name = self.renamed.get(finding.category, finding.category)
        return finding if name == finding.category else replace(finding, category=name)

    @cached_property
    def _labels(self) -> NDArray[np.int64]:
        return np.array(self.rows, dtype=np.int64)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """For each old label (C,) the first label of the same name, so that classes of one name are counted as one."""
        return np.array([self.names.index(name) for name in self.names], dtype=np.int64)


@dataclass(frozen=True)
class ClassPolicy:
    """The changes that the user asks of a class table. They are made in this order.

    `rename` gives classes other names, all at once, so two can change places; classes of one name become one. `only`
    keeps these classes, `drop` leaves these out, their objects with them; both by the new names. `classes` is then the
    table, in this order: a name that the source lacks becomes an empty class, and a class that is not listed must have
    no objects. Raises `UsageError` for anything but lists of different names.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    only: Sequence[str] = ()
    drop: Sequence[str] = ()
    classes: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for what, names in (("only", self.only), ("drop", self.drop), ("classes", self.classes or ())):
            _check_names(what, names)
            if len(set(names)) < len(names):
                twice = next(name for name, count in Counter(names).items() if count > 1)
                raise UsageError(f"{what}: have {twice!r} twice, want different names")
        if not isinstance(self.rename, Mapping):
            raise UsageError(f"rename: have {self.rename!r}, want new names by old ones")
        _check_names("rename", [*self.rename, *self.rename.values()])

    def __hash__(self) -> int:
        table = None if self.classes is None else tuple(self.classes)
        return hash((frozenset(self.rename.items()), tuple(self.only), tuple(self.drop), table))

    def __bool__(self) -> bool:
        return bool(self.rename or self.only or self.drop or self.classes is not None)

    def options(self) -> dict[str, Any]:
        """The policy as plain data, as the run record states it."""
        listed = {"only": self.only, "drop": self.drop, "classes": self.classes}
        renamed = {"rename": dict(self.rename)} if self.rename else {}
        return renamed | {what: list(names) for what, names in listed.items() if names}

    def resolve(self, categories: Categories, counts: Mapping[str, int]) -> ClassMapping:
        """The mapping of `categories` under this policy; `counts` gives the number of objects by class name.

        Raises `UsageError` for the name of a class that is not in the table, for `classes` that lacks a class with
        objects, and for classes of different keypoints that would be merged.
        """
        _check_known("rename", self.rename, categories.names, {})
        renamed = {**self._names_of_numbers(categories), **self.rename}
        names = tuple(renamed.get(name, name) for name in categories.names)
        _check_known("only", self.only, names, renamed)
        _check_known("drop", self.drop, names, renamed)
        members: dict[str, list[Category]] = {}
        for name, category in zip(names, categories, strict=True):
            members.setdefault(name, []).append(category)
        kept = {
            name: _merged(name, group)
            for name, group in members.items()
            if name not in self.drop and (name in self.only or not self.only)
        }
        notes = [
            _merge_finding(name, group, counts) for name, group in members.items() if len(group) > 1 and name in kept
        ]
        table, left_out = self._listed(kept, members, counts)
        stated = categories.stated or renamed.keys() >= set(categories.names)
        mapping = _mapping(table, names, renamed, (*notes, *left_out), stated=stated)
        rows = (row if name in kept else _NONE for row, name in zip(mapping.rows, names, strict=True))
        return replace(mapping, rows=tuple(rows))  # `classes` may list a class whose objects are dropped

    def _names_of_numbers(self, categories: Categories) -> Mapping[str, str]:
        """The names that `classes` gives to the classes of a table that states none, by their numbers: to each its own,
        in order. Raises `UsageError` where their number may not be meant so.
        """
        numbers, names = categories.names, self.classes or ()
        if categories.stated or not names or set(names) & {*numbers, *self.rename.values()}:
            return {}
        counted = numbers == tuple(map(str, range(len(numbers))))
        if len(names) < len(numbers) or (len(names) > len(numbers) and not counted):
            listed = ", ".join(numbers[:_MOST_NUMBERS]) + (", ..." if len(numbers) > _MOST_NUMBERS else "")
            words = f"have {len(names)} names for {len(numbers)} classes without a name ({listed})"
            raise UsageError(f"classes: {words}, want one for each")
        return dict(zip(numbers, names, strict=False))

    def _listed(
        self, kept: Mapping[str, Category], members: Mapping[str, Sequence[Category]], counts: Mapping[str, int]
    ) -> tuple[list[Category], list[Finding]]:
        """The classes of the new table, and a finding for each that `classes` leaves out."""
        if self.classes is None:
            return list(kept.values()), []
        others = [name for name in kept if name not in self.classes]
        for name in others:
            count = sum(counts.get(old, 0) for old in _names(members[name]))
            if count:
                raise UsageError(
                    f"classes: {name!r} is missing, but the source has {_objects(count)} of it"
                    f"{suggestion(name, self.classes)} (add it, or use `rename` or `drop`)"
                )
        words = "the class has no objects and is not listed; left out"
        return (
            [kept.get(name, Category(name)) for name in self.classes],
            [Finding("class-dropped", words, category=name) for name in others],
        )


def merge_tables(tables: Sequence[Categories]) -> tuple[ClassMapping, ...]:
    """One class table for all `tables`: the mapping of each into it. Classes of the same name are merged.

    The classes stand in the order of the first table; each next table adds its own at the end. Raises `UsageError`
    where classes of the same name have different keypoints.
    """
    members: dict[str, list[Category]] = {}
    for table in tables:
        for category in table:
            members.setdefault(category.name, []).append(category)
    whole = [_merged(name, group) for name, group in members.items()]
    stated = any(table.stated for table in tables)
    return tuple(_mapping(whole, table.names, {}, (), stated=stated) for table in tables)


def unique_names(categories: Categories, counts: Callable[[], Mapping[str, int]]) -> ClassMapping | None:
    """The mapping of a table that has a name twice, or a blank one, into one where each class has a name of its own.

    Classes of one name become one, but for those of different keypoints; a class without a name is called by its id,
    else by its row. `counts` gives the number of objects by class name. None where nothing is to be done.
    """
    names = tuple(name if name.strip() else _free_name(categories, row) for row, name in enumerate(categories.names))
    if names == categories.names and len(set(names)) == len(names):
        return None
    members: dict[str, list[Category]] = {}
    for name, category in zip(names, categories, strict=True):
        members.setdefault(name, []).append(category)
    try:
        table = [_merged(name, group) for name, group in members.items()]
    except UsageError:  # their keypoints differ
        return None
    blank = {name: new for name, new in zip(categories.names, names, strict=True) if name != new}
    numbers = counts()
    notes = [_merge_finding(name, group, numbers) for name, group in members.items() if len(group) > 1]
    notes += [
        Finding("record-repaired", f"a class is called {name!r}; it is {new!r} now", category=new)
        for name, new in blank.items()
    ]
    renamed = {name: new for name, new in blank.items() if name}  # "" is a class that is not known
    return _mapping(table, names, renamed, tuple(notes), stated=categories.stated)


def _free_name(categories: Categories, row: int) -> str:
    """A name that no class has, for the class in `row`."""
    number = categories[row].id
    wanted = (
        str(row if number is None else number),
        *(f"class {other}" for other in range(row, row + len(categories))),
    )
    return next(name for name in (*wanted, f"class {len(categories) + row}") if name not in categories.names)


def similar_names(names: Iterable[str]) -> tuple[Finding, ...]:
    """A finding for each name that differs from an earlier one only in case, blanks, ``-``, ``_`` or a final s."""
    first: dict[str, str] = {}
    findings = []
    for name in names:
        known = first.setdefault(_folded(name), name)
        if known != name:
            pair = repr({name: known}).replace("`", r"\x60")  # a backtick would end the marked-up code
            words = f"{known!r} and {name!r} stay two classes; if they are one: `rename={pair}`"
            findings.append(Finding("class-similar", words, category=name))
    return tuple(findings)


def objects_by_class(samples: Sequence[Sample], names: Sequence[str]) -> Counter[str]:
    """The number of objects of each class that the source lists for `samples`, read or not; "" for an unknown class."""
    batch = Batch.of(samples)
    objects = count_classes(batch, names)
    for finding in chain.from_iterable(batch.values("findings")):
        if finding.objects:
            objects[finding.category] += finding.objects
    return objects


def count_classes(samples: Sequence[Sample], names: Sequence[str]) -> Counter[str]:
    """The number of objects of each class of `samples`; their labels are rows of `names`."""
    objects: Counter[str] = Counter()
    for row, count in enumerate(np.bincount(Batch.of(samples).instances.labels).tolist()):
        if count:
            objects[names[row]] += count
    return objects


def _mapping(
    table: Sequence[Category],
    names: tuple[str, ...],
    renamed: Mapping[str, str],
    findings: tuple[Finding, ...],
    *,
    stated: bool,
) -> ClassMapping:
    categories = Categories(_with_ids(table), stated)
    row_of = {name: row for row, name in enumerate(categories.names)}
    return ClassMapping(categories, tuple(row_of.get(name, _NONE) for name in names), names, renamed, findings)


def _merged(name: str, members: Sequence[Category]) -> Category:
    """The class `name` that all `members` are merged into. Raises `UsageError` where their keypoints differ."""
    pointed = [category for category in members if category.keypoints]
    for category in pointed[1:]:
        if (category.keypoints, category.flip_idx) != (pointed[0].keypoints, pointed[0].flip_idx):
            have = " and ".join(", ".join(one.keypoints) for one in (pointed[0], category))
            raise UsageError(f"class {name!r}: cannot be merged, keypoints differ (have {have}); rename one of them")
    points = pointed[0] if pointed else members[0]
    return replace(
        members[0], name=name, keypoints=points.keypoints, skeleton=points.skeleton, flip_idx=points.flip_idx
    )


def _with_ids(table: Sequence[Category]) -> tuple[Category, ...]:
    """`table` where no class has an id. Otherwise each class has its own id, or a free one where it has none or an
    earlier class has the same.
    """
    known = [category.id for category in table if category.id is not None]
    free, taken, numbered = max(known, default=0) + 1, set[int](), []
    for category in table if known else ():
        if category.id is None or category.id in taken:
            category = replace(category, id=free)
            free += 1
        numbered.append(category)
        taken.add(category.id or 0)
    return tuple(numbered or table)


def _merge_finding(name: str, members: Sequence[Category], counts: Mapping[str, int]) -> Finding:
    if _names(members) == [name]:
        words = f"{len(members)} classes are called {name!r} ({_objects(counts.get(name, 0))}); they became one"
        return Finding("class-merged", words, category=name)
    parts = ", ".join(f"{old!r} ({_objects(counts.get(old, 0))})" for old in _names(members))
    return Finding("class-merged", f"{parts} became one class, {name!r}", category=name)


def _objects(count: int) -> str:
    return f"{count:,} object{'' if count == 1 else 's'}"


def _names(members: Sequence[Category]) -> list[str]:
    return list(dict.fromkeys(category.name for category in members))


def _check_names(what: str, names: Iterable[object]) -> None:
    if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"{what}: have {names!r}, want names")


def _check_known(what: str, wanted: Iterable[str], known: Sequence[str], renamed: Mapping[str, str]) -> None:
    for name in wanted:
        if name in known:
            continue
        hint = f"; it is {renamed[name]!r} now" if name in renamed else suggestion(name, known)
        raise UsageError(f"{what}: have {name!r}, want a class of the source{hint}")


def _folded(name: str) -> str:
    plain = "".join(normalize("NFKC", name).casefold().split()).replace("-", "").replace("_", "")
    return plain[:-1] if plain.endswith("s") and len(plain) > 1 else plain


AS_THEY_ARE = ClassPolicy()
"""The policy that changes no class."""
