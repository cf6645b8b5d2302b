"""Oriented boxes of outputs: those of the writer are right, others are not; shapes that are not held are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.oriented import oriented_corners
from bboxprep.geometry.shapes import clip_ring, ring_area
from bboxprep.recipe.geometric import Fit
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.oriented import oriented_off
from bboxprep.verification.region import rectangle
from bboxprep.verification.verify import verify
from tests.verification.outputs import make, photos

SIZE = Size(100, 80)
SAME = Mapped(np.eye(3), np.eye(3), SIZE, rectangle(SIZE), SIZE, SIZE, derived=True)


@st.composite
def turned(draw: st.DrawFn, *, whole: bool = False) -> Points:
    """The corners (4, 2) of a turned rectangle in an image of `SIZE`, whose edges may cut it unless it is `whole`."""
    most, rim = (15, 25) if whole else (40, 0)
    half = draw(st.integers(5, most)), draw(st.integers(5, most))
    x, y, angle = draw(st.integers(rim, 100 - rim)), draw(st.integers(rim, 80 - rim)), draw(st.integers(5, 85))
    ring = Affine.translation(x, y)(Affine.rotation(angle)(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half))
    assume(ring_area(clip_ring(ring, SIZE)) > 20)
    return ring


@given(turned())
def test_the_corners_that_are_written_state_what_is_left(ring: Points) -> None:
    assert oriented_off([ring], oriented_corners(clip_ring(ring, SIZE), SIZE), SAME) <= 2e-3


@given(turned(whole=True), st.sampled_from([(3.0, 0.0), (0.0, -3.0), (2.0, 2.0)]))
def test_corners_elsewhere_do_not(ring: Points, move: tuple[float, float]) -> None:
    assert oriented_off([ring], ring + np.array(move), SAME) > 0.5
    middle = ring.mean(axis=0)
    assert oriented_off([ring], middle + 0.8 * (ring - middle), SAME) > 0.5
    assert oriented_off([ring], middle + 1.3 * (ring - middle), SAME) > 0.5


def test_shapes_that_labels_do_not_hold_are_named(tmp_path: Path) -> None:
    report = verify(make(tmp_path / "out", photos("coco"), "yolo", Recipe(Fit(300))))
    assert report.holds
    held = [f"the labels hold no {kind}, which" for kind in ("polygons", "masks", "keypoints")]
    assert [words.startswith(tuple(held)) for words in report.tallies[1].words] == [True] * 3
    assert verify(make(tmp_path / "same", photos("coco"), "coco", Recipe(Fit(300)))).tallies[1].words == ()
