"""The task of a dataset by its rows: random sets of each kind, and what names none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.formats.yolo import YoloReadOptions, label_task
from bboxprep.formats.yolo_row_kinds import Task
from bboxprep.geometry.affine import Affine, Points
from tests.formats.yolo.trees import ROW, SIZE, codes, grow, read

POSE = "0 0.5 0.5 0.2 0.4 0.45 0.5 2\n"
TRIANGLE = "0 0.1 0.1 0.9 0.2 0.5 0.8\n"


def ring_row(ring: Points) -> str:
    """The row of a polygon in pixels."""
    return " ".join(["1", *(f"{value:.6f}" for value in (ring / np.array(SIZE)).ravel())]) + "\n"


@st.composite
def rectangles(draw: st.DrawFn, *, turned: bool) -> Points:
    """The corners (4, 2) of a rectangle in a picture of `SIZE`, turned by 5 to 40 degrees or upright."""
    width, height = draw(st.integers(10, 40)), draw(st.integers(10, 40))
    angle = draw(st.sampled_from((-1, 1))) * draw(st.integers(5, 40)) if turned else 0
    x, y = draw(st.integers(40, SIZE.width - 40)), draw(st.integers(40, SIZE.height - 40))
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)
    return Affine.translation(x, y)(Affine.rotation(angle)(corners))


def task_of(root: Path, *rows: str, table: str = "names: [cat, dog]\n", task: Task = "auto") -> str:
    """The task of a dataset that has one image for each of `rows`."""
    files = {f"images/train/{number}.jpg": "" for number in range(len(rows))}
    files |= {f"labels/train/{number}.txt": own for number, own in enumerate(rows)}
    return read(grow(root, {**files, "data.yaml": f"train: images/train\n{table}"}), YoloReadOptions(task)).task


@settings(max_examples=30)
@given(st.lists(rectangles(turned=True), min_size=1, max_size=5))
def test_turned_rectangles_alone_are_oriented_boxes(
    tmp_path_factory: pytest.TempPathFactory, rings: list[Points]
) -> None:
    assert task_of(tmp_path_factory.mktemp("set"), "", *map(ring_row, rings)) == "obb"


@settings(max_examples=30)
@given(
    st.lists(rectangles(turned=True), max_size=3),
    st.sampled_from([(TRIANGLE, "segment"), (ROW, ""), ("0 0.5 0.5 0.2 0.4 0.9\n", "")]),
    st.randoms(use_true_random=False),
)
def test_one_row_of_another_kind_decides(
    tmp_path_factory: pytest.TempPathFactory, rings: list[Points], other: tuple[str, str], order: object
) -> None:
    rows = [*map(ring_row, rings), other[0]]
    order.shuffle(rows)  # type: ignore[attr-defined]
    assert task_of(tmp_path_factory.mktemp("set"), *rows) == other[1]


@settings(max_examples=15)
@given(st.lists(rectangles(turned=False), min_size=1, max_size=3))
def test_upright_rectangles_are_polygons(tmp_path_factory: pytest.TempPathFactory, rings: list[Points]) -> None:
    assert task_of(tmp_path_factory.mktemp("set"), *map(ring_row, rings)) == "segment"


def test_four_corners_that_are_no_rectangles_are_polygons(tmp_path: Path) -> None:
    kites = [np.array([(50, 10), (90, 50), (50, 90), (40, 50)]), np.array([(50, 10), (70, 20), (120, 60), (60, 55)])]
    assert task_of(tmp_path, *(ring_row(ring.astype(np.float64)) for ring in kites)) == "segment"


def test_corners_that_were_drawn_by_hand_are_those_of_oriented_boxes(tmp_path: Path) -> None:
    drawn = Affine.rotation(30)(np.array([(80, 0), (121, 1), (119, 20), (80, 19)], dtype=np.float64))
    assert task_of(tmp_path, ring_row(drawn)) == "obb"


def test_what_was_assumed_is_said_and_an_option_says_otherwise(tmp_path: Path) -> None:
    turned = ring_row(Affine.rotation(20)(np.array([(80, 0), (120, 0), (120, 20), (80, 20)], dtype=np.float64)))
    assert task_of(tmp_path / "set", turned) == "obb"
    (said,) = [one for one in read(tmp_path / "set").findings if one.code == "task-assumed"]
    assert "`task='segment'`" in said.message
    for task in ("segment", "obb"):
        dataset = read(tmp_path / "set", YoloReadOptions(task))
        assert (dataset.task, codes(dataset)) == (task, [])


@pytest.mark.parametrize(
    ("table", "rows", "task"),
    [
        ("names: [cat]\nkpt_shape: [1, 3]\n", (POSE,), "pose"),
        ("names: [cat]\nkpt_shape: [1, 3]\n", (ROW, POSE), "pose"),
        ("names: [cat]\n", (ROW,), ""),
        ("names: [cat]\n", ("", "\n"), ""),
    ],
)
def test_keypoints_are_stated_and_boxes_name_no_task(
    tmp_path: Path, table: str, rows: tuple[str, ...], task: str
) -> None:
    assert task_of(tmp_path, *rows, table=table) == task


def test_of_boxes_one_label_file_alone_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    known: Callable[..., Any] = vars(label_task)["read_labels"]

    def counted(*arguments: Any) -> Any:
        asked.append(1)
        return known(*arguments)

    monkeypatch.setattr(label_task, "read_labels", counted)
    assert task_of(tmp_path, "", ROW, ROW, TRIANGLE) == ""
    assert len(asked) == 2
