from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bboxprep.model.ids import assign_ids


@given(ids=st.lists(st.integers(-2, 9) | st.just(2**62)))
def test_ids_stay_where_they_can_and_are_positive_and_unique(ids: list[int]) -> None:
    settled = assign_ids(ids)
    assert len(set(settled)) == len(ids)
    assert all(number > 0 for number in settled)
    stay = [number > 0 and number not in ids[:place] for place, number in enumerate(ids)]
    assert [number for number, stays in zip(settled, stay, strict=True) if stays] == [
        number for number, stays in zip(ids, stay, strict=True) if stays
    ]
    fresh = [number for number, stays in zip(settled, stay, strict=True) if not stays]
    assert fresh == [number for number in range(1, len(ids) + 1) if number not in ids][: len(fresh)]
