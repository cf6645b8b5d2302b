from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.segmentation import VOID, read_masks, unused_values

SIZE = Size(40, 30)


@st.composite
def rectangles(draw: st.DrawFn) -> NDArray[np.float64]:
    """Boxes (N, 4) in a picture of `SIZE`, no two of which have a column in common."""
    edges = sorted(draw(st.sets(st.integers(0, SIZE.width), min_size=2, max_size=12)))
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    rows = [sorted(draw(st.sets(st.integers(0, SIZE.height), min_size=2, max_size=2))) for _ in spans]
    return np.array([(x0, y0, x1, y1) for (x0, x1), (y0, y1) in zip(spans, rows, strict=True)], dtype=np.float64)


def drawn(boxes: NDArray[np.float64], numbers: list[int]) -> NDArray[np.uint8]:
    indices = np.zeros((SIZE.height, SIZE.width), dtype=np.uint8)
    for number, (x0, y0, x1, y1) in zip(numbers, boxes.astype(int), strict=True):
        indices[y0:y1, x0:x1] = number
    return indices


@given(boxes=rectangles(), data=st.data())
def test_each_object_gets_the_pixels_of_its_number(boxes: NDArray[np.float64], data: st.DataObject) -> None:
    numbers = data.draw(st.permutations(range(1, len(boxes) + 1)))
    indices = drawn(boxes, list(numbers))
    masks, astray = read_masks(indices, numbers, boxes)
    assert astray == 0
    for mask, number in zip(masks, numbers, strict=True):
        assert mask is not None
        assert (mask.mask() == (indices == number)).all()
    assert unused_values(indices, len(boxes)) == []


def test_a_mask_elsewhere_than_its_box_is_none() -> None:
    indices = drawn(np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]]), [1, 2])
    exchanged = np.array([[20.0, 0, 30, 10], [0, 0, 10, 10]])
    assert read_masks(indices, (1, 2), exchanged) == ([None, None], 2)


def test_half_of_what_both_cover_is_enough_and_less_is_not() -> None:
    indices = drawn(np.array([[0.0, 0, 10, 10]]), [1])
    (fits,), astray = read_masks(indices, (1,), np.array([[0.0, 0, 20, 10]]))
    assert fits is not None
    assert astray == 0
    assert read_masks(indices, (1,), np.array([[0.0, 0, 20.1, 10]])) == ([None], 1)


def test_the_border_of_nobody_counts_as_the_object_s() -> None:
    box = np.array([[10.0, 10, 22, 22]])
    indices = drawn(np.array([[14.0, 14, 18, 18]]), [1])
    assert read_masks(indices, (1,), box) == ([None], 1)
    bordered = np.where((drawn(box, [1]) == 1) & (indices == 0), VOID, indices).astype(np.uint8)
    (mask,), astray = read_masks(bordered, (1,), box)
    assert (mask is not None and mask.area, astray) == (16, 0)


def test_an_object_that_is_not_shown_has_no_mask_and_nothing_is_astray() -> None:
    indices = drawn(np.array([[0.0, 0, 10, 10]]), [2])
    assert read_masks(indices, (1,), np.array([[0.0, 0, 10, 10]])) == ([None], 0)
    assert read_masks(np.full((30, 40), VOID, dtype=np.uint8), (255,), np.array([[0.0, 0, 40, 30]])) == ([None], 0)


def test_a_box_that_is_no_number_fits_no_mask() -> None:
    indices = drawn(np.array([[0.0, 0, 10, 10]]), [1])
    assert read_masks(indices, (1,), np.array([[0.0, np.nan, np.inf, 10]])) == ([None], 1)


def test_numbers_that_stand_for_no_object_are_told() -> None:
    assert unused_values(np.array([[0, 1, 2, 7, 255]], dtype=np.uint8), 2) == [7]
