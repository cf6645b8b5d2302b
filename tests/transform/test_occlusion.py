"""Objects under holes: kept whole, or dropped and listed, by the share of them that is left to be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.images.effects.apply import effects_applied
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.rendering import Effect, Rendering
from bboxprep.model.rle import Rle
from bboxprep.model.validation import Location
from bboxprep.transform.occlusion import drop_occluded

SPOT = Location("a.jpg", "train", ["cat"])
SIZE = Size(20, 20)
Hole = tuple[float, float, float, float]


def cutout(*holes: Hole) -> Effect:
    return Effect("cutout", (("holes", holes),))


@given(
    st.lists(st.tuples(*(st.integers(0, 19),) * 2, *(st.integers(1, 20),) * 2), min_size=1, max_size=5),
    st.lists(st.tuples(*(st.floats(0, 1),) * 4), max_size=5),
    st.sampled_from([0.0, 0.3, 0.8, 1.0]),
)
def test_what_is_dropped_is_what_the_pixels_hide(
    boxes: list[tuple[int, int, int, int]], holes: list[Hole], least: float
) -> None:
    """Counted on a picture whose holes are black, for boxes, polygons and masks alike."""
    corners = [(x, y, min(20, x + width), min(20, y + height)) for x, y, width, height in boxes]
    white = effects_applied(np.full((20, 20), 255, dtype=np.uint8), Rendering(pad=0, effects=(cutout(*holes),)))
    shares = np.array([(white[y0:y1, x0:x1] > 0).mean() for x0, y0, x1, y1 in corners])
    kept = (shares > 0) & (shares >= least - 1e-9)
    masks, polygons = [], []
    for x0, y0, x1, y1 in corners:
        mask = np.zeros((20, 20), dtype=np.bool_)
        mask[y0:y1, x0:x1] = True
        masks.append(Rle.from_mask(mask))
        polygons.append([np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)])
    labels = [0] * len(corners)
    for objects in (
        Instances.of(corners, labels),
        Instances.of(corners, labels, polygons=polygons),
        Instances.of(corners, labels, masks=masks),
    ):
        left, findings = drop_occluded(objects, [cutout(*holes)], SIZE, SPOT, ObjectPolicy(min_visibility=least))
        assert left == objects.select(kept)
        assert [finding.code for finding in findings] == ["box-hidden"] * int((~kept).sum())
        assert sum(finding.objects for finding in findings) == len(objects) - len(left)


def test_holes_that_overlap_hide_no_part_twice() -> None:
    objects = Instances.of([[0, 0, 10, 10]], [0])
    twice = cutout((0.0, 0.0, 0.25, 0.5), (0.0, 0.0, 0.25, 0.5), (0.1, 0.0, 0.2, 0.2))
    left, _ = drop_occluded(objects, [twice], SIZE, SPOT, ObjectPolicy(min_visibility=0.46))
    assert len(left) == 1


@pytest.mark.parametrize(
    "effects", [[], [Effect("blur", (("sigma", 3.0),))], [cutout()]], ids=["none", "blur", "empty"]
)
def test_without_holes_nothing_is_asked(effects: list[Effect]) -> None:
    objects = Instances.of([[0, 0, 10, 10]], [0])
    assert drop_occluded(objects, effects, SIZE, SPOT, ObjectPolicy(min_visibility=1.0)) == (objects, ())
