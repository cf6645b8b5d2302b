"""Oriented boxes in COCO: by their corners, or as CVAT states them, and back again."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bboxprep
from bboxprep.geometry.affine import Points
from bboxprep.geometry.oriented import turned_corners
from bboxprep.geometry.shapes import hull
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from tests.formats.coco import trees
from tests.pipeline.sidecar import trips
from tests.strategies import turned


def written(root: Path, objects: Instances, style: str) -> list[dict[str, Any]]:
    """The records of `objects` in an output below `root`."""
    source = trips.grow(root / "in", trees.dataset_of(trees.sample_of(objects)))
    bboxprep.convert(source, root / "out", "coco", oriented=style, sidecar=False)
    (path,) = (root / "out/annotations").iterdir()
    found: list[dict[str, Any]] = json.loads(path.read_bytes())["annotations"]
    return found


def back(root: Path) -> Instances:
    (sample,) = bboxprep.read(root / "out")
    return sample.instances


def corners_by_hand(record: dict[str, Any]) -> list[tuple[float, float]]:
    """What CVAT makes of a record: its box turned about its centre, clockwise on the screen."""
    x, y, wide, high = record["bbox"]
    angle = math.radians(record["attributes"]["rotation"])
    found = []
    for dx, dy in ((-wide, -high), (wide, -high), (wide, high), (-wide, high)):
        across, down = (
            dx / 2 * math.cos(angle) - dy / 2 * math.sin(angle),
            dx / 2 * math.sin(angle) + dy / 2 * math.cos(angle),
        )
        found.append((x + wide / 2 + across, y + high / 2 + down))
    return found


BAR = turned(np.array([20.0, 18.0, 40.0, 26.0]), 30)


def check(root: Path, corners: Points, style: str) -> None:
    """The law: the record says where the corners are, and they come back."""
    (record,) = written(root, Instances.of([hull(corners)], [0], oriented=[corners]), style)
    if style == "rotation":
        np.testing.assert_allclose(corners_by_hand(record), corners, atol=1e-5)
    else:
        x, y, wide, high = record["bbox"]
        np.testing.assert_allclose([x, y, x + wide, y + high], hull(corners), atol=1e-9)
        np.testing.assert_allclose(record["segmentation"], [corners.ravel()], atol=1e-9)
    again = back(root)
    np.testing.assert_allclose(again.oriented, [corners], atol=1e-5)
    assert not again.polygons.holds_any
    assert again.attributes == ({},)


@pytest.mark.parametrize("style", ["corners", "rotation"])
@given(degrees=st.integers(0, 359))
def test_corners_come_back_in_their_order(tmp_path_factory: pytest.TempPathFactory, style: str, degrees: int) -> None:
    check(tmp_path_factory.mktemp("trip"), turned(np.array([22.0, 18.0, 40.0, 26.0]), degrees), style)


def test_the_law_catches_a_turn_the_other_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bboxprep.formats.coco.records.turned_corners", lambda box, turn: turned_corners(box, -turn))
    with pytest.raises(AssertionError):
        check(tmp_path, BAR, "rotation")


@pytest.mark.parametrize("style", ["corners", "rotation"])
def test_corners_that_are_no_rectangle_or_have_another_outline_stay_exact(tmp_path: Path, style: str) -> None:
    lean = BAR + np.array([[0, 0], [0, 0], [4, 0], [4, 0]])
    mask = Rle.from_mask(np.eye(48, 64, dtype=np.bool_))
    objects = Instances.of(
        [hull(lean), hull(BAR), hull(BAR)],
        [0, 0, 0],
        oriented=[lean, BAR, BAR],
        polygons=[[], [[[20, 18], [40, 18], [40, 26]]], []],
        masks=[None, None, mask],
    )
    written(tmp_path, objects, style)
    again = back(tmp_path)
    np.testing.assert_allclose(again.oriented, [lean, BAR, BAR], atol=1e-9)
    assert [len(rings) for rings in again.polygons] == [0, 1, 0]
    assert [own is not None for own in again.masks] == [False, False, True]
