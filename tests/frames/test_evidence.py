from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from bboxprep.frames.evidence import FrameEvidence, frame_evidence_of, size_fault, unanimous_frame, without_chance_votes
from bboxprep.geometry.affine import Size
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Frame, Sample

STORED, SHOWN = Size(400, 300), Size(300, 400)
WIDE, TALL, SMALL = (10.0, 10.0, 390.0, 200.0), (10.0, 10.0, 200.0, 390.0), (10.0, 10.0, 50.0, 50.0)


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
