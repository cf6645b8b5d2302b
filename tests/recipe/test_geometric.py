from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import PlanError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Place, Plan, Resample
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, RecipeStep, Resize

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


def test_a_letterbox_at_the_top_left_has_all_of_its_margin_at_the_right_and_bottom() -> None:
    centred, placed = Letterbox(640), Letterbox(640, "top-left")
    assert placed.steps(Size(3775, 1571)) == (centred.steps(Size(3775, 1571))[0], Place(Size(640, 640), 0, 0))
    assert (str(placed), placed.options()) == ("letterbox 640x640 top-left", {"size": [640, 640], "place": "top-left"})
    assert centred.options() == {"size": [640, 640]}


@given(SIZES, st.lists(SIZES, min_size=1, max_size=5))
def test_of_several_sizes_an_image_gets_the_one_that_it_fills_the_most_of(size: Size, targets: list[Size]) -> None:
    chosen = Letterbox(sizes=tuple(targets))
    assert outcome(chosen, size) in [outcome(Letterbox(target), size) for target in targets]
    filled = [min(size.width / w, size.height / h) / max(size.width / w, size.height / h) for w, h in targets]
    assert filled[targets.index(outcome(chosen, size).size)] == pytest.approx(max(filled))


def test_sizes_by_hand() -> None:
    step = Letterbox(sizes=((640, 640), (832, 480), (480, 832), (320, 320)))
    chosen = [outcome(step, Size(*size)).size for size in ((640, 480), (1920, 1080), (1080, 1920), (300, 300), (9, 1))]
    assert chosen == [(832, 480), (832, 480), (480, 832), (640, 640), (832, 480)]
    assert str(step) == "letterbox 640x640|832x480|480x832|320x320"
    assert step.options() == {"sizes": [[640, 640], [832, 480], [480, 832], [320, 320]]}


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
