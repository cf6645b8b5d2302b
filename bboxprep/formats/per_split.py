"""What a writer collects of each split, until it writes the documents of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Collected = TypeVar("Collected")


class PerSplit(dict[str, Collected]):
    """What was collected, by split: ``make()`` for each of `splits`, and for another when it is first asked for.

    Its pickle is empty: the processes that it goes to only encode.
    """

    def __init__(self, make: Callable[[], Collected], splits: Iterable[str] = ()) -> None:
        super().__init__((split, make()) for split in splits)
        self._make = make

    def __missing__(self, split: str) -> Collected:
        return self.setdefault(split, self._make())

    def __reduce__(self) -> tuple[Any, ...]:
        return PerSplit, (self._make,)
