from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Affine
from bboxprep.geometry.plan import Plan, Step
from bboxprep.geometry.shapes import map_boxes
from bboxprep.model.sample import Frame, Sample
from tests.strategies import samples, steps

frames = st.sampled_from(Frame)


def assert_same_shapes(one: Sample, other: Sample) -> None:
    mine, its = one.instances, other.instances
    np.testing.assert_allclose(mine.boxes, its.boxes, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mine.keypoints, its.keypoints, rtol=1e-12, atol=1e-12)
    for rings, others in zip(mine.polygons, its.polygons, strict=True):
        for ring, another in zip(rings, others, strict=True):
            np.testing.assert_allclose(ring, another, rtol=1e-12, atol=1e-12)


@given(samples(), frames)
def test_the_frame_and_its_evidence_are_what_was_asked_for(sample: Sample, frame: Frame) -> None:
    seen = sample.in_frame(frame, "a word")
    assert (seen.frame, seen.evidence) == (frame, "a word")
    assert replace(seen, instances=sample.instances, frame=sample.frame, evidence=sample.evidence) == sample


@given(samples(), frames)
def test_seeing_it_in_another_frame_and_back_changes_nothing(sample: Sample, frame: Frame) -> None:
    back = sample.in_frame(frame, "there").in_frame(sample.frame, "and back")
    assert_same_shapes(back, sample)


@given(samples(), frames)
def test_fractions_of_the_size_stay_what_they_are(sample: Sample, frame: Frame) -> None:
    seen = replace(sample, fractional=True).in_frame(frame, "")
    before = sample.instances.boxes / np.tile(sample.size, 2)
    np.testing.assert_allclose(seen.instances.boxes / np.tile(seen.size, 2), before, rtol=1e-12)
    before = sample.instances.keypoints / sample.size
    np.testing.assert_allclose(seen.instances.keypoints / seen.size, before, rtol=1e-12)


@given(samples(), frames)
def test_pixels_stay_what_they_are(sample: Sample, frame: Frame) -> None:
    seen = replace(sample, fractional=False).in_frame(frame, "")
    assert seen.instances == sample.instances


@given(samples())
def test_the_size_is_that_of_its_frame(sample: Sample) -> None:
    assert sample.header is not None
    stored = sample.header.size
    assert sample.in_frame(Frame.STORED, "").size == stored
    assert sample.in_frame(Frame.DISPLAYED, "").size == sample.header.turn.size(stored)


@given(samples())
def test_the_way_to_the_stored_pixels_undoes_the_turn(sample: Sample) -> None:
    assert sample.header is not None
    assert replace(sample, frame=Frame.STORED).to_stored == Affine()
    shown = replace(sample, frame=Frame.DISPLAYED)
    turn = sample.header.turn.affine(sample.header.size)
    assert turn @ shown.to_stored == Affine() == shown.to_stored @ turn


@given(samples(), st.lists(steps(), max_size=4))
def test_a_plan_starts_from_the_stored_pixels_whatever_the_frame(sample: Sample, todo: list[Step]) -> None:
    assert sample.header is not None
    plan = Plan(sample.header.size).then(*todo)
    planned = replace(sample, plan=plan)
    assert planned.size == plan.size
    assert planned.affine is not None
    stored = map_boxes(sample.to_stored, sample.instances.boxes)
    np.testing.assert_allclose(
        map_boxes(planned.affine, sample.instances.boxes), map_boxes(plan.affine, stored), atol=1e-8
    )


@given(samples())
def test_an_unchanged_sample_has_not_moved(sample: Sample) -> None:
    assert sample.affine == Affine()


@given(samples())
def test_without_a_header_there_is_no_size_but_a_frame(sample: Sample) -> None:
    unread = replace(sample, header=None)
    seen = unread.in_frame(Frame.STORED, "a word")
    assert (seen.frame, seen.evidence, seen.instances) == (Frame.STORED, "a word", sample.instances)
    with pytest.raises(ValueError, match=r"photo\.jpg: the image has no readable header"):
        _ = unread.size


@given(samples())
def test_a_sample_made_by_hand_has_no_pixels_to_show(sample: Sample) -> None:
    with pytest.raises(ValueError, match="made by hand"):
        sample.pixels()
    assert sample._repr_png_() is None
