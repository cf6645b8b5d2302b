"""Maps found from small boxes: any affine map is, and what bends is not taken for one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.shapes import Boxes, map_boxes
from bboxprep.images.effects.recover_affine import PROBES, probes_on, recover_affine
from tests.strategies import sizes

ROWS = np.arange(PROBES)


def seen(boxes: Boxes, size: Size) -> Any:
    """Which of the boxes lie in a picture of `size`."""
    return ((boxes[:, :2] > 0) & (boxes[:, 2:] < np.array(size))).all(axis=1)


@given(sizes(90), st.integers(-180, 180), st.integers(-40, 40), st.booleans(), st.integers(90, 400))
def test_any_affine_map_is_found_from_the_probes_that_are_seen(
    inner: Size, degrees: int, lean: int, mirrored: bool, side: int
) -> None:
    size, canvas = Size(inner.width + 20, inner.height + 20), Size(side, side)
    linear = Affine.rotation(degrees) @ Affine.shear(lean, 0) @ Affine.scale(-1.5 if mirrored else 1.5, 0.7)
    affine = Affine.translation(side / 2, side / 2) @ linear @ Affine.translation(-size.width / 2, -size.height / 2)
    boxes = map_boxes(affine, probes_on(size))
    left = seen(boxes, canvas)
    found = recover_affine(ROWS[left], boxes[left], size, canvas)
    if found.affine is None:
        assert left.sum() < 4
        return
    corners = np.array([[0.0, 0.0], [size.width, 0.0], [0.0, size.height]])
    np.testing.assert_allclose(found.affine(corners), affine(corners), atol=0.02)
    assert found.mirrors == mirrored


@given(sizes(4000))
def test_probes_lie_in_the_picture_and_a_picture_that_stays_is_exactly_the_same(size: Size) -> None:
    assume(min(size) >= 3)
    probes = probes_on(size)
    assert seen(probes, size).all()
    rounded = probes.astype(np.float32).astype(np.float64)
    assert recover_affine(ROWS, rounded, size, size).affine == Affine()


def test_whole_moves_and_flips_are_exact() -> None:
    size = Size(401, 300)
    for affine in (Affine(-1, 0, 401, 0, 1, 0), Affine(0, 1, 80, -1, 0, 320), Affine(1, 0, -50, 0, 1, 7)):
        boxes = map_boxes(affine, probes_on(size)) + 1e-6
        assert recover_affine(ROWS, boxes, size, Size(900, 900)).affine == affine


@pytest.mark.parametrize("bend", [1e-4, 1e-3])
def test_a_bend_is_no_affine_map(bend: float) -> None:
    size = Size(400, 300)
    boxes = probes_on(size)
    bent = boxes + bend * boxes[:, [1, 0, 3, 2]] ** 2
    found = recover_affine(ROWS, bent, size, Size(900, 900))
    assert (found.affine, found.mirrors) == (None, False)
    assert "bends" in found.problem


def test_boxes_on_whole_pixels_are_not_taken_for_a_map() -> None:
    """A transform that moves boxes through masks rounds them, and leaves small ones out at random."""
    size = Size(400, 300)
    assert recover_affine(ROWS, np.floor(probes_on(size)) + np.array([0, 0, 1, 1]), size, size).affine is None


def test_probes_that_are_missing_though_they_should_be_seen_are_no_map() -> None:
    size = Size(400, 300)
    assert recover_affine(ROWS[1:], probes_on(size)[1:], size, size).affine is None
    assert recover_affine(ROWS[:2], probes_on(size)[:2], size, size).affine is None


def test_a_mirrored_margin_is_no_map() -> None:
    size = Size(400, 300)
    found = recover_affine(np.append(ROWS, 0), np.concatenate((probes_on(size), probes_on(size)[:1] + 9)), size, size)
    assert found.affine is None
    assert "mirrored margin" in found.problem
