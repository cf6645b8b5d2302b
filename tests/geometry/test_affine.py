from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Affine, Points, Size
from tests.strategies import affines, points, sizes

some_points = points(Size(64, 64), spill=64.0)


@given(affines(), affines(), some_points)
def test_a_product_does_the_right_factor_first(second: Affine, first: Affine, xy: Points) -> None:
    np.testing.assert_allclose((second @ first)(xy), second(first(xy)), atol=1e-8)


@given(affines(), affines(), affines(), some_points)
def test_products_associate(a: Affine, b: Affine, c: Affine, xy: Points) -> None:
    np.testing.assert_allclose(((a @ b) @ c)(xy), (a @ (b @ c))(xy), atol=1e-6)


@given(affines(), some_points)
def test_the_inverse_undoes_the_map_on_both_sides(affine: Affine, xy: Points) -> None:
    np.testing.assert_allclose((~affine)(affine(xy)), xy, atol=1e-8)
    np.testing.assert_allclose(affine((~affine)(xy)), xy, atol=1e-8)


@given(affines(), affines())
def test_areas_grow_by_the_determinant(a: Affine, b: Affine) -> None:
    assert (a @ b).determinant == pytest.approx(a.determinant * b.determinant, rel=1e-9)
    assert (~a).determinant == pytest.approx(1.0 / a.determinant, rel=1e-9)


@given(affines(), some_points)
def test_the_coefficients_are_the_map(affine: Affine, xy: Points) -> None:
    a, b, c, d, e, f = affine.coefficients
    x, y = xy[:, 0], xy[:, 1]
    assert np.array_equal(affine(xy), np.column_stack((a * x + b * y + c, d * x + e * y + f)))
    assert Affine(*affine.coefficients) == affine


@given(affines(), some_points)
def test_points_of_any_leading_shape_are_mapped_alike(affine: Affine, xy: Points) -> None:
    assert np.array_equal(affine(xy.reshape(1, -1, 1, 2)).reshape(-1, 2), affine(xy))
    assert np.array_equal(affine(xy[0]), affine(xy)[0])


def test_the_default_is_the_identity() -> None:
    xy = np.array([[1.5, -2.0]])
    assert np.array_equal(Affine()(xy), xy)
    assert Affine.scale(2.0, 3.0)(xy).tolist() == [[3.0, -6.0]]
    assert Affine.translation(2.0, 3.0)(xy).tolist() == [[3.5, 1.0]]


def test_a_map_onto_a_line_has_no_inverse() -> None:
    with pytest.raises(UsageError, match="cannot be inverted"):
        ~Affine.scale(1.0, 0.0)


@given(sizes())
def test_a_size_is_width_first(size: Size) -> None:
    assert Size.of((size.width, size.height)) == size == (size.width, size.height)
    assert size.transposed == Size(size.height, size.width)
    assert size.pixels == size.width * size.height
    assert str(size) == f"{size.width}x{size.height}"


@given(st.integers(max_value=0), st.integers(1, 99))
def test_a_size_below_one_is_refused(bad: int, good: int) -> None:
    for value in (bad, (bad, good), (good, bad)):
        with pytest.raises(UsageError, match="want whole numbers of 1 or more"):
            Size.of(value)


@pytest.mark.parametrize("value", [640.0, (640, 1.5), (640,), (1, 2, 3), "640", None])
def test_what_is_not_one_or_two_whole_numbers_is_no_size(value: Any) -> None:
    with pytest.raises(UsageError, match="want one or two whole numbers"):
        Size.of(value)


def test_whole_numbers_of_numpy_become_plain_ones() -> None:
    assert [type(side) for side in Size.of((np.int64(3), np.int64(4)))] == [int, int]  # type: ignore[arg-type]


def test_one_number_is_a_square() -> None:
    assert Size.of(640) == Size(640, 640)


@pytest.mark.parametrize(
    ("degrees", "right"),
    [(0, (1, 0)), (90, (0, 1)), (180, (-1, 0)), (270, (0, -1)), (-90, (0, -1)), (450, (0, 1)), (-360, (1, 0))],
)
def test_right_angles_are_exact_and_go_clockwise(degrees: float, right: tuple[float, float]) -> None:
    assert tuple(Affine.rotation(degrees)(np.array([1.0, 0.0]))) == right


@given(st.floats(-720.0, 720.0), st.floats(-720.0, 720.0))
def test_turns_add_up_and_keep_areas(one: float, other: float) -> None:
    both = Affine.rotation(one) @ Affine.rotation(other)
    np.testing.assert_allclose(both.coefficients, Affine.rotation(one + other).coefficients, atol=1e-12)
    assert both.determinant == pytest.approx(1.0)


@given(st.floats(-80.0, 80.0), st.floats(-80.0, 80.0))
def test_a_lean_keeps_areas(x: float, y: float) -> None:
    assert Affine.shear(x, y).determinant == pytest.approx(1.0, rel=1e-9)


@given(affines(), st.floats(-50.0, 50.0), st.floats(-50.0, 50.0))
def test_a_map_about_a_point_leaves_it_where_its_own_origin_goes(affine: Affine, x: float, y: float) -> None:
    moved = affine.about(x, y)(np.array([x, y])) - np.array([x, y])
    np.testing.assert_allclose(moved, affine(np.zeros(2)), atol=1e-9)
