from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

import bboxprep
from bboxprep.errors import FrameError
from bboxprep.frames import from_pixels
from bboxprep.frames.from_pixels import PHOTOS, turn_from_pixels
from bboxprep.frames.likelihood import (
    MAX_LOG_ODDS,
    MEASURES,
    TURNS,
    WEIGHTS,
    frame_of,
    log_odds,
    turn_of,
    vote_weights,
)
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.model.sample import Frame
from tests.frames.scenes import scenes, two_things, write_yolo

DATA = Path(__file__).parents[2].parent / "shared" / "data"
FIXTURES = Path(__file__).parents[2] / "fixtures"
UNIT = Size(1, 1)


Measures = NDArray[np.float64]
KINDS = len(MEASURES)


def said(root: Path) -> Counter[tuple[str, str]]:
    return Counter((str(sample.frame), sample.evidence) for sample in bboxprep.read(root))


@pytest.mark.parametrize("frame", ["stored", "displayed"])
@pytest.mark.parametrize("code", range(2, 9))
def test_where_no_number_tells_the_pictures_do(tmp_path: Path, code: int, frame: str) -> None:
    root = write_yolo(tmp_path, frame, ((code, scene) for scene in scenes(8)))
    assert said(root) == {(frame, "pixels"): 8}


@pytest.mark.parametrize(("count", "told"), [(8, "labels taken as stored"), (1, "do not tell the plane")])
def test_the_odds_of_what_the_pictures_say_are_told(tmp_path: Path, count: int, told: str) -> None:
    dataset = bboxprep.read(write_yolo(tmp_path, "stored", ((6, scene) for scene in scenes(count))))
    (note,) = [finding.message for finding in dataset.findings if finding.code == "frame-from-pixels"]
    assert told in note
    assert f"the pixels of {count} of {count} photos" in note
    (odds,) = re.findall(r"odds of ([\d.,e+]+) to 1", note)
    assert (float(odds.replace(",", "")) > 999) is (count == 8)


def test_unturned_photos_teach_what_contrast_cannot_tell(tmp_path: Path) -> None:
    turned = [(2, scene) for scene in two_things(6, seed=1)]
    assert said(write_yolo(tmp_path / "alone", "stored", turned)) == {("displayed", "assumed"): 6}
    root = write_yolo(tmp_path / "taught", "stored", [*turned, *((1, scene) for scene in two_things(110))])
    dataset = bboxprep.read(root)
    assert Counter(sample.evidence for sample in dataset) == {"pixels": 6, "upright": 110}
    (note,) = [finding.message for finding in dataset.findings if finding.code == "frame-from-pixels"]
    assert "stored by the pixels of 6 of 6 photos, judged as 110 unturned ones teach, at odds of" in note


def test_where_both_rules_are_certain_of_different_frames_none_is_told() -> None:
    assert from_pixels._undisputed(20.0, -20.0) == 0.0
    assert [from_pixels._undisputed(20.0, usual) for usual in (20.0, 1.0, -1.0)] == [20.0] * 3


def test_where_a_number_tells_no_odds_are_needed(tmp_path: Path) -> None:
    dataset = bboxprep.read(write_coco(tmp_path, [(90, 120)] * 3))
    assert "frame-from-pixels" not in {finding.code for finding in dataset.findings}


def test_an_orientation_of_too_few_photos_follows_those_that_tell(tmp_path: Path) -> None:
    codes = [6] * 8 + [3, 1]
    root = write_yolo(tmp_path, "stored", zip(codes, scenes(10), strict=True))
    assert said(root) == {("stored", "pixels"): 8, ("stored", "dataset"): 1, ("displayed", "upright"): 1}


def test_one_photo_alone_is_not_enough(tmp_path: Path) -> None:
    assert said(write_yolo(tmp_path, "stored", [(6, next(scenes(1)))])) == {("displayed", "assumed"): 1}


def test_copies_of_one_photo_are_not_enough(tmp_path: Path) -> None:
    scene = next(scenes(1))
    assert said(write_yolo(tmp_path, "stored", [(6, scene)] * 12)) == {("displayed", "assumed"): 12}


def without_tables(jpeg: bytes) -> bytes:
    """`jpeg` with a header and an end, but no Huffman table by which its pixels could be decoded."""
    place = jpeg.index(b"\xff\xc4") + 5
    return jpeg[:place] + b"\xff" * 16 + jpeg[place + 16 :]


def test_pictures_that_cannot_be_decoded_are_passed_over(tmp_path: Path) -> None:
    root = write_yolo(tmp_path, "stored", ((3, scene) for scene in scenes(10)))
    paths = sorted((root / "images" / "train").iterdir())
    for path in paths[:3]:
        path.write_bytes(without_tables(path.read_bytes()))
    assert said(root) == {("stored", "pixels"): 10}
    for path in paths[3:]:
        path.write_bytes(without_tables(path.read_bytes()))
    assert said(root) == {("displayed", "assumed"): 10}


def test_photos_without_boxes_say_nothing_but_follow(tmp_path: Path) -> None:
    root = write_yolo(tmp_path, "stored", ((3, scene) for scene in scenes(10)))
    (root / "labels" / "train" / "004.txt").write_text("", encoding="utf-8")
    assert said(root) == {("stored", "pixels"): 10}


def write_coco(root: Path, sizes: Sequence[tuple[int, int]]) -> Path:
    """Photos of orientation 6 with labels drawn in the displayed plane, each declaring one of `sizes`."""
    write_yolo(root, "displayed", ((6, scene) for scene in scenes(len(sizes))))
    images, annotations = [], []
    for number, ((width, height), (_, boxes)) in enumerate(zip(sizes, scenes(len(sizes)), strict=True)):
        images.append({"id": number, "file_name": f"{number:03}.jpg", "width": width, "height": height})
        x0, y0, x1, y1 = (boxes[0] * (120, 90, 120, 90)).tolist()
        annotations.append({"id": number, "image_id": number, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]})
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    path = root / "images" / "train" / "_annotations.coco.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_unanimous_dataset_outweighs_the_pictures(tmp_path: Path) -> None:
    path = write_coco(tmp_path, [(90, 120)] + [(0, 0)] * 8)
    assert said(path) == {("stored", "declared-size"): 1, ("stored", "dataset"): 8}


def test_the_pictures_settle_what_a_dataset_that_disagrees_leaves_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_coco(tmp_path, [(90, 120), (120, 90)] + [(0, 0)] * 8)
    assert said(path) == {("stored", "declared-size"): 1, ("displayed", "declared-size"): 1, ("displayed", "pixels"): 8}
    monkeypatch.setattr(from_pixels, "PHOTOS", 1)
    with pytest.raises(FrameError, match="8 turned images do not tell"):
        bboxprep.read(path)


def test_a_plane_that_is_stated_is_believed(tmp_path: Path) -> None:
    root = write_yolo(tmp_path, "stored", ((3, scene) for scene in scenes(8)))
    assert {str(sample.frame) for sample in bboxprep.read(root, labels_in="displayed")} == {"displayed"}


@pytest.mark.parametrize("code", range(1, 9))
def test_labels_that_look_turned_are_told_how(tmp_path: Path, code: int) -> None:
    mistake = Dihedral.from_exif(code)
    wrong = ((picture, map_boxes(mistake.affine(UNIT), boxes)) for picture, boxes in scenes(8))
    dataset = bboxprep.read(write_yolo(tmp_path, "displayed", ((1, scene) for scene in wrong)))
    cure = turn_from_pixels(dataset.samples, ImagePolicy())
    assert cure == (None if mistake == IDENTITY else ~mistake)


def test_no_more_than_the_stated_number_of_photos_is_looked_at() -> None:
    for count in (0, 1, PHOTOS, PHOTOS + 1, 1000):
        chosen = list(from_pixels._evenly_spaced(range(count), PHOTOS))
        assert len(chosen) == len(set(chosen)) == min(count, PHOTOS)
        assert chosen == sorted(chosen)


def test_the_fixture_of_the_stored_frame_is_read_right() -> None:
    assert said(FIXTURES / "stored-frame-yolo") == {("stored", "whole-pixels"): 3}


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("folder", "step", "frame"), [("microcontroller/images", 12, "displayed"), ("raccoon", 7, "stored")]
)
def test_real_photos_tell_under_every_turn(tmp_path: Path, folder: str, step: int, frame: str) -> None:
    photos = []
    for sample in bboxprep.read(DATA / folder, "voc").samples[::step]:
        with Image.open(sample.path) as image:
            image.draft("RGB", (300, 300))
            small = image.convert("RGB")
        small.thumbnail((300, 300))
        boxes = sample.instances.boxes / np.tile(sample.size, 2)
        photos += [(code, (small, boxes)) for code in range(2, 9)]
    found = said(write_yolo(tmp_path, frame, photos))
    assert {told for told, _ in found} == {frame}
    assert found[frame, "pixels"] >= 6 / 7 * len(photos)


def measures(*shape: int) -> st.SearchStrategy[Measures]:
    """Arrays of the sizes that real measures have."""
    return arrays.arrays(np.float64, (*shape, KINDS), elements=st.floats(-2.0, 2.0, width=32))


pairs = st.integers(0, 12).flatmap(lambda count: st.tuples(measures(count), measures(count)))


@given(pairs)
def test_exchanging_the_readings_exchanges_the_verdict(pair: tuple[Measures, Measures]) -> None:
    one, other = pair
    votes = np.linspace(0.1, 1.0, len(one))
    assert (log_odds(one, other) == -log_odds(other, one)).all()
    swapped = {None: None, Frame.STORED: Frame.DISPLAYED, Frame.DISPLAYED: Frame.STORED}
    assert frame_of(other, one, votes) is swapped[frame_of(one, other, votes)]


@given(measures(), measures(), st.integers(1, 60))
def test_copies_of_a_photo_have_one_vote(one: Measures, other: Measures, copies: int) -> None:
    thumbnail = np.zeros(192)
    thumbnail[7] = 1.0
    votes = vote_weights(np.tile(thumbnail, (copies, 1)))
    assert votes.sum() == pytest.approx(1.0)
    assert frame_of(np.tile(one, (copies, 1)), np.tile(other, (copies, 1)), votes) is None


def test_each_photo_unlike_the_others_has_a_vote() -> None:
    assert vote_weights(np.eye(5)).tolist() == [1.0] * 5
    assert vote_weights(np.eye(5)[[0, 1, 1, 2, 1]]) == pytest.approx([1.0, 1 / 3, 1 / 3, 1.0, 1 / 3])
    assert vote_weights(np.zeros((3, 5))).tolist() == [1.0] * 3  # plain pictures, which measure nothing


@given(measures(), measures())
def test_no_photo_decides_alone(one: Measures, other: Measures) -> None:
    assert abs(log_odds(one, other)) <= MAX_LOG_ODDS
    assert frame_of(one[None], other[None], np.ones(1)) is None
    assert turn_of(np.stack([other] + [one] * 7)[None], np.ones(1)) is None


def test_every_measure_speaks_for_the_reading_that_has_more_of_it() -> None:
    assert len(WEIGHTS) == KINDS
    assert min(WEIGHTS) > 0


def test_many_photos_decide_what_few_cannot() -> None:
    for count, better, frame in ((2, 0.03, None), (30, 0.03, Frame.STORED), (30, -0.03, Frame.DISPLAYED)):
        other = np.random.default_rng(0).uniform(-2.0, 2.0, (count, KINDS))
        assert frame_of(other + better, other, np.ones(count)) is frame
    assert frame_of(other + 0.03, other, np.full(30, 1 / 30)) is None


@pytest.mark.parametrize("code", range(1, 9))
def test_the_turn_that_looks_best_is_named(code: int) -> None:
    group = np.random.default_rng(code).uniform(-2.0, 2.0, (20, 1, KINDS)) + np.zeros((20, 8, KINDS))
    group[:, code - 1] += 0.1
    assert turn_of(group, np.ones(20)) == (None if TURNS[code - 1] == IDENTITY else TURNS[code - 1])


def test_photos_that_measure_alike_under_every_turn_say_nothing() -> None:
    assert turn_of(np.ones((20, 8, KINDS)), np.ones(20)) is None
    assert frame_of(np.ones((20, KINDS)), np.ones((20, KINDS)), np.ones(20)) is None
