from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes, box_areas
from bboxprep.pipeline.output.run_record import RecordedFinding
from bboxprep.review.display import DisplayedSample
from bboxprep.review.image_cards import Card, Side
from bboxprep.review.statistics import GRID, Statistics
from tests.strategies import boxes, sizes

SMALL = Size(8, 6)


def card(split: str = "train", *, size: Size = SMALL, corners: Boxes | None = None, **changes: Any) -> Card:
    """A card of the output alone."""
    found = np.zeros((0, 4)) if corners is None else corners
    labels = tuple(row % 2 for row in range(len(found)))
    side = Side(DisplayedSample(size, found, labels, [{"c": label, "b": [0, 0, 1, 1]} for label in labels]), None)
    given_fields: dict[str, Any] = {"orientation": 1, "frame": "displayed", "evidence": "upright", "notes": ()}
    rest: dict[str, Any] = {"name": "a.jpg", "after": side, "before": None, "thumb": False, "origin": ""}
    return Card(split=split, **{**given_fields, **rest, **changes})


@given(sizes(), st.data())
def test_every_box_with_an_area_is_counted_once(size: Size, data: st.DataObject) -> None:
    counted = Statistics()
    corners = data.draw(boxes(size, most=6))
    counted.add(card(size=size, corners=corners))
    sound = int((box_areas(corners) > 0).sum())
    assert counted.sides.sum() == counted.aspects.sum() == sound
    assert sum(counted.objects.values()) == len(corners)


@given(sizes(), st.data())
def test_the_heat_is_the_area_of_the_boxes(size: Size, data: st.DataObject) -> None:
    counted = Statistics()
    corners = data.draw(boxes(size, most=6))
    counted.add(card(size=size, corners=corners))
    assert counted.heat.sum() / GRID**2 == pytest.approx(float(box_areas(corners).sum()) / size.pixels, abs=1e-9)


def test_a_box_in_a_corner_warms_that_corner() -> None:
    counted = Statistics()
    counted.add(card(size=Size(64, 64), corners=np.array([[48.0, 0.0, 64.0, 16.0]])))
    assert (counted.heat[: GRID // 4, -GRID // 4 :] == 1).all()
    assert counted.heat.sum() == (GRID // 4) ** 2


def test_what_is_not_finite_or_lies_outside_does_no_harm() -> None:
    counted = Statistics()
    counted.add(card(corners=np.array([[0, np.nan, 2, 2], [-1e300, -1e300, 1e300, 1e300], [90, 90, 91, 91]])))
    assert np.isfinite(counted.heat).all()
    assert (counted.heat == 1).all()
    assert counted.sides.sum() == 1


def test_images_orientations_codes_and_sizes_are_counted() -> None:
    counted = Statistics()
    fault = RecordedFinding("fault", "box-outside", "words")
    counted.add(card("val", orientation=6, evidence="box-bounds", notes=(fault, fault)))
    counted.add(card("val"))
    counted.add(card("train", after=None))
    assert counted.images == {"val": 2, "train": 1}
    assert counted.empty == {"val": 2}
    assert counted.orientations == {(6, "displayed", "box-bounds"): 1, (1, "", ""): 2}
    assert counted.codes == {("fault", "box-outside"): 1}
    assert counted.sizes == {Size(8, 6): 2}
