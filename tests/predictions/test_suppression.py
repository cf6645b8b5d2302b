"""Predictions on tiles and copies become one for each object."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Affine
from bboxprep.geometry.shapes import hull, ring_around
from bboxprep.predictions import unmap
from bboxprep.predictions.suppression import Detection, kept
from bboxprep.recipe.crops import Tile
from tests.predictions.test_unmap import coco_set, results_of, run_of, write

found = st.lists(
    st.builds(
        lambda x, y, width, height, image, category, score: Detection(
            image, category, score, np.array([(x, y), (x + width, y + height)], dtype=np.float64)
        ),
        *[st.integers(0, 9)] * 2,
        *[st.integers(1, 12)] * 2,
        st.sampled_from("ab"),
        st.sampled_from("xy"),
        st.integers(1, 10**6).map(lambda number: number / 10**6),
    ),
    max_size=12,
    unique_by=lambda one: one.score,
)
Judge = Callable[[Sequence[Detection], float], NDArray[np.bool_]]


def overlap(one: Detection, other: Detection) -> float:
    """The intersection over the union of the boxes around two detections."""
    a, b = hull(one.points), hull(other.points)
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0.0))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def is_greedy(judge: Judge, detections: list[Detection], most: float) -> bool:
    """Whether `judge` keeps just those that overlap no kept one of a higher score, of their image and class."""
    best: list[Detection] = []
    for one in sorted(detections, key=lambda one: -one.score):
        rivals = [other for other in best if (other.image, other.category) == (one.image, one.category)]
        if all(overlap(one, other) <= most for other in rivals):
            best.append(one)
    flags = judge(detections, most)
    return {one.score for one, flag in zip(detections, flags, strict=True) if flag} == {one.score for one in best}


@given(found, st.sampled_from([0.1037, 0.3017, 0.6113]))  # shares that no boxes of whole sides have
def test_the_best_of_each_image_and_class_is_kept(detections: list[Detection], most: float) -> None:
    assert is_greedy(kept, detections, most)


def test_the_law_catches_who_mixes_classes() -> None:
    pair = [Detection("a", name, score, np.array([(0.0, 0.0), (9.0, 9.0)])) for name, score in (("x", 0.9), ("y", 0.8))]
    assert is_greedy(kept, pair, 0.5)
    assert not is_greedy(
        lambda those, most: kept([Detection("a", "x", one.score, one.points) for one in those], most), pair, 0.5
    )


@given(st.floats(0, 89), st.sampled_from([0.0, 2.0, 30.0]))
def test_turned_boxes_overlap_as_they_lie(angle: float, away: float) -> None:
    turn = Affine.rotation(angle)
    pair = [
        Detection("a", "x", score, turn(ring_around((left, 0.0, left + 40.0, 4.0))), turned=True)
        for left, score in ((0.0, 0.9), (away, 0.8))
    ]
    assert kept(pair, 0.5).tolist() == [True, away > 10]  # 2 px of 40 away: 38/42; 30 px: 10/70


def test_an_object_on_two_tiles_is_found_once(tmp_path: Path) -> None:
    coco_set(tmp_path / "source", "stored")
    run = run_of(tmp_path / "source", tmp_path / "out", "coco", (Tile((50, 40), 0.7),), "stored")
    results = write(tmp_path / "results.json", results_of(run))
    all_of_them, merged = (unmap(run, results, tmp_path / f"{nms}.json", nms=nms) for nms in (None, 0.3))
    assert all_of_them.written > merged.written
    (finding,) = merged.findings
    assert (finding.code, finding.objects) == ("prediction-merged", merged.read - merged.written)
    home = json.loads((tmp_path / "0.3.json").read_text(encoding="utf-8"))
    assert len({row["file_name"] for row in home}) == merged.images == 8
    for one in home:
        rivals = [other for other in home if other is not one and other["file_name"] == one["file_name"]]
        assert all(overlap(detected(one["bbox"]), detected(other["bbox"])) <= 0.3 for other in rivals)


def detected(bbox: list[float]) -> Detection:
    x, y, width, height = bbox
    return Detection("", "", 1.0, np.array([(x, y), (x + width, y + height)]))


def test_rows_of_text_files_are_merged_too(tmp_path: Path) -> None:
    coco_set(tmp_path / "source", "stored")
    run = run_of(tmp_path / "source", tmp_path / "out", "yolo", (), "stored")
    (tmp_path / "labels").mkdir()
    for path in (run.root / "labels" / "train").glob("*.txt"):
        row = path.read_text(encoding="utf-8").strip()
        (tmp_path / "labels" / path.name).write_text(f"{row} 0.5\n{row} 0.9\n", encoding="utf-8")
    done = unmap(run, tmp_path / "labels", tmp_path / "home", nms=0.5)
    assert (done.read, done.written) == (16, 8)
    assert all(path.read_text(encoding="utf-8").endswith(" 0.9\n") for path in (tmp_path / "home").rglob("*.txt"))


@pytest.mark.parametrize("nms", [0.0, 1.0, -1, "much"])
def test_a_share_that_is_none_is_refused(tmp_path: Path, nms: float) -> None:
    coco_set(tmp_path / "source", "stored")
    run = run_of(tmp_path / "source", tmp_path / "out", "coco", (), "stored")
    with pytest.raises(UsageError, match="nms: have"):
        unmap(run, write(tmp_path / "results.json", []), tmp_path / "home.json", nms=nms)
