"""A labelled dataset: lazy, re-iterable, sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from bboxprep.findings import Finding
from bboxprep.model.categories import Categories
from bboxprep.model.sample import Planner, Sample

Key = TypeVar("Key")


class LazySamples(Sequence[Sample], Generic[Key]):
    """Samples that are made when asked for: item i is ``load(keys[i])``."""

    def __init__(self, keys: Sequence[Key], load: Callable[[Key], Sample]) -> None:
        self._keys = keys
        self._load = load

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return LazySamples(self._keys[index], self._load)
        return self._load(self._keys[index])


@dataclass(frozen=True)
class Dataset:
    """The samples of a dataset, sorted by split and name, and what holds for all of them.

    `splits` are in the order of the samples; `findings` are about the dataset as a whole (orphans, guessed
    conventions); `extra` is what the format says of the dataset. Iterating twice reads twice.
    """

    root: Path
    format: str
    categories: Categories
    samples: Sequence[Sample]
    splits: tuple[str, ...] = ("train",)
    findings: tuple[Finding, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return (self.samples[index] for index in range(len(self.samples)))

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def map(self, change: Callable[[Sample], Sample]) -> Dataset:
        """This dataset with `change` done to each sample when it is asked for."""
        samples = self.samples
        return replace(self, samples=LazySamples(range(len(samples)), lambda index: change(samples[index])))

    def transform(self, recipe: Planner) -> Dataset:
        """This dataset with each sample's annotations moved by `recipe`; pixels follow when they are asked for."""
        return self.map(lambda sample: sample.transform(recipe))
