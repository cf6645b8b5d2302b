"""A dataset's unturned photos teach how its objects look, but only what held-out photos confirm."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from bboxprep.frames import calibrated
from bboxprep.frames.appearance import appearance_of, harm_of, turned_pattern
from bboxprep.frames.calibrated import LEAST, Photo, calibration_of
from bboxprep.frames.contrast import contrast, contrast_features_of
from bboxprep.frames.likelihood import TURNS, frame_of
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, FLIP_VERTICAL, Dihedral
from bboxprep.geometry.shapes import map_boxes
from tests.frames.scenes import Scene, turned, two_things
from tests.strategies import dihedrals

UNIT = Size(1, 1)
Floats = NDArray[np.float64]


def photo(scene: Scene, readings: Iterable[Dihedral] = TURNS) -> Photo:
    """The photo as it is, its boxes turned by each of `readings`."""
    pixels, boxes = np.asarray(scene[0]), scene[1]
    features, read = contrast_features_of(pixels), np.stack([map_boxes(t.affine(UNIT), boxes) for t in readings])
    return Photo(contrast(features, read), features.thumbnail, appearance_of(pixels, features, read))


def turned_boxes(scenes: Iterable[Scene], turn: Dihedral) -> list[Photo]:
    return [photo((picture, map_boxes(turn.affine(UNIT), boxes))) for picture, boxes in scenes]


@pytest.fixture(scope="module")
def teachers() -> list[Photo]:
    return [photo(scene) for scene in two_things(110)]


def test_what_contrast_cannot_tell_is_told(teachers: list[Photo]) -> None:
    calibration = calibration_of(teachers)
    assert calibration is not None
    assert calibration.photos == len(teachers)
    readings = (TURNS[0], FLIP_HORIZONTAL)
    pupils = [photo(scene, readings) for scene in two_things(10, seed=1)]
    measures = np.array([pupil.measures for pupil in pupils])
    assert frame_of(measures[:, 0], measures[:, 1], np.ones(10)) is None
    right = calibration.log_odds(pupils, FLIP_HORIZONTAL)
    assert right.min() > 2.0
    swapped = [photo(scene, readings[::-1]) for scene in two_things(10, seed=1)]
    assert calibration.log_odds(swapped, FLIP_HORIZONTAL) == pytest.approx(-right)


@pytest.mark.parametrize("turn", TURNS[1:])
def test_either_plane_may_be_the_upright_one(teachers: list[Photo], turn: Dihedral) -> None:
    calibration = calibration_of(teachers)
    assert calibration is not None
    picture, boxes = next(two_things(1, seed=2))
    lying = turned(np.asarray(picture), ~turn)
    features = contrast_features_of(lying)
    readings = np.stack((map_boxes((~turn).affine(UNIT), boxes), boxes))
    stored = Photo(contrast(features, readings), features.thumbnail, appearance_of(lying, features, readings))
    upright = photo((picture, boxes), (TURNS[0], turn))
    assert calibration.log_odds([stored], turn) == pytest.approx(calibration.log_odds([upright], ~turn), abs=1e-6)


def test_labels_that_look_turned_teach_nothing() -> None:
    scenes = list(two_things(LEAST + 10))
    assert calibration_of(turned_boxes(scenes, FLIP_VERTICAL)) is None


def test_where_the_measures_of_contrast_tell_as_much_nothing_is_taught(
    teachers: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrated, "log_odds", lambda _, other: np.full(other.shape[:2], 5.0))
    assert calibration_of(teachers) is None


def test_odds_cool_until_no_group_is_told_wrong() -> None:
    odds, harm, alike = np.full((20, 2, 7), 3.0), np.ones((20, 7)), np.eye(20, dtype=np.bool_)
    assert calibrated._temperature(odds, harm, alike) == 1.0
    odds[:3] = -4.5  # three of them in one group outweigh the others
    heat = calibrated._temperature(odds, harm, alike)
    assert heat is not None
    assert heat > 1.0
    assert calibrated._are_safe(odds / heat, alike)
    assert not calibrated._are_safe(odds, alike)
    assert calibrated._temperature(np.full((20, 2, 7), -20.0), harm, alike) is None


def test_odds_that_no_temperature_makes_safe_teach_nothing(
    teachers: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrated, "_are_safe", lambda *_: False)
    assert calibration_of(teachers) is None


def test_few_photos_and_copies_of_them_teach_nothing(teachers: list[Photo]) -> None:
    assert calibration_of([]) is None
    assert calibration_of(teachers[: LEAST - 1]) is None
    assert calibration_of(teachers[: LEAST - 1] * 2) is None


@given(dihedrals())
def test_a_pattern_turns_with_its_photo(turn: Dihedral) -> None:
    picture, boxes = next(two_things(1))
    pixels = np.asarray(picture)
    lying = turned(pixels, turn)
    before = appearance_of(pixels, contrast_features_of(pixels), boxes[None])
    after = appearance_of(lying, contrast_features_of(lying), map_boxes(turn.affine(UNIT), boxes)[None])
    assert after.patterns == pytest.approx(turned_pattern(before.patterns, turn), abs=1e-9)
    assert after.products == pytest.approx(before.products, abs=1e-6)
    assert after.along == pytest.approx(before.along, abs=1e-6)


def test_harm_is_what_the_boxes_do_not_share() -> None:
    boxes = np.array([[0.0, 0.0, 0.4, 1.0], [0.2, 0.2, 0.3, 0.8]])
    moved = np.array([[0.2, 0.0, 0.6, 1.0], [0.2, 0.2, 0.3, 0.8]])
    assert harm_of(np.stack((boxes, moved, boxes + 2.0))) == pytest.approx([0.0, 1.0 / 3.0, 1.0])
    assert np.isfinite(harm_of(np.zeros((2, 1, 4)))).all()
