"""Samples that go through the steps of a run together, with all their objects in one `Instances`.

What is asked of every image is asked of a batch at once: numpy takes about as long for the few objects of one image as
for those of a hundred. A sample keeps its own objects beside, as its part of the columns. An image that is done by
itself is a batch of one, so that there is one way for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Batch:
    """I samples, and their N objects in their order: those of sample i are the rows ``starts[i]`` to ``starts[i + 1]``
    of `instances`; `starts` is int64 (I + 1,).
    """

    samples: tuple[Sample, ...]
    instances: Instances
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Batch:
        """The batch of `samples`."""
        samples = tuple(samples)
        counts = [len(sample.instances) for sample in samples]
        starts = np.cumsum([0, *counts], dtype=np.int64)
        return cls(samples, Instances.concat([sample.instances for sample in samples]), starts)

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The number of objects of each sample: int64 (I,)."""
        return np.diff(self.starts)

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The number of each object's sample: int64 (N,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """Width and height of the plane that the objects of each sample lie in: float64 (I, 2), px."""
        return np.array([sample.size for sample in self.samples], dtype=np.float64).reshape(-1, 2)

    def totals(self, values: NDArray[np.int64 | np.bool_]) -> NDArray[np.int64]:
        """The sum of `values` (N,) over the objects of each sample: int64 (I,)."""
        return np.diff(np.concatenate(([0], np.cumsum(values, dtype=np.int64)))[self.starts])

    def split(self, values: list[Value]) -> list[list[Value]]:
        """The part of each sample of `values`, which are N."""
        return [values[start:end] for start, end in pairwise(self.starts.tolist())]
