from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.frames.evidence import (
    CHANCE,
    FrameEvidence,
    frame_evidence_of,
    size_fault,
    unanimous_frame,
    whole_pixel_frame,
    without_chance_votes,
)
from bboxprep.geometry.affine import Size
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Frame, Sample

STORED, SHOWN = Size(400, 300), Size(300, 400)
WIDE, TALL, SMALL = (10.0, 10.0, 390.0, 200.0), (10.0, 10.0, 200.0, 390.0), (10.0, 10.0, 50.0, 50.0)


STORED_SIZE = Size(1200, 901)
TURNED = st.sampled_from((5, 6, 7, 8))
RANDOM_IMAGES = 20_000
Boxes = NDArray[np.float64]


def sample(
    orientation: int, declared: Size | None = None, box: tuple[float, ...] = SMALL, *, fractional: bool = False
) -> Sample:
    return Sample(
        PurePosixPath("a.jpg"),
        Path("a.jpg"),
        Header(STORED, orientation),
        Instances.of([box], [0]),
        declared=declared,
        fractional=fractional,
    )


@pytest.mark.parametrize(
    ("declared", "box", "votes"),
    [
        (SHOWN, SMALL, ((Frame.DISPLAYED, "declared-size"),)),
        (STORED, SMALL, ((Frame.STORED, "declared-size"),)),
        (None, WIDE, ((Frame.STORED, "box-bounds"),)),
        (None, TALL, ((Frame.DISPLAYED, "box-bounds"),)),
        (SHOWN, TALL, ((Frame.DISPLAYED, "declared-size"), (Frame.DISPLAYED, "box-bounds"))),
        (None, SMALL, ()),
        (None, (0.0, 0.0, 999.0, 999.0), ()),
        (Size(7, 7), SMALL, ()),
    ],
)
def test_size_and_bounds_bear_witness(declared: Size | None, box: tuple[float, ...], votes: object) -> None:
    for orientation in (5, 6, 7, 8):
        assert frame_evidence_of(sample(orientation, declared, box)) == FrameEvidence(turned=True, votes=votes)  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_turns_that_keep_the_size_tell_nothing(orientation: int) -> None:
    assert frame_evidence_of(sample(orientation, STORED, WIDE)) == FrameEvidence(turned=True)


def test_fractions_fit_every_plane_and_tell_nothing_but_where_they_are_whole_pixels() -> None:
    beside = (10.123, 10.234, 390.345, 200.456)
    assert frame_evidence_of(sample(6, None, beside, fractional=True)) == FrameEvidence(turned=True)
    whole = frame_evidence_of(sample(6, None, (11.0, 13.0, 290.0, 211.0), fractional=True))
    assert whole == FrameEvidence(turned=True, votes=((Frame.DISPLAYED, "whole-pixels"),))


def test_a_rare_vote_for_whole_pixels_is_an_accident() -> None:
    silent = FrameEvidence(turned=True)
    sized = FrameEvidence(turned=True, votes=((Frame.STORED, "declared-size"),))
    whole = FrameEvidence(turned=True, votes=((Frame.STORED, "whole-pixels"),))
    assert without_chance_votes([whole] + [silent] * 99) == [silent] * 100
    assert without_chance_votes([whole, sized] + [silent] * 98) == [silent, sized] + [silent] * 98
    for kept in ([], [whole] * 2 + [silent] * 98, [whole]):
        assert without_chance_votes(kept) == kept


def test_an_upright_photo_has_nothing_to_decide() -> None:
    assert frame_evidence_of(sample(1, SHOWN, TALL)) == FrameEvidence(turned=False)


def test_evidence_can_contradict_itself() -> None:
    assert frame_evidence_of(sample(6, SHOWN, WIDE)).contradicts_itself
    assert not frame_evidence_of(sample(6, SHOWN, TALL)).contradicts_itself


def test_the_silent_follow_the_others_only_where_these_agree() -> None:
    silent = FrameEvidence(turned=True)
    stored = FrameEvidence(turned=True, votes=((Frame.STORED, "declared-size"),))
    shown = FrameEvidence(turned=True, votes=((Frame.DISPLAYED, "box-bounds"),))
    assert unanimous_frame([silent, silent]) == (Frame.DISPLAYED, "assumed")
    assert unanimous_frame([silent, stored, stored]) == (Frame.STORED, "dataset")
    assert unanimous_frame([silent, stored, shown]) is None


@pytest.mark.parametrize(
    ("orientation", "declared", "box", "code"),
    [
        (1, STORED, SMALL, ""),
        (1, None, SMALL, ""),
        (6, STORED, SMALL, ""),
        (6, SHOWN, SMALL, ""),
        (1, SHOWN, SMALL, "size-swapped"),
        (1, SHOWN, TALL, "size-contradicts"),
        (1, Size(800, 600), SMALL, "size-contradicts"),
        (6, Size(800, 600), SMALL, "size-contradicts"),
    ],
)
def test_a_declared_size_that_is_not_the_images(
    orientation: int, declared: Size | None, box: tuple[float, ...], code: str
) -> None:
    assert size_fault(sample(orientation, declared, box))[0] == code


def from_file(
    shares: Boxes, decimals: int, orientation: int = 6, size: Size = STORED_SIZE, *, fractional: bool = True
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
    plane = STORED_SIZE if frame is Frame.STORED else STORED_SIZE.transposed
    boxes = whole_boxes(np.random.default_rng(seed), 6, plane)
    assert whole_pixel_frame(from_file(drawn(boxes, plane), decimals, code)) is frame


@given(st.integers(0, 2**32 - 1), TURNED, st.integers(2, 17))
def test_the_vote_does_not_depend_on_the_frame_a_sample_is_first_read_in(seed: int, code: int, decimals: int) -> None:
    random = np.random.default_rng(seed)
    sample = from_file(drawn(whole_boxes(random, int(random.integers(1, 5)), STORED_SIZE), STORED_SIZE), decimals, code)
    assert whole_pixel_frame(sample.in_frame(Frame.STORED, "")) is whole_pixel_frame(sample)


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
    size = Size(2 * STORED_SIZE.width, 2 * STORED_SIZE.height)
    half = STORED_SIZE if frame is Frame.STORED else STORED_SIZE.transposed
    boxes = whole_boxes(np.random.default_rng(seed), 6, half)
    assert whole_pixel_frame(from_file(drawn(boxes, half), 6, size=size)) is frame


def test_boxes_cut_at_the_edge_by_a_reader_still_vote() -> None:
    plane = STORED_SIZE.transposed
    boxes = whole_boxes(np.random.default_rng(2), 6, plane)
    boxes[:, 2:] = np.where(np.arange(6)[:, None] % 2, plane, boxes[:, 2:])
    sample = from_file(drawn(boxes, plane), 6)
    assert sample.instances.boxes.max(axis=0)[2:] == pytest.approx(plane, abs=0.01)
    cut = replace(sample, instances=Instances.of(np.minimum(sample.instances.boxes, np.tile(plane, 2))))
    assert not np.array_equal(cut.instances.boxes, sample.instances.boxes)
    assert whole_pixel_frame(cut) is Frame.DISPLAYED


def test_one_box_beside_the_pixels_takes_the_vote_away() -> None:
    boxes = whole_boxes(np.random.default_rng(1), 6, STORED_SIZE)
    assert whole_pixel_frame(from_file(drawn(boxes, STORED_SIZE), 6)) is Frame.STORED
    boxes[3] += 0.3, 0.0, 0.0, 0.0
    assert whole_pixel_frame(from_file(drawn(boxes, STORED_SIZE), 6)) is None


def test_simple_fractions_copies_of_one_box_and_few_decimals_prove_nothing() -> None:
    grid = np.array([[0.5, 0.5, 0.25, 0.25], [0.25, 0.75, 0.5, 0.5]])
    assert whole_pixel_frame(from_file(grid, 6, size=Size(1200, 800))) is None
    copies = np.repeat(drawn(np.array([[0.0, 0.0, 1201.0 / 2.0, 7.0]]), STORED_SIZE), 50, axis=0)
    assert whole_pixel_frame(from_file(copies, 6)) is None
    boxes = whole_boxes(np.random.default_rng(1), 6, STORED_SIZE)
    assert whole_pixel_frame(from_file(drawn(boxes, STORED_SIZE), 3)) is None


def test_where_the_test_does_not_apply_nothing_is_said() -> None:
    boxes = drawn(whole_boxes(np.random.default_rng(1), 6, STORED_SIZE), STORED_SIZE)
    assert whole_pixel_frame(from_file(boxes, 6)) is Frame.STORED
    assert whole_pixel_frame(from_file(boxes, 6, orientation=3)) is None
    assert whole_pixel_frame(from_file(boxes, 6, size=Size(900, 900))) is None
    assert whole_pixel_frame(from_file(boxes, 6, fractional=False)) is None
    assert whole_pixel_frame(from_file(boxes[:0], 6)) is None
    assert whole_pixel_frame(from_file(np.full((1, 4), np.nan), 6)) is None
