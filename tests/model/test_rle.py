from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco

from bboxprep.geometry.affine import Size
from bboxprep.model.rle import Rle
from tests.strategies import masks, sizes

pytestmark = pytest.mark.filterwarnings(  # pycocotools with numpy 2
    "ignore:__array__ implementation:DeprecationWarning"
)

any_mask = sizes(24).flatmap(masks)
any_runs = st.lists(st.integers(0, 300), min_size=1, max_size=12).filter(lambda runs: sum(runs) > 0)


def coco_text(mask: NDArray[np.bool_]) -> bytes:
    text: bytes = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    return text


def run_text(*values: int) -> bytes:
    """The characters of `values` as they are, with no differences taken."""
    return b"".join(Rle(Size(value, 1), (value,)).text() if value else b"0" for value in values)


@given(any_mask)
def test_a_mask_comes_back_from_its_runs(mask: NDArray[np.bool_]) -> None:
    rle = Rle.from_mask(mask)
    assert np.array_equal(rle.mask(), mask)
    assert rle.area == mask.sum()
    assert sum(rle.runs) == mask.size == rle.size.pixels


@given(any_mask)
def test_the_text_is_what_pycocotools_writes(mask: NDArray[np.bool_]) -> None:
    rle = Rle.from_mask(mask)
    assert rle.text() == coco_text(mask)
    assert Rle.from_text(rle.size, rle.text()) == rle


@given(any_mask)
def test_pycocotools_reads_the_text_and_the_runs(mask: NDArray[np.bool_]) -> None:
    rle = Rle.from_mask(mask)
    height, width = mask.shape
    assert np.array_equal(coco.decode({"size": [height, width], "counts": rle.text()}), mask)
    runs = coco.frPyObjects({"size": [height, width], "counts": list(rle.runs)}, height, width)
    assert np.array_equal(coco.decode(runs), mask)


@given(any_runs)
def test_runs_of_any_length_survive_the_text(runs: list[int]) -> None:
    rle = Rle(Size(sum(runs), 1), tuple(runs))
    assert Rle.from_text(rle.size, rle.text()) == rle


@pytest.mark.parametrize("length", [15, 16, 31, 32, 511, 512, 2**20, 2**31, 2**32 + 5, 2**50])
def test_long_runs_survive_the_text(length: int) -> None:
    rle = Rle(Size(length + 3, 1), (1, length, 2))
    assert Rle.from_text(rle.size, rle.text()) == rle


@given(st.lists(st.integers(-5, 50), max_size=8), sizes(8))
def test_runs_that_do_not_fill_the_size_are_refused(runs: list[int], size: Size) -> None:
    if sum(runs) == size.pixels and min(runs) >= 0:
        assert Rle(size, tuple(runs)).mask().sum() == sum(runs[1::2])
    else:
        with pytest.raises(ValueError, match=f"want {size.pixels}"):
            Rle(size, tuple(runs))


@given(sizes(16), st.one_of(st.binary(max_size=40), st.text("0123456789:;<=>?@ABCPQRSTUVWXYZ`abco", max_size=40)))
@example(Size(4, 4), b"")
@example(Size(4, 4), b"o" * 40)
@example(Size(4, 4), b"o" * 11 + b"0")
@example(Size(4, 4), b"ooooooooooo?ooooooooooo?" * 20)
@example(Size(1, 1), b"\xff")
def test_garbage_is_a_value_error_or_a_mask(size: Size, garbage: bytes | str) -> None:
    text = garbage.encode("ascii") if isinstance(garbage, str) else garbage
    try:
        rle = Rle.from_text(size, text)
    except ValueError:
        return
    assert rle.mask().shape == (size.height, size.width)
    assert sum(rle.runs) == size.pixels


@given(any_mask, st.data())
def test_a_spoilt_text_is_a_value_error_or_a_mask(mask: NDArray[np.bool_], data: st.DataObject) -> None:
    text = bytearray(coco_text(mask))
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 255))
    size = Size(mask.shape[1], mask.shape[0])
    try:
        rle = Rle.from_text(size, bytes(text[: data.draw(st.integers(0, len(text)))]))
    except ValueError:
        return
    assert rle.mask().shape == mask.shape


@pytest.mark.parametrize(
    "text",
    [
        run_text(2**40, 2**40),
        run_text(0, 2**52),
        b"ooooooooooo0",
        b"o" * 1_000_000 + b"0",
        b"1" * 1_000_000,
        b"?" * 999,
    ],
)
def test_runs_beyond_the_picture_cost_no_memory(text: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(ValueError, match="run"):
        Rle.from_text(Size(640, 480), text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * len(text) + 1_000_000


def test_a_number_of_more_digits_than_any_run_has_is_refused() -> None:
    assert Rle.from_text(Size(2, 2), b"P" * 11 + b"0" + b"4").runs == (0, 4)
    with pytest.raises(ValueError, match="longer than any image"):
        Rle.from_text(Size(2, 2), b"P" * 12 + b"0" + b"4")


def test_no_run_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="want 12"):
        Rle.from_text(Size(4, 3), b"")


def test_a_mask_that_begins_set_has_a_first_run_of_none() -> None:
    rle = Rle.from_mask(np.array([[True, False], [True, True]]))
    assert rle.runs == (0, 2, 1, 1)
    assert rle.size == Size(2, 2)


def test_the_spelling_is_remembered_and_part_of_the_value() -> None:
    mask = np.ones((2, 2), dtype=np.bool_)
    assert Rle.from_mask(mask).compressed
    assert Rle.from_mask(mask) != Rle.from_mask(mask, compressed=False)
