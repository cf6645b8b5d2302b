from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.shape_choice import best_shape, shape_area, shapes_of
from bboxprep.transform import outline
from bboxprep.transform.outline import Outlines
from tests.strategies import instances, sizes


@given(st.data())
def test_the_best_shape_is_the_first_and_the_one_that_outlines_measure(data: st.DataObject) -> None:
    objects: Instances = data.draw(instances(data.draw(sizes())))
    outlines = Outlines.of(objects)
    for row, (rings, mask) in enumerate(zip(objects.polygons, objects.masks, strict=True)):
        best, outline = best_shape(rings, mask), outlines.stated(row)
        assert best is next(shapes_of(rings, mask), None)
        turned = bool(objects.has(Column.ORIENTED)[row])
        assert (best is None and not turned) == (outline is None)
        if best is not None and outline is not None:
            assert shape_area(best) == pytest.approx(outline.area)


def test_the_law_catches_a_choice_that_prefers_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    rings = (np.array([(0.0, 0), (4, 0), (4, 2)]),)
    objects = Instances.of([[0, 0, 4, 2]], polygons=[rings], masks=[Rle.from_mask(np.ones((2, 4), dtype=np.bool_))])
    stated = Outlines.of(objects).stated(0)
    assert stated is not None
    assert shape_area(rings) == pytest.approx(stated.area)
    monkeypatch.setattr(outline, "shapes_of", lambda rings, mask: reversed(list(shapes_of(rings, mask))))
    planted = Outlines.of(objects).stated(0)
    assert planted is not None
    assert shape_area(rings) != pytest.approx(planted.area)


def test_polygons_come_before_the_mask_and_an_empty_mask_is_a_shape() -> None:
    rings = (np.array([(0.0, 0), (4, 0), (4, 2)]), np.array([(0.0, 0), (1, 0), (0, 1)]))
    mask = Rle.from_mask(np.zeros((2, 3), dtype=np.bool_))
    assert list(shapes_of(rings, mask)) == [rings, mask]
    assert (shape_area(rings), shape_area(mask)) == (4.5, 0)
    assert best_shape((), mask) is mask
    assert best_shape((), None) is None
    assert mask.size == Size(3, 2)
