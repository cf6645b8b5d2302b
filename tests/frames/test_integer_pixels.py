from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.frames.integer_pixels import CHANCE, whole_pixel_frame
from bboxprep.geometry.affine import Size
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Frame, Sample

STORED = Size(1200, 901)
TURNED = st.sampled_from((5, 6, 7, 8))
RANDOM_IMAGES = 20_000
Boxes = NDArray[np.float64]


def from_file(
    shares: Boxes, decimals: int, orientation: int = 6, size: Size = STORED, *, fractional: bool = True
) -> Sample:
    """A sample as a YOLO reader makes it of the rows `shares` (N, 4) cx cy w h, printed with `decimals`."""
    header = Header(size, orientation)
    rows = np.round(shares, decimals)
    corners = np.concatenate((rows[:, :2] - rows[:, 2:] / 2.0, rows[:, :2] + rows[:, 2:] / 2.0), axis=1)
    boxes = corners * np.tile(header.displayed, 2)
    return Sample(PurePosixPath("a.jpg"), Path("a.jpg"), header, Instances.of(boxes), fractional=fractional)


def drawn(edges: Boxes, plane: Size) -> Boxes:
    """Rows cx cy w h of the corners `edges` (N, 4), in pixels of `plane`."""
    low, high = edges[:, :2] / plane, edges[:, 2:] / plane
    return np.concatenate(((low + high) / 2.0, high - low), axis=1)


def whole_boxes(random: np.random.Generator, count: int, plane: Size) -> Boxes:
    corners = np.sort(random.integers(0, np.array(plane) - 2, (count, 2, 2)), axis=1).astype(np.float64)
    corners[:, 1] += 2.0
    return corners.reshape(-1, 4)


@given(st.integers(0, 2**32 - 1), TURNED, st.sampled_from(Frame), st.sampled_from((6, 7, 9, 17)))
def test_boxes_drawn_on_whole_pixels_betray_their_plane(seed: int, code: int, frame: Frame, decimals: int) -> None:
    plane = STORED if frame is Frame.STORED else STORED.transposed
    boxes = whole_boxes(np.random.default_rng(seed), 6, plane)
    assert whole_pixel_frame(from_file(drawn(boxes, plane), decimals, code)) is frame


@given(st.integers(0, 2**32 - 1), TURNED, st.integers(2, 17))
def test_the_vote_does_not_depend_on_the_frame_a_sample_is_first_read_in(seed: int, code: int, decimals: int) -> None:
    random = np.random.default_rng(seed)
    sample = from_file(drawn(whole_boxes(random, int(random.integers(1, 5)), STORED), STORED), decimals, code)
    assert whole_pixel_frame(sample.seen_in(Frame.STORED, "")) is whole_pixel_frame(sample)


@pytest.mark.parametrize("decimals", [3, 4, 5, 6, 17])
def test_labels_that_know_nothing_of_pixels_vote_no_oftener_than_is_stated(decimals: int) -> None:
    random = np.random.default_rng(decimals)
    votes = 0
    for _ in range(RANDOM_IMAGES // 5):
        corners = np.sort(random.random((random.integers(1, 4), 2, 2)), axis=1).reshape(-1, 4)
        size = Size(*(int(length) for length in random.integers(50, 4000, 2)))
        votes += whole_pixel_frame(from_file(drawn(corners, Size(1, 1)), decimals, size=size)) is not None
    assert votes <= 2 * CHANCE * RANDOM_IMAGES / 5 + 1


def test_labels_drawn_on_a_copy_stretched_to_a_square_vote_for_no_plane() -> None:
    random = np.random.default_rng(0)
    for _ in range(500):
        boxes = whole_boxes(random, int(random.integers(1, 4)), Size(640, 640))
        assert whole_pixel_frame(from_file(drawn(boxes, Size(640, 640)), 6, size=Size(1280, 960))) is None


@given(st.integers(0, 2**32 - 1), st.sampled_from(Frame))
def test_labels_drawn_on_a_copy_of_half_the_size_vote_for_their_plane(seed: int, frame: Frame) -> None:
    size = Size(2 * STORED.width, 2 * STORED.height)
    half = STORED if frame is Frame.STORED else STORED.transposed
    boxes = whole_boxes(np.random.default_rng(seed), 6, half)
    assert whole_pixel_frame(from_file(drawn(boxes, half), 6, size=size)) is frame


def test_boxes_cut_at_the_edge_by_a_reader_still_vote() -> None:
    plane = STORED.transposed
    boxes = whole_boxes(np.random.default_rng(2), 6, plane)
    boxes[:, 2:] = np.where(np.arange(6)[:, None] % 2, plane, boxes[:, 2:])
    sample = from_file(drawn(boxes, plane), 6)
    assert sample.instances.boxes.max(axis=0)[2:] == pytest.approx(plane, abs=0.01)
    cut = replace(sample, instances=Instances.of(np.minimum(sample.instances.boxes, np.tile(plane, 2))))
    assert not np.array_equal(cut.instances.boxes, sample.instances.boxes)
    assert whole_pixel_frame(cut) is Frame.DISPLAYED


def test_one_box_beside_the_pixels_takes_the_vote_away() -> None:
    boxes = whole_boxes(np.random.default_rng(1), 6, STORED)
    assert whole_pixel_frame(from_file(drawn(boxes, STORED), 6)) is Frame.STORED
    boxes[3] += 0.3, 0.0, 0.0, 0.0
    assert whole_pixel_frame(from_file(drawn(boxes, STORED), 6)) is None


def test_simple_fractions_copies_of_one_box_and_few_decimals_prove_nothing() -> None:
    grid = np.array([[0.5, 0.5, 0.25, 0.25], [0.25, 0.75, 0.5, 0.5]])
    assert whole_pixel_frame(from_file(grid, 6, size=Size(1200, 800))) is None
    copies = np.repeat(drawn(np.array([[0.0, 0.0, 1201.0 / 2.0, 7.0]]), STORED), 50, axis=0)
    assert whole_pixel_frame(from_file(copies, 6)) is None
    boxes = whole_boxes(np.random.default_rng(1), 6, STORED)
    assert whole_pixel_frame(from_file(drawn(boxes, STORED), 3)) is None


def test_where_the_test_does_not_apply_nothing_is_said() -> None:
    boxes = drawn(whole_boxes(np.random.default_rng(1), 6, STORED), STORED)
    assert whole_pixel_frame(from_file(boxes, 6)) is Frame.STORED
    assert whole_pixel_frame(from_file(boxes, 6, orientation=3)) is None
    assert whole_pixel_frame(from_file(boxes, 6, size=Size(900, 900))) is None
    assert whole_pixel_frame(from_file(boxes, 6, fractional=False)) is None
    assert whole_pixel_frame(from_file(boxes[:0], 6)) is None
    assert whole_pixel_frame(from_file(np.full((1, 4), np.nan), 6)) is None
