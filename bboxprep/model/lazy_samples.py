"""Samples that are loaded when they are asked for, many at once where that is quicker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from bboxprep.model.batch import Batch
from bboxprep.model.sample import Sample

Key = TypeVar("Key")
Item = TypeVar("Item")


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
class ChangeAll:
    """Applies a function of batches to samples; plain data, which is pickled for worker processes."""

    change: Callable[[Batch], Batch]

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """The changed batch of `samples`."""
        return self.change(Batch.of(samples))


@dataclass(frozen=True)
class _LoadEach(Generic[Key]):
    """Applies a function of one key to many keys; plain data, which is pickled for worker processes."""

    load: Callable[[Key], Sample]

    def __call__(self, keys: Sequence[Key]) -> list[Sample]:
        return [self.load(key) for key in keys]
