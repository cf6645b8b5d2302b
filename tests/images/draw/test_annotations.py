from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from bboxprep.geometry.affine import Size
from bboxprep.images.draw.annotations import PALETTE, draw
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from tests import strategies

BLACK = np.zeros((480, 640, 3), dtype=np.uint8)
NAMES = ("person", "dog")


def drawn(pixels: NDArray[np.uint8], instances: Instances, names: tuple[str, ...] = NAMES) -> NDArray[np.uint8]:
    with Image.open(BytesIO(draw(pixels, instances, names))) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def extent(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """The edges x0 y0 x1 y1 of all that has exactly this colour."""
    rows, columns = np.nonzero((pixels == colour).all(axis=-1))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize("label", range(7))
def test_a_box_is_drawn_inside_its_edges_in_the_colour_of_its_class(label: int) -> None:
    pixels = drawn(BLACK, Instances.of([[100, 120, 300, 400]], [label]), ("",) * 7)
    assert extent(pixels, PALETTE[label]) == (100, 120, 300, 400)
    assert not pixels[200:300, 150:250].any()


def test_a_name_stands_on_a_chip_of_its_class_colour_also_at_the_upper_edge() -> None:
    for top in (200, 0):
        pixels = drawn(BLACK, Instances.of([[100, top, 300, 400]], [1]))
        chip = pixels[max(top - 12, 3) : max(top - 12, 3) + 8, 101:120]
        assert (chip == PALETTE[1]).all(axis=-1).any()
        assert (chip == (16, 16, 16)).all(axis=-1).any()


def test_a_mask_a_polygon_and_keypoints_leave_their_mark_where_they_are() -> None:
    mask = np.zeros((480, 640), dtype=bool)
    mask[300:340, 20:60] = True
    objects = Instances.of(
        [[10, 10, 630, 470]],
        [0],
        masks=[Rle.from_mask(mask)],
        polygons=[[[[400, 100], [500, 100], [500, 200], [400, 200]]]],
        keypoints=[[[250, 250], [300, 250], [350, 250]]],
        visibility=[[2, 1, 0]],
    )
    pixels = drawn(BLACK, objects, ("",))
    assert pixels[320, 40].any()
    assert not pixels[350, 40].any()
    assert pixels[150, 450].any()
    assert tuple(pixels[250, 250]) == PALETTE[0]
    assert not pixels[250, 300].any()
    assert pixels[248:253, 294:307].any()
    assert not pixels[240:260, 340:360].any()


def test_a_small_object_is_drawn_over_a_large_one() -> None:
    pixels = drawn(BLACK, Instances.of([[100, 100, 120, 120], [100, 100, 400, 400]], [0, 1]), ("", ""))
    assert tuple(pixels[100, 105]) == PALETTE[0]


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (Size(40, 80), Size(240, 480)),
        (Size(640, 480), Size(640, 480)),
        (Size(4000, 3000), Size(1600, 1200)),
    ],
)
def test_small_pictures_are_enlarged_and_large_ones_reduced(size: Size, shown: Size) -> None:
    pixels = np.zeros((size.height, size.width), dtype=np.uint8)
    box = [size.width / 4, size.height / 4, size.width / 2, size.height / 2]
    out = drawn(pixels, Instances.of([box], [0]), ("",))
    assert out.shape == (shown.height, shown.width, 3)
    want = (shown.width // 4, shown.height // 4, shown.width // 2, shown.height // 2)
    assert extent(out, PALETTE[0]) == want


def test_the_picture_given_is_not_drawn_on() -> None:
    pixels = BLACK.copy()
    draw(pixels, Instances.of([[1, 1, 50, 50]], [0]), NAMES)
    assert not pixels.any()


def test_the_same_objects_give_the_same_bytes() -> None:
    objects = Instances.of([[1, 1, 50, 50], [20, 20, 70, 70]], [0, 1], scores=[0.5, 0.25])
    assert draw(BLACK, objects, NAMES) == draw(BLACK, objects, NAMES)


@given(st.data(), strategies.sizes(40))
def test_any_objects_can_be_drawn(data: st.DataObject, size: Size) -> None:
    objects = data.draw(strategies.instances(size, spill=30.0))
    assert drawn(np.zeros((size.height, size.width), np.uint8), objects, ("a", "ü", "")).any() or not len(objects)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_no_places_do_no_harm(bad: float) -> None:
    ring = np.array([[bad, 1.0], [2.0, 2.0], [3.0, 3.0]])
    objects = Instances.of(
        np.array([[bad, 1.0, 50.0, 50.0], [1.0, 1.0, 1.0, 1.0], [9.0, 9.0, 2.0, 2.0]]),
        [99, -1, 0],
        polygons=[[], [ring], [ring[1:2]]],
        keypoints=[[[bad, 1]]] * 3,
        visibility=[[2]] * 3,
    )
    assert drawn(BLACK, objects).shape == BLACK.shape
