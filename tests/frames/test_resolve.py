"""What states the plane of a dataset's labels, the strongest first: the caller, the format, the evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.frames.resolve import LabelsIn, resolve_frames
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.model.sample import Frame
from bboxprep.pipeline.source.open import open_source

PHOTOS = Path(__file__).parents[2] / "fixtures" / "phone-photos-coco"


@pytest.mark.parametrize(
    ("labels_in", "plane", "decision"),
    [
        ("stored", Frame.DISPLAYED, (Frame.STORED, "option")),
        ("auto", Frame.STORED, (Frame.STORED, "format")),
        ("auto", Frame.DISPLAYED, (Frame.DISPLAYED, "format")),
    ],
)
def test_the_caller_overrules_the_format_and_the_format_the_evidence(
    labels_in: LabelsIn, plane: Frame, decision: tuple[Frame, str]
) -> None:
    source = open_source(PHOTOS)
    found, notes = resolve_frames(PHOTOS, source.dataset, source.summaries, labels_in, ImagePolicy(), plane)
    assert found
    assert not notes
    assert set(found.values()) == {decision}
    assert found.keys() == source.frames.keys()


def test_without_either_the_evidence_states_it() -> None:
    source = open_source(PHOTOS)
    found, notes = resolve_frames(PHOTOS, source.dataset, source.summaries, "auto", ImagePolicy())
    assert found == source.frames
    assert {note.code for note in notes} <= {"frame-from-pixels"}
    assert "format" not in {evidence for _, evidence in found.values()}
