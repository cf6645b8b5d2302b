"""Records that are asked for together are those that each place gives, in whatever order they are asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.formats.coco.record_ranges import RecordRanges

RECORDS = [b'{"id":%d}' % 10**number for number in range(10)]
PLACES = st.lists(st.integers(0, 9), max_size=12)


@pytest.fixture(scope="module")
def ranges(tmp_path_factory: pytest.TempPathFactory) -> RecordRanges:
    path = tmp_path_factory.mktemp("coco") / "records.json"
    path.write_bytes(b"[" + b", \n".join(RECORDS) + b"]")
    lengths = np.array(list(map(len, RECORDS)), dtype=np.int64)
    return RecordRanges(path, 1 + np.cumsum(lengths + 3) - (lengths + 3), lengths)


class Sorting(RecordRanges):
    """Gives them in the order of the file."""

    def joined(self, places: NDArray[np.int64]) -> bytes:
        return super().joined(np.sort(places))


def agrees(ranges: RecordRanges, places: list[int]) -> bool:
    joined = ranges.joined(np.array(places, dtype=np.int64))
    return bool(json.loads(b"[%b]" % joined) == [json.loads(ranges[place]) for place in places])


@given(places=PLACES)
def test_together_they_are_what_each_place_gives(ranges: RecordRanges, places: list[int]) -> None:
    assert agrees(ranges, places)


def test_the_law_catches_who_sorts_them(ranges: RecordRanges) -> None:
    assert not agrees(Sorting(ranges.path, ranges.starts, ranges.lengths), [3, 1, 2])
