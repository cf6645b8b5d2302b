from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from bboxprep.model.sample import Key
from bboxprep.pipeline.work.worker import batches_of

KEYS = st.lists(st.tuples(st.sampled_from(["train", "val"]), st.integers(0, 60).map(str)), unique=True).map(sorted)
SIZES = st.integers(1, 9)


def noted(keys: Sequence[Key], size: int) -> dict[int, list[Key]]:
    """The batches of a first run over `keys`."""
    return {number: [keys[row] for row in rows] for number, (rows, _) in enumerate(batches_of(keys, size, {}), 1)}


def whole(keys: Sequence[Key], size: int, earlier: Mapping[int, Sequence[Key]]) -> list[tuple[list[Key], int]]:
    return [([keys[row] for row in rows], number) for rows, number in batches_of(keys, size, earlier)]


@given(keys=KEYS, before=KEYS, size=SIZES, size_before=SIZES)
def test_every_image_is_in_one_batch_of_one_split_in_order(
    keys: list[Key], before: list[Key], size: int, size_before: int
) -> None:
    earlier = noted(before, size_before)
    found = whole(keys, size, earlier)
    assert [key for batch, _ in found for key in batch] == keys
    for batch, number in found:
        assert len({split for split, _ in batch}) == 1
        assert batch == earlier[number] if number else len(batch) <= size
    numbers = [number for _, number in found if number]
    assert len(set(numbers)) == len(numbers)


@given(keys=KEYS, size=SIZES, workers=SIZES)
def test_the_same_images_are_the_same_batches_whatever_the_size(keys: list[Key], size: int, workers: int) -> None:
    earlier = noted(keys, size)
    assert [number for _, number in whole(keys, workers, earlier)] == list(earlier)


@given(keys=KEYS, size=SIZES, place=st.integers(0, 200))
def test_an_image_more_or_less_changes_one_batch_of_those_before(keys: list[Key], size: int, place: int) -> None:
    if not keys:
        return
    fewer = [key for row, key in enumerate(keys) if row != place % len(keys)]
    for now, before in ((keys, fewer), (fewer, keys)):
        earlier = noted(before, size)
        kept = {number for _, number in whole(now, size, earlier)} - {0}
        assert len(earlier) - len(kept) <= 1


def test_the_later_of_two_batches_that_begin_alike_counts() -> None:
    keys = [("train", "a"), ("train", "b")]
    assert whole(keys, 9, {1: keys, 2: keys[:1]}) == [(keys[:1], 2), (keys[1:], 0)]
    assert whole(keys, 9, {1: keys[:1], 2: keys}) == [(keys, 2)]


def test_names_that_are_no_text_are_found_as_the_journal_holds_them() -> None:
    keys = [("train", "\udcff.jpg")]
    assert whole(keys, 9, {1: [("train", "\\udcff.jpg")]}) == [(keys, 1)]
