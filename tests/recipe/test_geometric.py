from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import PlanError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Place, Plan, Resample
from bboxprep.recipe.geometric import Crop, Fill, Fit, Flip, Letterbox, RecipeStep, Resize

SIZES = st.builds(Size, st.integers(1, 5000), st.integers(1, 5000))


def outcome(step: RecipeStep, size: Size) -> Plan:
    return Plan(size).then(*step.steps(size))


@given(SIZES, SIZES)
def test_a_letterbox_has_exactly_the_target_size_and_holds_the_whole_picture(size: Size, target: Size) -> None:
    resample, place = Letterbox(target).steps(size)
    assert isinstance(resample, Resample)
    assert isinstance(place, Place)
    assert outcome(Letterbox(target), size).size == target
    assert 0 <= place.x <= target.width - resample.to.width
    assert 0 <= place.y <= target.height - resample.to.height
    assert resample.to.width == target.width or resample.to.height == target.height


@given(SIZES, SIZES)
def test_a_letterbox_rounds_the_margin_down_on_the_left_and_top(size: Size, target: Size) -> None:
    resample, place = Letterbox(target).steps(size)
    assert isinstance(resample, Resample)
    assert isinstance(place, Place)
    right = target.width - resample.to.width - place.x
    bottom = target.height - resample.to.height - place.y
    assert right - place.x in (0, 1)
    assert bottom - place.y in (0, 1)


@pytest.mark.parametrize(
    ("size", "target", "scaled", "corner"),
    [
        ((3775, 1571), 640, (640, 266), (0, 187)),
        ((640, 480), 640, (640, 480), (0, 80)),
        ((480, 640), 640, (480, 640), (80, 0)),
        ((4032, 3024), 640, (640, 480), (0, 80)),
        ((100, 300), (50, 50), (17, 50), (16, 0)),
        ((1, 5000), 640, (1, 640), (319, 0)),
    ],
)
def test_letterbox_numbers_by_hand(
    size: tuple[int, int], target: int, scaled: tuple[int, int], corner: tuple[int, int]
) -> None:
    resample, place = Letterbox(target).steps(Size(*size))
    assert resample == Resample(Size(*scaled))
    assert place == Place(Size.of(target), *corner)


@given(SIZES, SIZES)
def test_a_fit_lies_inside_the_target_and_touches_it(size: Size, target: Size) -> None:
    fitted = outcome(Fit(target), size).size
    assert fitted.width <= target.width
    assert fitted.height <= target.height
    assert fitted.width == target.width or fitted.height == target.height


@given(SIZES, SIZES)
def test_a_fill_has_exactly_the_target_size_and_no_margin(size: Size, target: Size) -> None:
    plan = outcome(Fill(target), size)
    corners = plan.affine(np.array([[0.0, 0.0], [size.width, size.height]]))
    assert plan.size == target
    assert (corners[0] <= 1e-6).all()
    assert (corners[1] >= [target.width - 1e-6, target.height - 1e-6]).all()


def test_a_resize_stretches() -> None:
    assert outcome(Resize((80, 40)), Size(10, 10)).affine.coefficients == (8.0, 0.0, 0.0, 0.0, 4.0, 0.0)


def test_a_crop_keeps_what_lies_in_the_picture() -> None:
    assert outcome(Crop(25, 10, 75, 46, "%"), Size(20, 30)) == Plan(Size(20, 30), (Place(Size(15, 14), -5, -3),))
    assert outcome(Crop(5, 4, 100, 10), Size(20, 30)) == Plan(Size(20, 30), (Place(Size(15, 10), -5, -4),))


def test_a_crop_beside_the_picture_is_refused() -> None:
    with pytest.raises(PlanError, match="the crop 50,0,5,5 lies outside an image of 20x30"):
        Crop(50, 0, 5, 5).steps(Size(20, 30))


@pytest.mark.parametrize(
    ("step", "arguments"),
    [
        (Letterbox, (0,)),
        (Resize, ((5, -1),)),
        (Crop, (-1, 0, 5, 5)),
        (Crop, (0, 0, 5, 0)),
        (Crop, (50, 0, 60, 5, "%")),
        (Crop, ("5%", 0, 5, 5)),
    ],
)
def test_sizes_that_cannot_be_are_refused(step: Callable[..., RecipeStep], arguments: tuple[object, ...]) -> None:
    with pytest.raises(UsageError, match="want"):
        step(*arguments)


def test_a_flip_says_what_it_takes() -> None:
    with pytest.raises(UsageError, match="have 'sideways', want one of horizontal, vertical, both"):
        Flip("sideways")  # type: ignore[arg-type]
