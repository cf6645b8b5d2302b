"""The dataset: a sequence of samples, sorted by split and name, that are read when they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from bboxprep.findings import Finding
from bboxprep.io.paths import dataset_folder
from bboxprep.model.categories import Categories
from bboxprep.model.class_mapping import ClassMapping, ClassPolicy, objects_by_class, similar_names, unique_names
from bboxprep.model.flip_names import FlipMapping, names_without_partner
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY, ObjectPolicy
from bboxprep.model.sample import Planner, Sample
from bboxprep.model.splits import TRAIN

Key = TypeVar("Key")
Item = TypeVar("Item")

_TOGETHER = 64  # samples that are loaded at a time where all are asked for


class LazySamples(Sequence[Sample], Generic[Key]):
    """Samples that are loaded on access: those of some of the `keys` are ``load(keys)``, so that many are loaded at
    once where that is quicker. What is loaded for a key depends on no other key.
    """

    def __init__(self, keys: Sequence[Key], load: Callable[[Sequence[Key]], Sequence[Sample]]) -> None:
        self._keys = keys
        self._load = load

    @classmethod
    def each(cls, keys: Sequence[Key], load: Callable[[Key], Sample]) -> LazySamples[Key]:
        """Samples that are loaded one by one: item i is ``load(keys[i])``."""
        return cls(keys, _LoadEach(load))

    def at(self, rows: Sequence[int]) -> Sequence[Sample]:
        """The samples at `rows`, loaded together."""
        return self._load(items_at(self._keys, rows))

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return LazySamples(self._keys[index], self._load)
        return self._load([self._keys[index]])[0]


def items_at(items: Sequence[Item], rows: Sequence[int]) -> Sequence[Item]:
    """The `items` at `rows`; samples are loaded together."""
    found: Sequence[Any] = items.at(rows) if isinstance(items, LazySamples) else [items[row] for row in rows]
    return found


@dataclass(frozen=True)
class _LoadEach(Generic[Key]):
    """Applies a function of one key to many keys; plain data, which is pickled for worker processes."""

    load: Callable[[Key], Sample]

    def __call__(self, keys: Sequence[Key]) -> list[Sample]:
        return [self.load(key) for key in keys]


@dataclass(frozen=True)
class Dataset:
    """The samples of a dataset, sorted by split and name, with its class table, its splits and its policies.

    `splits` are in the order of the samples; `findings` are about the dataset as a whole (orphans, guessed
    conventions); `extra` holds what else each format states of the dataset, by the name of the format. `merged` has the
    places of the datasets that were merged into this one, `changes` the policies applied since it was read, as plain
    data. `object_policy` says what is done with crowd regions, faulty boxes and the like. `crowd` is the number of
    records marked as crowd regions and the number of all records, where the reader knows them without reading each.
    `task` is what models of its labels predict (detect, segment, pose, obb), "" where they may be of several kinds.
    Iterating twice reads twice.

    `outlines` are the same samples without objects, where a format can list them without reading labels: they have
    names, splits and sizes.
    """

    root: Path
    format: str
    categories: Categories
    samples: Sequence[Sample]
    splits: tuple[str, ...] = (TRAIN,)
    findings: tuple[Finding, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    object_policy: ObjectPolicy = DEFAULT_OBJECT_POLICY
    merged: tuple[Path, ...] = ()
    changes: tuple[Mapping[str, Any], ...] = ()
    crowd: tuple[int, int] = (0, 0)
    task: str = ""
    outlines: Sequence[Sample] | None = field(default=None, repr=False)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The places that were read."""
        return self.merged or (self.root,)

    @cached_property
    def folder(self) -> Path:
        """The folder that findings and records name files below: `root`, or the folder of a `root` that is a file."""
        return dataset_folder(self.root)

    @cached_property
    def flip_mapping(self) -> FlipMapping:
        """The classes and keypoints that a flip exchanges."""
        return FlipMapping.of(self.categories, self.object_policy.swap_classes)

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        for samples in self.batches():
            yield from samples

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def batches(self) -> Iterator[Sequence[Sample]]:
        """All samples in their order, some at a time, which are loaded together."""
        for start in range(0, len(self), _TOGETHER):
            yield self.at(range(start, min(start + _TOGETHER, len(self))))

    def at(self, rows: Sequence[int]) -> Sequence[Sample]:
        """The samples at `rows`, loaded together."""
        return items_at(self.samples, rows)

    def outlines_at(self, rows: Sequence[int]) -> Sequence[Sample]:
        """The samples at `rows`, without their objects where the format can list them without reading labels."""
        return items_at(self.samples if self.outlines is None else self.outlines, rows)

    def outline(self, index: int) -> Sample:
        """Sample `index`, as `outlines_at` gives it."""
        return self.outlines_at([index])[0]

    def map(self, change: Callable[[Sample], Sample]) -> Dataset:
        """This dataset with `change` applied to each sample on access."""
        return replace(
            self,
            samples=LazySamples.each(self.samples, change),
            outlines=None if self.outlines is None else LazySamples.each(self.outlines, change),
        )

    def select(self, rows: Sequence[int]) -> Dataset:
        """This dataset with its samples at `rows`, in that order."""
        return replace(
            self,
            samples=LazySamples(rows, partial(items_at, self.samples)),
            outlines=None if self.outlines is None else LazySamples(rows, partial(items_at, self.outlines)),
        )

    def transform(self, recipe: Planner) -> Dataset:
        """This dataset with `recipe` applied to the annotations of each sample; `Sample.pixels` follows."""
        moved = self.map(partial(_transformed, recipe=recipe))
        if not recipe.mirrors:
            return moved
        notes = names_without_partner(self.categories, self.object_policy.swap_classes)
        return replace(moved, findings=(*self.findings, *(note for note in notes if note not in self.findings)))

    def with_classes(self, policy: ClassPolicy, counts: Mapping[str, int] | None = None) -> Dataset:
        """This dataset with its class table changed by `policy`.

        `counts` has the number of objects by class name; if it is None, all labels are read to count them. Raises
        `UsageError` where the policy does not fit the table.
        """
        counts = self._counts() if counts is None else counts
        change = policy.resolve(self.categories, counts)
        changed = self._changed(change).with_similar_names()
        findings = [one for one in changed.findings if one.code != "class-unnamed" or not change.categories.stated]
        return replace(changed, findings=tuple(findings), changes=(*self.changes, {"classes": policy.options()}))

    def with_unique_names(self) -> Dataset:
        """This dataset with one class of each name, no blank name, and findings on names that are nearly the same."""
        change = unique_names(self.categories, self._counts)
        merged = self if change is None else self._changed(change)
        return merged.with_similar_names()

    def with_similar_names(self) -> Dataset:
        """This dataset with findings on the names of its table that are nearly the same, and no others of the kind."""
        others = tuple(finding for finding in self.findings if finding.code != "class-similar")
        return replace(self, findings=(*others, *similar_names(self.categories.names)))

    def _changed(self, change: ClassMapping) -> Dataset:
        return replace(
            self.map(change.apply),
            categories=change.categories,
            findings=(*map(change.renamed_finding, self.findings), *change.findings),
        )

    def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for samples in self.batches():
            counts.update(objects_by_class(samples, self.categories.names))
        return counts


def _transformed(sample: Sample, recipe: Planner) -> Sample:
    return sample.transform(recipe)
