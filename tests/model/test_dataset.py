from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample


def sample(number: int) -> Sample:
    name = f"{number}.jpg"
    return Sample(PurePosixPath(name), Path(name), None, Instances.of())


def dataset(samples: Sequence[Sample]) -> Dataset:
    return Dataset(Path("photos"), "coco", Categories(), samples)


class Loads:
    """Makes samples and keeps count of it."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, number: int) -> Sample:
        self.seen.append(number)
        return sample(number)


@given(st.lists(st.integers(0, 9)), st.slices(10))
def test_lazy_samples_are_a_sequence(keys: list[int], part: slice) -> None:
    lazy, eager = LazySamples.each(keys, sample), [sample(key) for key in keys]
    assert len(lazy) == len(eager)
    assert list(lazy) == eager
    assert list(lazy[part]) == eager[part]
    assert list(reversed(lazy)) == eager[::-1]
    assert all(lazy[at - len(keys)] == eager[at] for at in range(len(keys)))


def test_only_what_is_asked_for_is_made() -> None:
    loads = Loads()
    part = LazySamples.each(range(100), loads)[10:90][5:]
    assert loads.seen == []
    assert part[0] == sample(15)
    assert loads.seen == [15]


def test_beyond_the_end_there_is_none() -> None:
    with pytest.raises(IndexError):
        LazySamples.each(range(3), sample)[3]


@given(st.integers(0, 5))
def test_iterating_twice_reads_twice(count: int) -> None:
    loads = Loads()
    data = dataset(LazySamples.each(range(count), loads))
    assert list(data) == list(data) == [data[at] for at in range(len(data))]
    assert loads.seen == [*range(count)] * 3


def test_a_change_is_done_when_a_sample_is_asked_for() -> None:
    loads = Loads()
    data = dataset(LazySamples.each(range(9), loads))
    changed = data.map(lambda one: replace(one, split="val")).map(lambda one: replace(one, id=len(one.split)))
    assert loads.seen == []
    assert changed[4] == replace(sample(4), split="val", id=3)
    assert loads.seen == [4]
    assert data[4] == sample(4)
    assert replace(changed, samples=data.samples) == data
