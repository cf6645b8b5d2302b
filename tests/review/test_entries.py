from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import UsageError
from bboxprep.review.build import plan_review
from bboxprep.review.entries import ReviewSelection
from bboxprep.verification.faults import Fault, Layer
from tests.review.sites import BROKEN, FIXTURES, OUTSIDE, QUOTED, hostile, prepared

PHOTOS = FIXTURES / "phone-photos-coco"


def fault(code: str, image: str) -> Fault:
    return Fault(Layer.PIXEL, code, image, "object 1", "is wrong")


def sources(shown: ReviewSelection) -> list[str]:
    return [entry.row.source if entry.row else "" for entry in shown.entries]


def test_faults_of_the_run_come_first_then_notes_then_the_rest_in_their_order(tmp_path: Path) -> None:
    source = hostile(tmp_path / "source")
    out = prepared(source, tmp_path / "out", to="yolo")
    shown = plan_review(out, against=source).selection
    assert sources(shown)[:2] == [f"train/{BROKEN}", f"train/{OUTSIDE}"]
    assert sources(shown)[2] == f"train/{QUOTED}"
    assert sorted(sources(shown)[4:]) == sources(shown)[4:]
    assert [note.code for note in shown.entries[1].notes] == ["box-outside"]


def test_images_pair_with_their_source_and_what_was_left_out_stays(tmp_path: Path) -> None:
    source = hostile(tmp_path / "source")
    out = prepared(source, tmp_path / "out")
    review = plan_review(out, against=source)
    assert review.source is not None
    assert len(review.selection.entries) == 12
    for entry in review.selection.entries:
        assert entry.row is not None
        assert entry.before is not None
        before = review.source.dataset[entry.before]
        assert before.path == source / entry.row.source
        assert (entry.after is None) == (entry.row.source == f"train/{BROKEN}")
        if entry.after is not None:
            assert review.out.dataset[entry.after].path == out / str(entry.row.output)


@pytest.mark.parametrize("compared", [True, False])
def test_findings_hang_on_their_images_with_and_without_the_source(compared: bool, tmp_path: Path) -> None:
    source = hostile(tmp_path / "source")
    out = prepared(source, tmp_path / "out", to="yolo")
    shown = plan_review(out, against=source if compared else None).selection
    said = {
        entry.row.source: sorted({note.code for note in entry.notes})
        for entry in shown.entries
        if entry.row and entry.notes
    }
    assert said == {
        f"train/{BROKEN}": ["image-skipped", "image-unreadable"],
        f"train/{OUTSIDE}": ["box-outside"],
        f"train/{QUOTED}": ["crowd-dropped"],
        "train/phone backup/ünïcode name #1 (kopie).jpg": ["crowd-dropped"],
    }
    assert {note.code for note in shown.unassigned} == {"column-dropped"}
    assert len(shown.notes) == len(shown.unassigned) + sum(len(entry.notes) for entry in shown.entries)


def test_what_a_proof_found_goes_before_everything_in_its_order(tmp_path: Path) -> None:
    source = hostile(tmp_path / "source")
    out = prepared(source, tmp_path / "out")
    faults = (fault("image-turned", "val/IMG_2009.png"), fault("box-moved", f"train/{QUOTED}"))
    elsewhere = fault("image-extra", "nowhere.jpg")
    shown = plan_review(out, against=source, faults=(*faults, elsewhere)).selection
    assert sources(shown)[:3] == ["val/IMG_2009.png", f"train/{QUOTED}", f"train/{BROKEN}"]
    assert [entry.rank for entry in shown.entries[:2]] == [0, 1]
    assert [note.path for note in shown.unassigned if note.code == "image-extra"] == ["nowhere.jpg"]


def test_a_dataset_that_is_not_ours_stands_for_itself() -> None:
    shown = plan_review(PHOTOS, faults=(fault("box-off-outline", "val/IMG_2012.jpg"),)).selection
    assert [entry.before for entry in shown.entries] == [None] * 12
    assert sorted(entry.after for entry in shown.entries if entry.after is not None) == list(range(12))
    assert shown.entries[0].notes[0].code == "box-off-outline"


def test_there_is_no_comparing_without_a_record() -> None:
    with pytest.raises(UsageError, match="has no record of a run"):
        plan_review(PHOTOS, against=PHOTOS)
